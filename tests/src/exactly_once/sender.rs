//! The sender of the deliveries, which also kills workers.

use std::{
    any::Any,
    collections::{HashSet, VecDeque},
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    task::JoinSet,
};

use super::{
    check::{Found, check},
    record::{Journal, Kind, Record},
    stores::{Kept, StoreKind},
    worker::{Answer, Through, Worker, mix},
};
use crate::servers::{PostgresServer, RedisServer};

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The store.
    pub store: StoreKind,
    /// How the workers reach the store.
    pub through: Through,
    /// The number of deliveries.
    pub deliveries: u32,
    /// How many times a worker is killed.
    pub kills: u32,
    /// The program whose command `worker` runs a worker.
    pub program: PathBuf,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The findings of the checker.
    pub found: Found,
    deliveries: u32,
    events: u32,
    answered_again: u64,
    kills: u32,
    took: Duration,
}

const WORKERS: usize = 4;

/// How many deliveries a worker has in flight.
const WINDOW: usize = 64;

/// How many of a hundred deliveries are the first of their event.
const FIRST: u64 = 70;

/// How long the sender waits before it retries a delivery.
const PAUSE: Duration = Duration::from_millis(500);

/// After this time without an answer, the workers must have crashed.
const STALLED: Duration = Duration::from_secs(120);

/// The interval at which the sender checks for due retries.
const TICK: Duration = Duration::from_millis(20);

/// Sends all deliveries, and checks the records.
///
/// # Panics
///
/// If a server does not start, or the files cannot be written.
pub async fn run(plan: Plan) -> Summary {
    let folder = TempDir::new().expect("a folder can be made");
    let start = Instant::now();
    let site = Site::new(&plan, folder.path()).await;
    let (deliveries, events) = deliveries(plan.deliveries);
    let mut sender = Sender::new(site, deliveries);
    sender.send_all(plan.kills).await;
    let found = check(&sender.site.journal, events).expect("the journal can be read");
    let Sender { answered_again, kills, .. } = sender;
    Summary { found, deliveries: plan.deliveries, events, answered_again, kills, took: start.elapsed() }
}

/// The event of each delivery: 30 % are duplicates, most of them soon after the first.
fn deliveries(count: u32) -> (Vec<u32>, u32) {
    let mut events = 0;
    let deliveries = (0..count).map(|delivery| {
        let luck = mix(u64::from(delivery) ^ 0xdead_beef);
        if events == 0 || luck % 100 < FIRST {
            events += 1;
            return events - 1;
        }
        let back = if (luck >> 8).is_multiple_of(4) { events } else { events.min(50) };
        let back = u32::try_from((luck >> 16) % u64::from(back)).unwrap_or(0);
        events - 1 - back
    });
    (deliveries.collect(), events)
}

/// The store, and what workers need to open it.
struct Site {
    kind: StoreKind,
    through: Through,
    program: PathBuf,
    place: String,
    journal: PathBuf,
    /// The store in memory, which workers that are tasks share.
    memory: Option<Kept>,
    /// The server, which stops on drop.
    _server: Option<Box<dyn Any + Send + Sync>>,
}

impl Site {
    async fn new(plan: &Plan, folder: &Path) -> Self {
        let (place, server): (_, Option<Box<dyn Any + Send + Sync>>) = match plan.store {
            StoreKind::Memory => (String::new(), None),
            StoreKind::Sqlite => (folder.join("replays.db").display().to_string(), None),
            StoreKind::Postgres => {
                let server = PostgresServer::start();
                (server.url("postgres"), Some(Box::new(server)))
            }
            StoreKind::Redis => {
                let server = RedisServer::start();
                (server.url(), Some(Box::new(server)))
            }
        };
        let memory = match plan.store {
            StoreKind::Memory => Some(Kept::open(plan.store, &place).await),
            _ => None,
        };
        Self {
            kind: plan.store,
            through: plan.through,
            program: plan.program.clone(),
            place,
            journal: folder.join("journal"),
            memory,
            _server: server,
        }
    }

    /// Starts a worker that sends its answers to `answers`, with its slot number.
    fn hire(&self, place: usize, number: u32, answers: &mpsc::UnboundedSender<Told>) -> Hands {
        match &self.memory {
            Some(store) => {
                let journal = Journal::open(&self.journal).expect("the journal can be opened");
                let worker = Arc::new(Worker::new(store.clone(), self.through, journal, number));
                Hands::Tasks { worker, tasks: JoinSet::new(), place, answers: answers.clone() }
            }
            None => self.hire_process(place, number, answers),
        }
    }

    fn hire_process(&self, place: usize, number: u32, answers: &mpsc::UnboundedSender<Told>) -> Hands {
        let mut child = Command::new(&self.program)
            .args(["worker", self.kind.name(), &self.place, self.through.name()])
            .arg(&self.journal)
            .arg(number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program can be run");
        let (stdin, stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let answers = answers.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Some((delivery, answer)) = line.split_once(' ') else { continue };
                let Ok(delivery) = delivery.parse() else { continue };
                let answer = if answer == "done" { Answer::Done } else { Answer::Again };
                let _ = answers.send(Told { place, number, delivery, answer });
            }
        });
        Hands::Process { child, stdin }
    }
}

/// An answer to a delivery.
struct Told {
    place: usize,
    /// The number of the worker, which another one may have replaced by now.
    number: u32,
    delivery: u32,
    answer: Answer,
}

/// The process or the tasks of a worker.
enum Hands {
    Tasks { worker: Arc<Worker>, tasks: JoinSet<()>, place: usize, answers: mpsc::UnboundedSender<Told> },
    Process { child: Child, stdin: ChildStdin },
}

impl Hands {
    async fn give(&mut self, delivery: u32, event: u32) {
        match self {
            Self::Tasks { worker, tasks, place, answers } => {
                while tasks.try_join_next().is_some() {}
                let (worker, place, answers) = (Arc::clone(worker), *place, answers.clone());
                tasks.spawn(async move {
                    let answer = worker.handle(event).await;
                    let _ = answers.send(Told { place, number: worker.number, delivery, answer });
                });
            }
            Self::Process { stdin, .. } => {
                // If the worker has crashed, killing it reveals that.
                let _ = stdin.write_all(format!("{delivery} {event}\n").as_bytes()).await;
            }
        }
    }

    /// `kill -9`, or the abortion of all tasks.
    async fn kill(self) {
        match self {
            Self::Tasks { mut tasks, .. } => tasks.shutdown().await,
            Self::Process { mut child, .. } => child.kill().await.expect("a worker can be killed"),
        }
    }
}

/// A worker and its deliveries in flight.
struct Hired {
    hands: Hands,
    number: u32,
    under_way: HashSet<u32>,
}

struct Sender {
    site: Site,
    deliveries: Vec<u32>,
    waiting: VecDeque<u32>,
    /// Sorted by the time of their answers.
    again: VecDeque<(Instant, u32)>,
    workers: Vec<Hired>,
    answers: mpsc::UnboundedReceiver<Told>,
    tell: mpsc::UnboundedSender<Told>,
    hired: u32,
    answered_again: u64,
    kills: u32,
}

impl Sender {
    fn new(site: Site, deliveries: Vec<u32>) -> Self {
        let (tell, answers) = mpsc::unbounded_channel();
        let waiting = (0..).take(deliveries.len()).collect();
        let mut sender = Self {
            site,
            deliveries,
            waiting,
            again: VecDeque::new(),
            workers: Vec::new(),
            answers,
            tell,
            hired: 0,
            answered_again: 0,
            kills: 0,
        };
        for place in 0..WORKERS {
            let worker = sender.hire(place);
            sender.workers.push(worker);
        }
        sender
    }

    fn hire(&mut self, place: usize) -> Hired {
        self.hired += 1;
        let hands = self.site.hire(place, self.hired, &self.tell);
        Hired { hands, number: self.hired, under_way: HashSet::new() }
    }

    async fn send_all(&mut self, kills: u32) {
        let all = self.deliveries.len();
        let between = (all / (kills as usize + 1)).max(1);
        let (mut done, mut heard) = (0, Instant::now());
        while done < all {
            self.give_out().await;
            let told = tokio::time::timeout(TICK, self.answers.recv()).await;
            let mut next = told.ok().flatten();
            assert!(heard.elapsed() < STALLED, "no worker answers; {done} of {all} are done");
            while let Some(told) = next {
                heard = Instant::now();
                done += usize::from(self.take(&told));
                next = self.answers.try_recv().ok();
            }
            if self.kills < kills && done / between > self.kills as usize {
                self.kill_one().await;
            }
        }
    }

    /// Sends each worker as many deliveries as it may have in flight.
    async fn give_out(&mut self) {
        while self.again.front().is_some_and(|(due, _)| *due <= Instant::now()) {
            self.waiting.extend(self.again.pop_front().map(|(_, delivery)| delivery));
        }
        for worker in &mut self.workers {
            while worker.under_way.len() < WINDOW {
                let Some(delivery) = self.waiting.pop_front() else { return };
                worker.under_way.insert(delivery);
                worker.hands.give(delivery, self.deliveries[delivery as usize]).await;
            }
        }
    }

    /// Processes an answer. Returns whether the delivery is done.
    fn take(&mut self, told: &Told) -> bool {
        let worker = &mut self.workers[told.place];
        // The deliveries of a killed worker were sent again, and another worker answers them.
        if worker.number != told.number || !worker.under_way.remove(&told.delivery) {
            return false;
        }
        if told.answer == Answer::Again {
            self.answered_again += 1;
            self.again.push_back((Instant::now() + PAUSE, told.delivery));
        }
        told.answer == Answer::Done
    }

    /// Kills a worker, and starts another in its place.
    async fn kill_one(&mut self) {
        let place = usize::try_from(mix(u64::from(self.kills)) % WORKERS as u64).unwrap_or(0);
        let new = self.hire(place);
        let old = std::mem::replace(&mut self.workers[place], new);
        let number = old.number;
        old.hands.kill().await;
        let journal = Journal::open(&self.site.journal).expect("the journal can be opened");
        journal.write(Record { kind: Kind::Killed, worker: number, event: 0, attempt: 0 });
        self.waiting.extend(old.under_way);
        self.kills += 1;
    }
}

impl Summary {
    /// Whether the run kept all guarantees.
    pub fn is_good(&self) -> bool {
        self.found.violations.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, deliveries, events, answered_again, kills, took } = self;
        writeln!(
            f,
            "{deliveries} deliveries of {events} events in {:.1} s; sent again {answered_again} times; {kills} workers killed",
            took.as_secs_f64()
        )?;
        write!(f, "{found}")?;
        f.write_str(if self.is_good() {
            "every event was handled, none by two at a time, none after its commit"
        } else {
            "NOT EXACTLY ONCE"
        })
    }
}
