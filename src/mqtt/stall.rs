//! A socket that nobody reads at the other end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The other end has taken nothing for this long.
#[derive(Debug, thiserror::Error)]
#[error("nothing of what was written has been taken for {0:?}")]
pub(super) struct Stalled(Duration);

/// A stream whose writes fail when the other end takes nothing for too long.
///
/// The library writes without a limit of time, and sends no signs of life meanwhile: behind a half-open link with full
/// buffers it would wait for as long as the system does, which is a quarter of an hour.
pub(crate) struct StallGuard<S> {
    stream: S,
    limit: Duration,
    clock: Option<Pin<Box<Sleep>>>,
}

impl<S> StallGuard<S> {
    pub(crate) fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            clock: None,
        }
    }

    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.clock = None;
            return outcome;
        }
        let limit = self.limit;
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep(limit)));
        clock
            .as_mut()
            .poll(context)
            .map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, Stalled(limit))))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallGuard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (near, far) = duplex(16);
        let mut guarded = StallGuard::new(near, LIMIT);
        let begun = Instant::now();
        let error = guarded.write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.get_ref().unwrap().is::<Stalled>());
        assert_eq!(begun.elapsed().as_secs(), 30);
        drop(far);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_is_waited_for() {
        let (near, mut far) = duplex(16);
        let mut guarded = StallGuard::new(near, LIMIT);
        let reader = async {
            let mut all = Vec::new();
            let mut part = [0; 16];
            while all.len() < 64 {
                sleep(LIMIT - Duration::from_secs(1)).await;
                let count = far.read(&mut part).await.unwrap();
                all.extend_from_slice(&part[..count]);
            }
            all
        };
        let (written, read) = tokio::join!(guarded.write_all(&[7; 64]), reader);
        written.unwrap();
        assert_eq!(read, [7; 64]);
    }
}
