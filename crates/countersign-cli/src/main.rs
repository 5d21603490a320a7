//! The `countersign` binary.

use std::{env, process::ExitCode};

/// Returns the memory that an attack took to the system within seconds. glibc's allocator does so only by chance.
#[cfg(all(feature = "jemalloc", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    countersign_cli::run(env::args_os())
}
