//! The countersign command.

use std::{env, process::ExitCode};

/// Gives what an attack took back to the system within seconds, which glibc's allocator does only by chance.
#[cfg(all(feature = "jemalloc", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    countersign_cli::run(env::args_os())
}
