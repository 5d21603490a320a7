//! The workers, which handle deliveries.

use std::{
    future::poll_fn,
    path::Path,
    pin::pin,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::{Duration, SystemTime},
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, ReplayScope, Settlement},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout},
    sync::mpsc,
};

use super::{
    layer::{Delivered, Endpoint},
    record::{Journal, Kind, Record},
    stores::{Kept, StoreKind},
};
use crate::replay::key_in;

/// The state of a worker, which its tasks share.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) number: u32,
    way: Way,
    journal: Arc<Journal>,
    attempts: AtomicU32,
}

/// How a worker reaches the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// It calls the store itself.
    Store,
    /// It takes signed requests, and the layer calls the store.
    Layer,
}

impl Through {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Layer => "layer",
        }
    }
}

impl FromStr for Through {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Store, Self::Layer];
        all.into_iter().find(|way| way.name() == name).ok_or_else(|| format!("there is no way through `{name}`"))
    }
}

#[derive(Debug)]
enum Way {
    Store(Kept),
    Layer(Box<Endpoint>),
}

/// The answer to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 2xx: the event is done.
    Done,
    /// Anything else: send it again.
    Again,
}

/// Long enough for a handler on a busy machine. The events of a killed worker are free afterwards.
const LEASE: Duration = Duration::from_secs(10);

const KEEP: Duration = Duration::from_secs(86_400);

/// How many of a thousand handlers fail, handlers are cancelled, and claims are dropped half-way.
const FAILS: u64 = 100;
const CANCELLED: u64 = 3;
const CLAIM_DROPPED: u64 = 2;

impl Worker {
    pub(super) fn new(store: Kept, through: Through, journal: Journal, number: u32) -> Self {
        let journal = Arc::new(journal);
        let way = match through {
            Through::Store => Way::Store(store),
            Through::Layer => Way::Layer(Box::new(Endpoint::new(store, Arc::clone(&journal), number))),
        };
        Self { number, way, journal, attempts: AtomicU32::new(0) }
    }

    /// Handles a delivery of an event.
    pub(super) async fn handle(&self, event: u32) -> Answer {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let luck = mix((u64::from(self.number) << 32) | u64::from(attempt));
        match &self.way {
            Way::Store(store) => self.ask(store, event, attempt, luck).await,
            Way::Layer(endpoint) => {
                let delivered = endpoint.deliver(event, attempt, luck).await;
                match delivered {
                    Delivered::Handled => self.write(Kind::Committed, event, attempt),
                    Delivered::Known => self.write(Kind::Done, event, attempt),
                    Delivered::Again => return Answer::Again,
                }
                Answer::Done
            }
        }
    }

    async fn ask(&self, store: &Kept, event: u32, attempt: u32, luck: u64) -> Answer {
        let choice = luck % 1000;
        let claim = store.claim(key_of(event), LEASE, now());
        let claim = if choice < CLAIM_DROPPED { begin_only(claim).await } else { Some(claim.await) };
        match claim {
            Some(Ok(Claim::Done)) => {
                self.write(Kind::Done, event, attempt);
                Answer::Done
            }
            Some(Ok(Claim::Fresh(lease))) => self.run(store, lease, event, attempt, luck).await,
            Some(Ok(Claim::InProgress) | Err(_)) | None => Answer::Again,
        }
    }

    async fn run(&self, store: &Kept, lease: Lease, event: u32, attempt: u32, luck: u64) -> Answer {
        let (choice, pause) = (luck % 1000, luck >> 32);
        self.write(Kind::Start, event, attempt);
        match pause % 8 {
            0 => tokio::time::sleep(Duration::from_millis(pause / 8 % 4)).await,
            1..4 => tokio::task::yield_now().await,
            _ => {}
        }
        if (CLAIM_DROPPED..CLAIM_DROPPED + FAILS).contains(&choice) {
            self.write(Kind::Failure, event, attempt);
            let _ = store.release(lease, now()).await;
            return Answer::Again;
        }
        if choice < CLAIM_DROPPED + FAILS + CANCELLED {
            // The dropped lease expires by itself.
            self.write(Kind::Failure, event, attempt);
            return Answer::Again;
        }
        self.write(Kind::Success, event, attempt);
        match store.commit(lease, KEEP, now()).await {
            Ok(Settlement::Settled) => {
                self.write(Kind::Committed, event, attempt);
                Answer::Done
            }
            Ok(Settlement::Lapsed) | Err(_) => Answer::Again,
        }
    }

    fn write(&self, kind: Kind, event: u32, attempt: u32) {
        self.journal.write(Record { kind, worker: self.number, event, attempt });
    }
}

/// Begins a call and drops it, unless it is ready at once.
async fn begin_only<T>(call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    poll_fn(|context| {
        Poll::Ready(match call.as_mut().poll(context) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

/// The key of an event: one signed and verified delivery, in a scope per event.
fn key_of(event: u32) -> ReplayKey {
    key_in(&ReplayScope::new("exactly once").within(event.to_le_bytes()), "event")
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// A number that looks random (the finalizer of `SplitMix64`).
pub(super) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The worker as a process: deliveries come on its standard input, `delivery event` a line, answers go to its standard
/// output, `delivery` and `done` or `again`.
///
/// # Panics
///
/// If the store or the journal cannot be opened.
pub async fn work_on_stdin(kind: StoreKind, place: &str, through: Through, journal: &Path, number: u32) {
    let journal = Journal::open(journal).expect("the journal can be opened");
    let worker = Arc::new(Worker::new(Kept::open(kind, place).await, through, journal, number));
    // The channel holds as many deliveries as the sender has in flight.
    let (answers, mut answered) = mpsc::unbounded_channel::<String>();
    tokio::spawn(async move {
        let mut out = stdout();
        while let Some(mut text) = answered.recv().await {
            while let Ok(more) = answered.try_recv() {
                text.push_str(&more);
            }
            if out.write_all(text.as_bytes()).await.is_err() || out.flush().await.is_err() {
                return;
            }
        }
    });
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut numbers = line.split(' ').filter_map(|number| number.parse().ok());
        let (Some(delivery), Some(event)) = (numbers.next(), numbers.next()) else { continue };
        let (worker, answers) = (Arc::clone(&worker), answers.clone());
        tokio::spawn(async move {
            let answer = if worker.handle(event).await == Answer::Done { "done" } else { "again" };
            let _ = answers.send(format!("{delivery} {answer}\n"));
        });
    }
}
