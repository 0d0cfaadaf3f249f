//! As much of HTTP as a test needs to talk JSON with a server on this machine.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than anything that is asked for takes: a browser draws without a graphics processor here.
const PATIENCE: Duration = Duration::from_secs(100);

/// Sends a request; the status and the body of the answer, `null` when it is not JSON.
pub async fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let line = format!("{method} {path}");
    let asked = line.clone();
    let answer = tokio::task::spawn_blocking(move || exchange(server, &asked, body.as_ref()));
    // It ends by itself: the stream has the timeout.
    answer
        .await
        .expect("it does not panic")
        .unwrap_or_else(|error| panic!("{line} at {server}: {error}"))
}

/// The same, blocking: for `drop`.
pub fn exchange(server: SocketAddr, line: &str, body: Option<&Value>) -> io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    // To the announced length, or to the end: not every server closes when it has answered.
    let mut answer = Vec::new();
    let mut chunk = [0; 64 * 1024];
    while !complete(&answer) {
        match stream.read(&mut chunk)? {
            0 => break,
            count => answer.extend_from_slice(&chunk[..count]),
        }
    }
    parse(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((
        std::str::from_utf8(&answer[..end]).ok()?,
        &answer[end + 4..],
    ))
}

fn complete(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}

fn parse(answer: &[u8]) -> Option<(u16, Value)> {
    let (head, body) = split(answer)?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, serde_json::from_slice(body).unwrap_or_default()))
}
