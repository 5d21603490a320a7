//! Finds and runs the program, which `cargo test --workspace` builds together with the tests.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The program.
///
/// # Panics
///
/// If it was not built.
pub fn program() -> PathBuf {
    beside_the_tests("countersign")
}

/// A program that is built together with the tests.
pub(crate) fn beside_the_tests(name: &str) -> PathBuf {
    let tests = env::current_exe().expect("a test is a file");
    let program = tests.ancestors().nth(2).expect("tests are two folders deep").join(name);
    assert!(program.exists(), "build the program first: cargo build --bin {name}");
    program
}

/// The first line that a command writes to standard error. The command is stopped then.
///
/// # Panics
///
/// If it does not start.
pub fn first_line(command: &mut Command) -> String {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the command starts");
    let mut line = String::new();
    let read = child.stderr.take().map(|stderr| BufReader::new(stderr).read_line(&mut line));
    // Stopped before anything can panic, so that no process is left behind.
    let _ = child.kill();
    let _ = child.wait();
    read.transpose().expect("what it writes is text");
    line
}

/// The folder of the workspace.
///
/// # Panics
///
/// Never: this package is in it.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is not at the root")
}
