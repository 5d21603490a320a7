//! The thread that writes.

use std::{
    iter,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

use tokio::sync::oneshot;

use super::{
    super::reply::Reply,
    SqliteStoreError,
    table::{Asked, Table},
};

/// The way to the thread. It ends when this is dropped, after what waits is done.
pub(super) struct Writer {
    calls: SyncSender<Call>,
    waiting: usize,
}

type Answer = Result<Reply, SqliteStoreError>;

struct Call {
    asked: Asked,
    /// Whether it was tried before, and the file was locked.
    was_locked_out: bool,
    answer: oneshot::Sender<Answer>,
}

/// How many calls share a transaction at most: those at its end wait for all of them, some 5 ms.
const BATCH: usize = 512;

impl Writer {
    pub(super) fn start(table: Table, waiting: usize) -> Result<Self, SqliteStoreError> {
        let (calls, received) = sync_channel(waiting);
        thread::Builder::new()
            .name("countersign-store".to_owned())
            .spawn(move || write(table, &received))
            .map_err(|source| SqliteStoreError::Thread { source })?;
        Ok(Self { calls, waiting })
    }

    pub(super) async fn ask(&self, asked: Asked) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.calls.try_send(Call { asked, was_locked_out: false, answer }).map_err(|error| match error {
            TrySendError::Full(_) => SqliteStoreError::Busy { waiting: self.waiting },
            TrySendError::Disconnected(_) => SqliteStoreError::WriterGone,
        })?;
        answered.await.unwrap_or(Err(SqliteStoreError::WriterGone))
    }
}

fn write(mut table: Table, calls: &Receiver<Call>) {
    let mut batch = Vec::new();
    loop {
        if batch.is_empty() {
            let Ok(first) = calls.recv() else { return };
            batch.push(first);
        }
        batch.extend(calls.try_iter().take(BATCH.saturating_sub(batch.len())));
        // Nobody waits for these any more. A claim would only block its event.
        batch.retain(|call| !(call.answer.is_closed() && matches!(call.asked, Asked::Claim { .. })));
        batch = answer(&mut table, batch);
    }
}

/// Does what was asked in one transaction, and answers when it is on the disk. Returns what is to be tried again.
fn answer(table: &mut Table, batch: Vec<Call>) -> Vec<Call> {
    match table.transact(batch.iter().map(|call| &call.asked)) {
        Ok(answers) => {
            for (call, answer) in batch.into_iter().zip(answers) {
                // Whoever does not wait any more finds out when its lease is over.
                let _ = call.answer.send(answer);
            }
            Vec::new()
        }
        Err(SqliteStoreError::NoSpace) if batch.len() > 1 => {
            split(batch).into_iter().flat_map(|part| answer(table, part)).collect()
        }
        Err(error) => refuse(batch, &error),
    }
}

/// Tells the callers of a transaction why it failed. Returns those that are not told yet: commits that found the file locked,
/// once, for their events were handled, and would be again.
fn refuse(batch: Vec<Call>, error: &SqliteStoreError) -> Vec<Call> {
    let mut again = Vec::new();
    for mut call in batch {
        let has_time = matches!((error, &call.asked), (SqliteStoreError::Locked { .. }, Asked::Commit { .. }))
            && !call.was_locked_out;
        if has_time {
            call.was_locked_out = true;
            again.push(call);
        } else {
            let _ = call.answer.send(Err(error.again()));
        }
    }
    again
}

/// Parts of a batch for which there was no room. What ends a claim takes hardly any, and is not to fail with the claims, or
/// its handler would run again.
fn split(batch: Vec<Call>) -> Vec<Vec<Call>> {
    let (claims, ends): (Vec<_>, Vec<_>) =
        batch.into_iter().partition(|call| matches!(call.asked, Asked::Claim { .. }));
    let alone = |calls: Vec<Call>| calls.into_iter().map(|call| vec![call]);
    if claims.is_empty() { alone(ends).collect() } else { iter::once(ends).chain(alone(claims)).collect() }
}
