//! Writes lines to a standard stream on a thread of their own, since their reader may have stopped reading.

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
use crate::{moment, output::escaped};

/// A queue of lines to be written.
pub(super) struct Lines {
    queue: mpsc::Sender<Line>,
    /// A permit for each byte that their texts may have together.
    room: Arc<Semaphore>,
    /// How many lines were dropped and not reported yet.
    dropped: Arc<AtomicU64>,
}

struct Line {
    text: Vec<u8>,
    /// Its part of the room, released when the line is written.
    _room: OwnedSemaphorePermit,
    /// Tells the caller that waits for it the outcome.
    written: Option<oneshot::Sender<io::Result<()>>>,
}

impl Lines {
    pub(super) fn to(out: Stream<impl Write + Send + 'static>) -> Self {
        let (queue, lines) = mpsc::channel(MAX_QUEUED_LINES);
        let dropped = Arc::default();
        let dropped_lines = Arc::clone(&dropped);
        thread::spawn(move || write_all(out, lines, &dropped_lines));
        Self { queue, room: Arc::new(Semaphore::new(MAX_QUEUED_BYTES as usize)), dropped }
    }

    /// Writes a line, and waits for that at most `limit`.
    pub(super) async fn write(&self, line: &Json, limit: Duration) -> io::Result<()> {
        self.put(text(line), limit).await
    }

    /// Queues a line. If the queue is full, the line is dropped, and a later line tells how many were.
    pub(super) fn note(&self, line: &Json) {
        self.note_text(text(line));
    }

    /// Waits until all queued lines are written, at most [`DRAIN_TIMEOUT`].
    pub(super) async fn drained(&self) {
        // A failure could be reported only on the stream that failed.
        let _ = self.put(Vec::new(), DRAIN_TIMEOUT).await;
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

    /// Queues a text that already ends with a line end.
    pub(super) fn note_text(&self, text: Vec<u8>) {
        let room = Arc::clone(&self.room).try_acquire_many_owned(share(&text)).ok();
        let queued = room.and_then(|room| self.queue.try_send(Line { text, _room: room, written: None }).ok());
        if queued.is_none() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            metrics::counter!(LINES_DROPPED).increment(1);
        }
    }
}

/// For `tracing`, which writes one line at a time.
impl Write for &Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.note_text(escaped(&String::from_utf8_lossy(text)).into_owned().into_bytes());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(mut out: Stream<impl Write>, mut lines: mpsc::Receiver<Line>, dropped: &AtomicU64) {
    let mut batch = Vec::new();
    // All lines that wait are kept by one flush, which takes milliseconds on a disk.
    while lines.blocking_recv_many(&mut batch, MAX_QUEUED_LINES) > 0 {
        // The caller of another waited too long, and has answered that the line is not written.
        let expected = batch.drain(..).filter(|line| !line.written.as_ref().is_some_and(oneshot::Sender::is_closed));
        let written: Vec<_> = expected.map(|line| (out.write(&line.text), line.written)).collect();
        let kept = out.keep();
        for (outcome, caller) in written {
            // An `io::Error` cannot be cloned.
            let outcome =
                outcome.and(kept.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string())).copied());
            caller.map(|caller| caller.send(outcome));
        }
        let count = dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            // If this fails, only the count is lost.
            let _ = out.write(&text(&lost(count)));
        }
    }
}

fn lost(count: u64) -> Json {
    json!({ "time": moment::stamp(), "verdict": "lines_dropped", "lines": count })
}

fn text(line: &Json) -> Vec<u8> {
    escaped(&format!("{line}\n")).into_owned().into_bytes()
}

/// How much of the room a text takes. A text that is larger than the room takes all of it.
fn share(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX).min(MAX_QUEUED_BYTES)
}

/// In bytes. With `--bodies`, a line is as long as a body.
const MAX_QUEUED_BYTES: u32 = 64 << 20;

/// In lines. Enough for a moment in which nobody reads.
const MAX_QUEUED_LINES: usize = 1024;

/// How long the process waits at its end for lines that are not written yet.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use std::sync::mpsc as threads;

    use super::*;

    /// Blocks every write until the sender is dropped.
    struct Stopped(threads::Receiver<()>);

    impl Write for Stopped {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            // Returns at once when the sender is dropped.
            let _ = self.0.recv();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Fails to keep what was written until the sender is dropped.
    struct Unkept(threads::Receiver<()>);

    impl Write for Unkept {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            match self.0.try_recv() {
                Err(threads::TryRecvError::Empty) => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        }
    }

    #[tokio::test]
    async fn a_line_that_was_written_and_may_not_outlast_a_power_cut_is_not_reported_as_written() {
        let (mend, broken) = threads::channel();
        let lines = Lines::to(Stream::new(Unkept(broken)));
        let refused = lines.write(&json!({}), DRAIN_TIMEOUT).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        drop(mend);
        lines.write(&json!({}), DRAIN_TIMEOUT).await.unwrap();
    }

    #[tokio::test]
    async fn queued_lines_are_bounded_in_bytes_and_a_single_one_may_be_larger() {
        let (go, stopped) = threads::channel();
        let lines = Lines::to(Stream::new(Stopped(stopped)));
        let large = vec![b'x'; MAX_QUEUED_BYTES as usize / 8];
        for _ in 0..12 {
            lines.note_text(large.clone());
        }
        assert_eq!(lines.dropped.load(Ordering::Relaxed), 4);
        drop(go);
        lines.put(vec![b'x'; MAX_QUEUED_BYTES as usize + 1], DRAIN_TIMEOUT).await.unwrap();
    }
}
