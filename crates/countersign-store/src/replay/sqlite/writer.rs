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
        self.calls.try_send(Call { asked, answer }).map_err(|error| match error {
            TrySendError::Full(_) => SqliteStoreError::Busy { waiting: self.waiting },
            TrySendError::Disconnected(_) => SqliteStoreError::WriterGone,
        })?;
        answered.await.unwrap_or(Err(SqliteStoreError::WriterGone))
    }
}

fn write(mut table: Table, calls: &Receiver<Call>) {
    while let Ok(first) = calls.recv() {
        let mut batch = vec![first];
        batch.extend(calls.try_iter().take(BATCH - 1));
        // Nobody waits for these any more. A claim would only block its event.
        batch.retain(|call| !(call.answer.is_closed() && matches!(call.asked, Asked::Claim { .. })));
        answer(&mut table, batch);
    }
}

/// Does what was asked in one transaction, and answers when it is on the disk.
fn answer(table: &mut Table, batch: Vec<Call>) {
    match table.transact(batch.iter().map(|call| &call.asked)) {
        Ok(answers) => {
            for (call, answer) in batch.into_iter().zip(answers) {
                // Whoever does not wait any more finds out when its lease is over.
                let _ = call.answer.send(answer);
            }
        }
        Err(SqliteStoreError::NoSpace) if batch.len() > 1 => {
            for part in split(batch) {
                answer(table, part);
            }
        }
        Err(error) => {
            for call in batch {
                let _ = call.answer.send(Err(error.again()));
            }
        }
    }
}

/// Parts of a batch for which there was no room. What ends a claim takes hardly any, and is not to fail with the claims, or
/// its handler would run again.
fn split(batch: Vec<Call>) -> Vec<Vec<Call>> {
    let (claims, ends): (Vec<_>, Vec<_>) =
        batch.into_iter().partition(|call| matches!(call.asked, Asked::Claim { .. }));
    let alone = |calls: Vec<Call>| calls.into_iter().map(|call| vec![call]);
    if claims.is_empty() { alone(ends).collect() } else { iter::once(ends).chain(alone(claims)).collect() }
}
