//! A mocked `/dev/i2c-1` for the unmodified program: umockdev answers its system calls, `tests/i2c/bus.py` says how.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::mosquitto::program;
use super::until;

/// One transfer: the address, and the bytes that were written to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub address: u8,
    pub bytes: Vec<u8>,
}

/// What the mocked bus has told so far.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The transfers that were acknowledged.
    pub transfers: Vec<Transfer>,
    /// Calls that were made to fail.
    pub failed: usize,
    /// Calls that no program of ours has to make: reads, and what is no I2C.
    pub strange: Vec<String>,
    /// Orders that were carried out.
    done: usize,
    /// The folder that stands for `/dev` and `/sys`.
    root: String,
}

/// A host with an I2C bus that a test can break; it ends when it is dropped.
pub struct MockedBus {
    told: watch::Receiver<Told>,
    orders: ChildStdin,
    ordered: usize,
    _process: Child,
    _reader: JoinSet<()>,
}

impl MockedBus {
    /// Starts a host without a bus.
    pub async fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/i2c/bus.py");
        // Debian's own Python is the one that its packages are for.
        let mut process = Command::new(program("umockdev-wrapper"))
            .arg("/usr/bin/python3")
            .arg("-B")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("umockdev-wrapper starts");
        let orders = process.stdin.take().expect("a pipe");
        let output = process.stdout.take().expect("a pipe");
        let (sender, told) = watch::channel(Told::default());
        let mut reader = JoinSet::new();
        reader.spawn(read(output, Arc::new(sender)));
        let mut bus = Self {
            told,
            orders,
            ordered: 0,
            _process: process,
            _reader: reader,
        };
        bus.tells("its folder", |told| !told.root.is_empty()).await;
        bus
    }

    /// Starts a host with a bus and a chip on it.
    pub async fn plugged() -> Self {
        let mut bus = Self::start().await;
        bus.order("plug").await;
        bus
    }

    /// Has an order of `tests/i2c/bus.py` carried out.
    pub async fn order(&mut self, order: &str) {
        self.orders
            .write_all(format!("{order}\n").as_bytes())
            .await
            .expect("the bus listens");
        self.ordered += 1;
        let ordered = self.ordered;
        self.tells(order, |told| told.done >= ordered).await;
    }

    /// What makes a program see this bus.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("UMOCKDEV_DIR", self.told.borrow().root.clone()),
            ("LD_PRELOAD", "libumockdev-preload.so.0".to_owned()),
        ]
    }

    /// What has been told so far.
    pub fn told(&self) -> Told {
        self.told.borrow().clone()
    }

    /// Waits until something has been told.
    pub async fn tells(&mut self, what: &str, wanted: impl FnMut(&Told) -> bool) -> Told {
        until(what, &mut self.told, wanted).await
    }

    /// Waits until the newest transfer carries these bytes.
    pub async fn carries(&mut self, what: &str, bytes: &[u8]) {
        let newest = |told: &Told| {
            told.transfers
                .last()
                .is_some_and(|last| last.bytes == bytes)
        };
        if tokio::time::timeout(super::PATIENCE, self.told.wait_for(newest))
            .await
            .is_err()
        {
            panic!(
                "{what}: the bus carries {:02x?}",
                self.told().transfers.last()
            );
        }
    }
}

async fn read(output: ChildStdout, told: Arc<watch::Sender<Told>>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        told.send_modify(|told| told.take(&line));
    }
}

impl Told {
    fn take(&mut self, line: &str) {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        match what {
            "root" => rest.clone_into(&mut self.root),
            "done" => self.done += 1,
            "failed" => self.failed += 1,
            "write" => self.transfers.push(transfer(rest)),
            _ => self.strange.push(line.to_owned()),
        }
    }
}

/// Reads the address and the bytes, both in hexadecimal.
fn transfer(words: &str) -> Transfer {
    let (address, bytes) = words.split_once(' ').expect("an address and bytes");
    let number = |digits| u8::from_str_radix(digits, 16).expect("hexadecimal digits");
    let pairs = bytes.as_bytes().chunks(2);
    let digits = |pair| std::str::from_utf8(pair).expect("hexadecimal digits");
    Transfer {
        address: number(address),
        bytes: pairs.map(|pair| number(digits(pair))).collect(),
    }
}
