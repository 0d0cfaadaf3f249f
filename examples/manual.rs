//! Man pages and shell completions from the command definitions, for packages.
//!
//! `cargo run --no-default-features --example manual -- DIR` writes `DIR/man/*.1` and `DIR/completions/{bash,fish,zsh}/`, of
//! the commands that a build with the same features has.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use piglow_node::cli::Cli;

const PROGRAM: &str = "piglow-node";

fn main() -> anyhow::Result<()> {
    let folder: PathBuf = env::args_os()
        .nth(1)
        .context("expected the folder to write to")?
        .into();
    let pages = made(&folder.join("man"))?;
    clap_mangen::generate_to(Cli::command(), &pages)
        .with_context(|| format!("failed to write man pages to {}", pages.display()))?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        let scripts = made(&folder.join("completions").join(shell.to_string()))?;
        clap_complete::generate_to(shell, &mut Cli::command(), PROGRAM, &scripts)
            .with_context(|| format!("failed to write the completions for {shell}"))?;
    }
    Ok(())
}

/// The folder, which is there afterwards.
fn made(folder: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder)
        .with_context(|| format!("failed to make the folder {}", folder.display()))?;
    Ok(folder.to_owned())
}
