//! An axum app with every layer, as a separate process. It prints its address, and then for each line on standard input
//! the number of handler calls and of tasks, except the task that accepts connections.

use std::{
    io::{self, BufRead, Write},
    sync::{Arc, atomic::Ordering},
};

use countersign_tests::target::{Served, app};

/// As in `countersign serve`: the system's allocator keeps so much memory that it would hide the app's own.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> io::Result<()> {
    let handled = Arc::default();
    let server = Served::new(app(&handled), Arc::clone(&handled));
    let mut out = io::stdout().lock();
    writeln!(out, "{}", server.address())?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        writeln!(out, "{} {}", handled.load(Ordering::SeqCst), server.tasks())?;
        out.flush()?;
    }
    Ok(())
}
