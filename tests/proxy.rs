//! The proxy of the tests does what it says.

mod support;

use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;

use support::proxy::{Proxy, Strike, Weather};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A listener, a proxy before it, and a connection through it: the node's end and the broker's.
async fn connected() -> (TcpListener, Proxy, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::start(listener.local_addr().expect("an address")).await;
    let (node, broker) = connect(&listener, &proxy).await;
    (listener, proxy, node, broker)
}

async fn connect(listener: &TcpListener, proxy: &Proxy) -> (TcpStream, TcpStream) {
    let node = TcpStream::connect(proxy.address()).await.expect("a proxy");
    let (broker, _) = within("the proxy", listener.accept()).await.expect("it");
    (node, broker)
}

async fn hears(stream: &mut TcpStream, expected: &[u8]) {
    let mut heard = vec![0; expected.len()];
    within("bytes", stream.read_exact(&mut heard))
        .await
        .expect("bytes");
    assert_eq!(heard, expected);
}

async fn end_of(stream: &mut TcpStream) -> std::io::Result<usize> {
    within("the end", stream.read_to_end(&mut Vec::new())).await
}

#[tokio::test]
async fn in_fair_weather_both_directions_pass() {
    let (_listener, proxy, mut node, mut broker) = connected().await;
    node.write_all(b"to the broker")
        .await
        .expect("an open link");
    hears(&mut broker, b"to the broker").await;
    broker
        .write_all(b"to the node")
        .await
        .expect("an open link");
    hears(&mut node, b"to the node").await;
    assert_eq!((proxy.open(), proxy.faults().ended()), (1, 0));
    drop(node);
    assert_eq!(end_of(&mut broker).await.expect("in order"), 0);
}

#[tokio::test]
async fn a_cut_closes_both_ends_and_a_reset_resets_them() {
    let (listener, proxy, mut node, mut broker) = connected().await;
    assert_eq!(proxy.strike(Strike::Cut), 1);
    assert_eq!(end_of(&mut node).await.expect("in order"), 0);
    assert_eq!(end_of(&mut broker).await.expect("in order"), 0);

    let (mut node, mut broker) = connect(&listener, &proxy).await;
    proxy.strike(Strike::Reset);
    for end in [&mut node, &mut broker] {
        let error = end_of(end).await.expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    let faults = proxy.faults();
    assert_eq!(faults.cuts.load(Ordering::Relaxed), 1);
    assert_eq!(faults.resets.load(Ordering::Relaxed), 1);
    assert_eq!(faults.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_truncated_piece_is_the_last() {
    let (_listener, proxy, mut node, mut broker) = connected().await;
    proxy.strike(Strike::Truncate(3));
    node.write_all(b"whole").await.expect("an open link");
    hears(&mut broker, b"whole").await;
    broker.write_all(b"packet").await.expect("an open link");
    hears(&mut node, b"pac").await;
    assert_eq!(end_of(&mut node).await.expect("in order"), 0);
    assert_eq!(proxy.faults().truncations.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stalled_link_is_silent_and_goes_on_later() {
    let (_listener, proxy, mut node, mut broker) = connected().await;
    proxy.set(Weather::Stalled);
    node.write_all(b"held back").await.expect("an open link");
    let mut buffer = [0; 16];
    let silence = tokio::time::timeout(Duration::from_millis(50), broker.read(&mut buffer)).await;
    assert!(silence.is_err(), "{silence:?}");
    proxy.set(Weather::Fair);
    hears(&mut broker, b"held back").await;
}

#[tokio::test]
async fn delayed_and_throttled_bytes_all_arrive() {
    let (_listener, proxy, mut node, mut broker) = connected().await;
    let pause = Duration::from_millis(2);
    for (weather, least) in [
        (Weather::Delayed(pause), pause),
        (Weather::Throttled(pause), 4 * pause),
    ] {
        proxy.set(weather);
        let begin = Instant::now();
        node.write_all(b"bytes").await.expect("an open link");
        hears(&mut broker, b"bytes").await;
        assert!(begin.elapsed() >= least, "{weather:?}");
    }
}

#[tokio::test]
async fn mute_accepts_and_says_nothing_and_refusing_refuses() {
    let (listener, proxy, mut node, _broker) = connected().await;
    proxy.set(Weather::Mute);
    assert_eq!(end_of(&mut node).await.expect("cut"), 0);
    let mut mute = TcpStream::connect(proxy.address()).await.expect("a proxy");
    mute.write_all(b"anybody?").await.expect("an open link");
    let mut buffer = [0; 16];
    let silence = tokio::time::timeout(Duration::from_millis(50), mute.read(&mut buffer)).await;
    assert!(silence.is_err(), "{silence:?}");

    proxy.set(Weather::Refusing);
    within("the refusal", async {
        while TcpStream::connect(proxy.address()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;

    proxy.set(Weather::Fair);
    let mut node = within("the return", async {
        loop {
            if let Ok(node) = TcpStream::connect(proxy.address()).await {
                return node;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (mut broker, _) = within("the proxy", listener.accept()).await.expect("it");
    node.write_all(b"again").await.expect("an open link");
    hears(&mut broker, b"again").await;
    assert_eq!(proxy.faults().muted.load(Ordering::Relaxed), 1);
    assert_eq!(proxy.faults().refusals.load(Ordering::Relaxed), 1);
}
