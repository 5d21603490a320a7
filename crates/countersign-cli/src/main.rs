//! The countersign command.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    countersign_cli::run(env::args_os())
}
