//! The records that workers write.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// One step of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The kind of step.
    pub kind: Kind,
    /// The number of the worker. A worker that replaces another has a new number.
    pub worker: u32,
    /// The number of the event.
    pub event: u32,
    /// The number of the worker's attempt.
    pub attempt: u32,
}

/// The kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// The claim was fresh, and the handler begins.
    Start = 1,
    /// The handler has succeeded; a commit is sent next.
    Success = 2,
    /// The handler has failed, or was cancelled.
    Failure = 3,
    /// The commit was acknowledged.
    Committed = 4,
    /// A claim was answered "done".
    Done = 5,
    /// The worker and all its attempts were killed. The number of the event has no meaning.
    Killed = 6,
}

const KINDS: [Kind; 6] = [Kind::Start, Kind::Success, Kind::Failure, Kind::Committed, Kind::Done, Kind::Killed];

/// The size of a record in bytes.
const SIZE: usize = 16;

/// The file that all workers write to.
#[derive(Debug)]
pub(super) struct Journal(File);

impl Journal {
    /// Opens the file, and creates it if it does not exist.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path).map(Self)
    }

    /// Appends a record with one write.
    pub(super) fn write(&self, record: Record) {
        let mut bytes = [0; SIZE];
        let fields = [record.kind as u32, record.worker, record.event, record.attempt];
        for (place, field) in bytes.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        (&self.0).write_all(&bytes).expect("the journal can be written");
    }
}

/// All records of a file, in order.
pub(super) fn read(path: &Path) -> io::Result<Vec<Record>> {
    let bytes = std::fs::read(path)?;
    bytes.chunks(SIZE).map(|record| parse(record).ok_or_else(|| io::Error::other("a record is broken"))).collect()
}

fn parse(bytes: &[u8]) -> Option<Record> {
    let (fields, []) = bytes.as_chunks::<4>() else { return None };
    let [kind, worker, event, attempt] = *fields else { return None };
    let kind = u32::from_le_bytes(kind);
    Some(Record {
        kind: KINDS.into_iter().find(|known| *known as u32 == kind)?,
        worker: u32::from_le_bytes(worker),
        event: u32::from_le_bytes(event),
        attempt: u32::from_le_bytes(attempt),
    })
}
