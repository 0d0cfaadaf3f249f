//! Puts the commit into the version; asks git and nothing else, and does without it where there is none.

use std::path::Path;
use std::process::Command;

fn main() {
    // A path that is not there would count as changed at every build.
    for path in ["build.rs", ".git/HEAD", ".git/refs", ".git/packed-refs"] {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-env-changed=PIGLOW_COMMIT");
    let package = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = std::env::var("PIGLOW_COMMIT").ok().or_else(commit_of_git);
    let version = match commit.filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{package} ({commit})"),
        None => package,
    };
    println!("cargo::rustc-env=PIGLOW_VERSION={version}");
}

fn commit_of_git() -> Option<String> {
    let output = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
