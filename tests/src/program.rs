//! The program itself, which `tests/run.sh` builds beside the tests.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The program.
///
/// # Panics
///
/// If it was not built.
pub fn program() -> PathBuf {
    let tests = env::current_exe().expect("a test is a file");
    let program = tests.ancestors().nth(2).expect("tests are two folders deep").join("countersign");
    assert!(program.exists(), "build the program first: cargo build --bin countersign");
    program
}

/// The folder of the workspace.
///
/// # Panics
///
/// Never: this package stands in it.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is not at the root")
}
