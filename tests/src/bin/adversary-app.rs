//! An axum app with every layer, as a process of its own. Tells where it listens, and then, for each line on standard input,
//! how often its handlers ran and how many tasks it has beside the one that accepts connections.

use std::{
    io::{self, BufRead, Write},
    sync::{Arc, atomic::Ordering},
};

use countersign_tests::target::{Served, app};

/// As in `countersign serve`: what the system's own keeps of a crowd would hide what the app does.
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
