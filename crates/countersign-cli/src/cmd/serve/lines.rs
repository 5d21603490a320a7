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
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::stream::Stream;
use crate::moment;

/// The lines that wait to be written.
pub(super) struct Lines {
    queue: mpsc::Sender<Line>,
    /// How many found no place, and were not told of yet.
    dropped: Arc<AtomicU64>,
}

struct Line {
    text: Vec<u8>,
    /// Tells whoever waits for it.
    written: Option<oneshot::Sender<io::Result<()>>>,
}

impl Lines {
    pub(super) fn to(out: Stream<impl Write + Send + 'static>) -> Self {
        let (queue, lines) = mpsc::channel(QUEUE);
        let dropped = Arc::default();
        let told = Arc::clone(&dropped);
        thread::spawn(move || write_all(out, lines, &told));
        Self { queue, dropped }
    }

    /// Writes a line and waits until it is there, but not for longer than [`PATIENCE`].
    pub(super) async fn write(&self, line: &Json) -> io::Result<()> {
        self.put(text(line)).await
    }

    /// Has a line written when its turn comes. If there is no place for it, it is dropped, and a later line tells how many were.
    pub(super) fn note(&self, line: &Json) {
        self.note_text(text(line));
    }

    /// Waits until everything is written that was noted, but not for longer than [`PATIENCE`].
    pub(super) async fn drained(&self) {
        // If that takes longer, there is nowhere left to say so.
        let _ = self.put(Vec::new()).await;
    }

    async fn put(&self, text: Vec<u8>) -> io::Result<()> {
        let (written, is_written) = oneshot::channel();
        let line = Line { text, written: Some(written) };
        timeout(PATIENCE, async {
            self.queue.send(line).await.map_err(io::Error::other)?;
            is_written.await.map_err(io::Error::other)?
        })
        .await?
    }

    /// A line that is there as text, with its end.
    pub(super) fn note_text(&self, text: Vec<u8>) {
        if self.queue.try_send(Line { text, written: None }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            metrics::counter!(LINES_DROPPED).increment(1);
        }
    }
}

/// For `tracing`, which writes a line at a time.
impl Write for &Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.note_text(text.to_vec());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(mut out: Stream<impl Write>, mut lines: mpsc::Receiver<Line>, dropped: &AtomicU64) {
    while let Some(Line { text, written }) = lines.blocking_recv() {
        // Whoever has waited too long has answered that it is not written.
        if written.as_ref().is_some_and(oneshot::Sender::is_closed) {
            continue;
        }
        let outcome = out.write(&text);
        written.map(|written| written.send(outcome));
        let count = dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            // That they are lost is all that is lost with it.
            let _ = out.write(&self::text(&lost(count)));
        }
    }
}

fn lost(count: u64) -> Json {
    json!({ "time": moment::now().to_string(), "verdict": "lines_dropped", "lines": count })
}

fn text(line: &Json) -> Vec<u8> {
    format!("{line}\n").into_bytes()
}

/// In lines: enough for a moment in which nobody reads.
const QUEUE: usize = 1024;

/// How long a line is waited for. Most providers wait longer for their answer.
const PATIENCE: Duration = Duration::from_secs(4);
