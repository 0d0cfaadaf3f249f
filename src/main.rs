//! The life of the process.

use std::process::ExitCode;

use clap::Parser;
use piglow_node::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
