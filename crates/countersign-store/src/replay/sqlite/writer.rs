//! The thread that writes the SQLite file.

use std::{
    iter,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

use countersign::replay::{Claim, Settlement};
use tokio::sync::oneshot;

use super::{
    super::operation::{ClaimOperation, SettleOperation},
    SqliteStoreError,
    table::{Batch, Operation, Table},
};

/// The handle of the writer thread. The thread ends when this is dropped, after the calls that wait are done.
pub(super) struct Writer {
    calls: SyncSender<Call>,
    waiting: usize,
}

enum Call {
    Claim(Waiting<ClaimOperation>),
    Settle(Waiting<SettleOperation>),
}

/// An operation whose caller waits.
struct Waiting<O: Operation> {
    operation: O,
    /// Whether it was tried before, and the file was locked.
    was_locked_out: bool,
    /// What the operation answered, while its transaction is not on the disk yet.
    answer: Option<Answer<O>>,
    caller: oneshot::Sender<Answer<O>>,
}

type Answer<O> = Result<<O as Operation>::Answer, SqliteStoreError>;

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

    pub(super) async fn claim(&self, claim: ClaimOperation) -> Result<Claim, SqliteStoreError> {
        self.ask(claim, Call::Claim).await
    }

    pub(super) async fn settle(&self, settle: SettleOperation) -> Result<Settlement, SqliteStoreError> {
        self.ask(settle, Call::Settle).await
    }

    async fn ask<O: Operation>(&self, operation: O, call: impl FnOnce(Waiting<O>) -> Call) -> Answer<O> {
        let (waiting, answered) = Waiting::new(operation);
        self.calls.try_send(call(waiting)).map_err(|error| match error {
            TrySendError::Full(_) => SqliteStoreError::Busy { waiting: self.waiting },
            TrySendError::Disconnected(_) => SqliteStoreError::WriterGone,
        })?;
        answered.await.unwrap_or(Err(SqliteStoreError::WriterGone))
    }
}

impl Call {
    fn run(&mut self, batch: &mut Batch<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Claim(claim) => claim.run(batch),
            Self::Settle(settle) => settle.run(batch),
        }
    }

    /// Answers the caller. If a caller has gone, its claim would block its event until the lease ends: returns the release.
    fn answer(self) -> Option<Self> {
        match self {
            Self::Claim(claim) => {
                let now = claim.operation.now;
                let Err(Ok(Claim::Fresh(lease))) = claim.answer()? else { return None };
                Some(Self::Settle(Waiting::new(SettleOperation::Release { lease, now }).0))
            }
            Self::Settle(settle) => {
                // A caller that does not wait for it learns when its lease is over.
                let _ = settle.answer();
                None
            }
        }
    }

    fn refuse(self, error: SqliteStoreError) {
        match self {
            Self::Claim(claim) => claim.refuse(error),
            Self::Settle(settle) => settle.refuse(error),
        }
    }
}

impl<O: Operation> Waiting<O> {
    fn run(&mut self, batch: &mut Batch<'_>) -> rusqlite::Result<()> {
        self.answer = Some(self.operation.run(batch)?);
        Ok(())
    }

    fn new(operation: O) -> (Self, oneshot::Receiver<Answer<O>>) {
        let (caller, answered) = oneshot::channel();
        (Self { operation, was_locked_out: false, answer: None, caller }, answered)
    }

    /// Sends the answer, if there is one; gives it back if the caller has gone.
    fn answer(self) -> Option<Result<(), Answer<O>>> {
        Some(self.caller.send(self.answer?))
    }

    fn refuse(self, error: SqliteStoreError) {
        let _ = self.caller.send(Err(error));
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
        // A claim whose caller has gone would only block its event.
        batch.retain(|call| !matches!(call, Call::Claim(claim) if claim.caller.is_closed()));
        batch = transact(&mut table, batch);
    }
}

/// Runs the calls in one transaction, and answers them when it is on the disk. Returns those to run next: again, or to undo
/// claims whose callers have gone.
fn transact(table: &mut Table, mut batch: Vec<Call>) -> Vec<Call> {
    match table.transact(|transaction| batch.iter_mut().try_for_each(|call| call.run(transaction))) {
        Ok(()) => batch.into_iter().filter_map(Call::answer).collect(),
        Err(SqliteStoreError::NoSpace) if batch.len() > 1 => {
            split(batch).into_iter().flat_map(|part| transact(table, part)).collect()
        }
        Err(error) => refuse(batch, &error),
    }
}

/// Tells the callers of a transaction why it failed. Returns the commits that found the file locked for the first time:
/// their events were handled, and would be handled again.
fn refuse(batch: Vec<Call>, error: &SqliteStoreError) -> Vec<Call> {
    let mut again = Vec::new();
    for mut call in batch {
        match (&mut call, error) {
            (Call::Settle(settle), SqliteStoreError::Locked { .. })
                if matches!(settle.operation, SettleOperation::Commit { .. }) && !settle.was_locked_out =>
            {
                settle.was_locked_out = true;
                again.push(call);
            }
            _ => call.refuse(error.again()),
        }
    }
    again
}

/// Splits a batch that found no room. Commits and releases take hardly any room. They must not fail together with the
/// claims, or their handlers would run again.
fn split(batch: Vec<Call>) -> Vec<Vec<Call>> {
    let (claims, settles): (Vec<_>, Vec<_>) = batch.into_iter().partition(|call| matches!(call, Call::Claim(_)));
    let alone = |calls: Vec<Call>| calls.into_iter().map(|call| vec![call]);
    if claims.is_empty() { alone(settles).collect() } else { iter::once(settles).chain(alone(claims)).collect() }
}
