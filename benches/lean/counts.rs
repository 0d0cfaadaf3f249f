//! Does a thing so many times, for somebody who counts instructions: `piglow-node-counts frame|command|sample N`

use std::process::ExitCode;

#[path = "work.rs"]
mod work;

use work::Work;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    let times = words.next().and_then(|times| times.parse().ok());
    let (Some(times), Some(act)) = (times, act(&what)) else {
        eprintln!("usage: piglow-node-counts frame|command|sample N");
        return ExitCode::from(2);
    };
    let mut work = Work::new();
    for _ in 0u32..times {
        act(&mut work);
    }
    ExitCode::SUCCESS
}

fn act(what: &str) -> Option<fn(&mut Work)> {
    Some(match what {
        "frame" => Work::frame,
        "command" => Work::command,
        "sample" => |work| {
            work.sample();
        },
        _ => return None,
    })
}
