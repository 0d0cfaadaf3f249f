//! The program itself, as a process.

use std::ffi::OsStr;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::within;

/// A process of ours, killed when it is dropped.
pub struct Program {
    process: Child,
    lines: watch::Receiver<usize>,
    said: Arc<Mutex<Vec<String>>>,
    _readers: JoinSet<()>,
}

/// The program with an environment of its own.
fn command<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piglow-node"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIGLOW_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub async fn output<A: AsRef<OsStr>>(arguments: &[A], environment: &[(&str, &str)]) -> Output {
    let mut command = command(arguments);
    command.envs(environment.iter().copied());
    within("the program's end", command.output())
        .await
        .expect("the program starts")
}

impl Program {
    /// Starts the program and reads what it says, on standard output and standard error.
    pub fn start<A: AsRef<OsStr>>(arguments: &[A]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same with more in its environment.
    pub fn start_with<A: AsRef<OsStr>>(arguments: &[A], environment: &[(&str, &str)]) -> Self {
        Self::spawn(command(arguments).envs(environment.iter().copied()))
    }

    /// The same for a program of somebody else's.
    pub fn spawn(command: &mut Command) -> Self {
        let mut process = command
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (count, lines) = watch::channel(0);
        let count = Arc::new(count);
        let said = Arc::<Mutex<Vec<String>>>::default();
        let mut readers = JoinSet::new();
        let output = process.stdout.take().expect("a pipe");
        let errors = process.stderr.take().expect("a pipe");
        readers.spawn(read(output, Arc::clone(&said), Arc::clone(&count)));
        readers.spawn(read(errors, Arc::clone(&said), count));
        Self {
            process,
            lines,
            said,
            _readers: readers,
        }
    }

    /// Everything it has said.
    pub fn said(&self) -> Vec<String> {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until it has said a line with this text.
    pub async fn says(&mut self, text: &str) -> String {
        let said = Arc::clone(&self.said);
        let find = || {
            let said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.iter().find(|line| line.contains(text)).cloned()
        };
        // It may have ended before the last line was looked at.
        drop(within(text, self.lines.wait_for(|_| find().is_some())).await);
        find().unwrap_or_else(|| panic!("it ended without saying {text:?}, but {:#?}", self.said()))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &id])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -s {name} {id}"
        );
    }

    /// Waits for its end; its exit code.
    pub async fn ends(&mut self) -> Option<i32> {
        let status = within("the program's end", self.process.wait()).await;
        status.expect("a status").code()
    }
}

async fn read(
    stream: impl AsyncRead + Unpin,
    said: Arc<Mutex<Vec<String>>>,
    count: Arc<watch::Sender<usize>>,
) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
        count.send_modify(|count| *count += 1);
    }
}
