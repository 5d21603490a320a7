//! Lines on a standard stream, written by a thread of their own: whoever reads them may have stopped to.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use countersign_tower::metrics::LINES_DROPPED;
use serde_json::{Value as Json, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};

use super::stream::Stream;
use crate::{moment, output::tame};

/// The lines that wait to be written.
pub(super) struct Lines {
    queue: mpsc::Sender<Line>,
    /// Room for their texts, in bytes.
    room: Arc<Semaphore>,
    /// How many found no place, and were not told of yet.
    dropped: Arc<AtomicU64>,
}

struct Line {
    text: Vec<u8>,
    /// Its part of the room. It is given back when the line is written.
    _room: OwnedSemaphorePermit,
    /// Tells whoever waits for it.
    written: Option<oneshot::Sender<io::Result<()>>>,
}

impl Lines {
    pub(super) fn to(out: Stream<impl Write + Send + 'static>) -> Self {
        let (queue, lines) = mpsc::channel(QUEUE);
        let dropped = Arc::default();
        let told = Arc::clone(&dropped);
        thread::spawn(move || write_all(out, lines, &told));
        Self { queue, room: Arc::new(Semaphore::new(ROOM as usize)), dropped }
    }

    /// Writes a line and waits until it is there, but not for longer than `limit`.
    pub(super) async fn write(&self, line: &Json, limit: Duration) -> io::Result<()> {
        self.put(text(line), limit).await
    }

    /// Has a line written when its turn comes. If there is no place for it, it is dropped, and a later line tells how many were.
    pub(super) fn note(&self, line: &Json) {
        self.note_text(text(line));
    }

    /// Waits until everything is written that was noted, but not for longer than [`PATIENCE`].
    pub(super) async fn drained(&self) {
        // If that takes longer, there is nowhere left to say so.
        let _ = self.put(Vec::new(), PATIENCE).await;
    }

    async fn put(&self, text: Vec<u8>, limit: Duration) -> io::Result<()> {
        let (written, is_written) = oneshot::channel();
        timeout(limit, async {
            let room = Arc::clone(&self.room).acquire_many_owned(share(&text)).await.map_err(io::Error::other)?;
            let line = Line { text, _room: room, written: Some(written) };
            self.queue.send(line).await.map_err(io::Error::other)?;
            is_written.await.map_err(io::Error::other)?
        })
        .await?
    }

    /// A line that is there as text, with its end.
    pub(super) fn note_text(&self, text: Vec<u8>) {
        let room = Arc::clone(&self.room).try_acquire_many_owned(share(&text)).ok();
        let queued = room.and_then(|room| self.queue.try_send(Line { text, _room: room, written: None }).ok());
        if queued.is_none() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            metrics::counter!(LINES_DROPPED).increment(1);
        }
    }
}

/// For `tracing`, which writes a line at a time.
impl Write for &Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.note_text(tame(&String::from_utf8_lossy(text)).into_owned().into_bytes());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(mut out: Stream<impl Write>, mut lines: mpsc::Receiver<Line>, dropped: &AtomicU64) {
    while let Some(Line { text, _room: room, written }) = lines.blocking_recv() {
        // Whoever has waited too long has answered that it is not written.
        if written.as_ref().is_some_and(oneshot::Sender::is_closed) {
            continue;
        }
        let outcome = out.write(&text);
        drop((text, room));
        written.map(|written| written.send(outcome));
        let count = dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            // That they are lost is all that is lost with it.
            let _ = out.write(&self::text(&lost(count)));
        }
    }
}

fn lost(count: u64) -> Json {
    json!({ "time": moment::stamp(), "verdict": "lines_dropped", "lines": count })
}

fn text(line: &Json) -> Vec<u8> {
    tame(&format!("{line}\n")).into_owned().into_bytes()
}

/// How much of the room a text takes. One that is larger than all of it waits until it has it for itself.
fn share(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX).min(ROOM)
}

/// In bytes: with `--bodies`, a line is as long as a body.
const ROOM: u32 = 64 << 20;

/// In lines: enough for a moment in which nobody reads.
const QUEUE: usize = 1024;

/// How long the end waits for what is still to be written.
const PATIENCE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use std::sync::mpsc as threads;

    use super::*;

    /// Nobody reads what is written, until they are told to.
    struct Stopped(threads::Receiver<()>);

    impl Write for Stopped {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            // From then on it goes on at once.
            let _ = self.0.recv();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn lines_that_wait_are_bounded_in_bytes_and_one_may_be_larger_than_that() {
        let (go, stopped) = threads::channel();
        let lines = Lines::to(Stream::new(Stopped(stopped)));
        let large = vec![b'x'; ROOM as usize / 8];
        for _ in 0..12 {
            lines.note_text(large.clone());
        }
        assert_eq!(lines.dropped.load(Ordering::Relaxed), 4);
        drop(go);
        lines.put(vec![b'x'; ROOM as usize + 1], PATIENCE).await.unwrap();
    }
}
