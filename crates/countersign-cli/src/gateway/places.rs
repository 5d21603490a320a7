//! The places for connections, and who loses theirs when there are none left.
//!
//! A connection waits for its client, from its start or the last answer to the end of a request's body, or it works on a
//! request that is there. When a place or memory is short, the connection goes whose client has kept it waiting for the
//! longest. So thousands of clients that send nothing, or a byte a second, take no place from one that sends its request; and
//! no request is given up that has arrived as a whole.

use std::{
    collections::BTreeMap,
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use countersign_tower::metrics::CONNECTIONS_EVICTED;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

/// All places.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    count: usize,
    waiting: Arc<Mutex<Waiting>>,
}

/// The connections that wait for their clients, the one first that has waited for the longest.
#[derive(Default)]
struct Waiting {
    connections: BTreeMap<u64, Waiter>,
    next: u64,
    /// Whether a new connection needs the place of the next one that has to wait.
    wanted: bool,
    /// The bytes of bodies that were not answered yet, in all connections together.
    held: usize,
}

struct Waiter {
    go: Arc<Notify>,
    held: usize,
    /// Until then it keeps its place: it has just come, and its request is on the way.
    settles: Option<Instant>,
}

/// What there is not enough of, so that a connection has to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Short {
    OfPlaces,
    OfMemory,
}

impl Short {
    fn name(self) -> &'static str {
        match self {
            Self::OfPlaces => "places",
            Self::OfMemory => "memory",
        }
    }
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), count, waiting: Arc::default() }
    }

    /// How many are taken, and how many there are.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.count.saturating_sub(self.free.available_permits()), self.count)
    }

    /// A place, that of another connection if need be.
    pub(super) async fn take(&self) -> Place {
        let free = Arc::clone(&self.free);
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => self.another().await,
        };
        let go = Arc::new(Notify::new());
        let turn = self.lock().start(&go, Some(Instant::now() + SETTLING));
        let state = State { turn: Some(turn), working_on: 0 };
        Place { places: self.clone(), go, state: Arc::new(Mutex::new(state)), permit: Arc::new(permit) }
    }

    /// The place of a connection that has to go, or ends by itself.
    async fn another(&self) -> Option<OwnedSemaphorePermit> {
        let mut free = pin!(Arc::clone(&self.free).acquire_owned());
        self.lock().want();
        loop {
            tokio::select! {
                permit = &mut free => {
                    self.lock().wanted = false;
                    // The semaphore is never closed.
                    return permit.ok();
                }
                // By then one that had just come has had its time.
                () = sleep(SETTLING) => self.lock().want_still(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No state of it is wrong, whoever panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn start(&mut self, go: &Arc<Notify>, settles: Option<Instant>) -> u64 {
        let turn = self.next;
        self.next += 1;
        self.connections.insert(turn, Waiter { go: Arc::clone(go), held: 0, settles });
        if mem::take(&mut self.wanted) {
            self.evict(Short::OfPlaces);
        }
        turn
    }

    /// Ends the waiting of a connection, and gives the bytes that it holds: they stay in the account.
    fn end(&mut self, turn: u64) -> usize {
        self.connections.remove(&turn).map_or(0, |waiter| waiter.held)
    }

    fn want(&mut self) {
        self.wanted = !self.evict(Short::OfPlaces);
    }

    fn want_still(&mut self) {
        if self.wanted {
            self.want();
        }
    }

    fn hold(&mut self, turn: u64, bytes: usize) {
        let Some(waiter) = self.connections.get_mut(&turn) else { return };
        waiter.held += bytes;
        self.held += bytes;
        while self.held > MAX_HELD && self.evict(Short::OfMemory) {}
    }

    /// Has the first of these connections closed. Its task does that, so that its place is free a moment later.
    fn evict(&mut self, short: Short) -> bool {
        let now = Instant::now();
        let helps = |waiter: &Waiter| match short {
            Short::OfPlaces => waiter.settles.is_none_or(|end| end <= now),
            Short::OfMemory => waiter.held > 0,
        };
        let Some(turn) = self.connections.iter().find(|(_, waiter)| helps(waiter)).map(|(turn, _)| *turn) else {
            return false;
        };
        metrics::counter!(CONNECTIONS_EVICTED, "reason" => short.name()).increment(1);
        if let Some(waiter) = self.connections.remove(&turn) {
            self.held -= waiter.held;
            waiter.go.notify_one();
        }
        true
    }
}

/// The place of one connection, which waits at first.
#[derive(Clone)]
pub(super) struct Place {
    places: Places,
    go: Arc<Notify>,
    state: Arc<Mutex<State>>,
    #[expect(dead_code, reason = "it is held until the last clone is dropped")]
    permit: Arc<Option<OwnedSemaphorePermit>>,
}

struct State {
    /// `None` while it works.
    turn: Option<u64>,
    /// How many bytes the body has that it works on.
    working_on: usize,
}

impl Place {
    /// Ends when the connection has to go.
    pub(super) async fn evicted(&self) {
        self.go.notified().await;
    }

    /// Ends when the connection has waited for its client for longer than `patience`: for the end of a head or a body, or for
    /// answers to be read, which nothing else has an eye on.
    pub(super) async fn stalled(&self, patience: Duration) {
        let mut since = self.state().turn;
        loop {
            sleep(patience).await;
            let now = self.state().turn;
            if now.is_some() && now == since {
                return;
            }
            since = now;
        }
    }

    /// The connection waits for its client again.
    pub(super) fn wait(&self) {
        let mut state = self.state();
        let mut waiting = self.places.lock();
        state.leave(&mut waiting);
        state.turn = Some(waiting.start(&self.go, None));
    }

    /// The request is there.
    fn work(&self) {
        let mut state = self.state();
        if let Some(turn) = state.turn.take() {
            state.working_on += self.places.lock().end(turn);
        }
    }

    fn hold(&self, bytes: usize) {
        if let Some(turn) = self.state().turn {
            self.places.lock().hold(turn, bytes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Neither waits nor works, and holds nothing.
    fn leave(&mut self, waiting: &mut Waiting) {
        let held = self.turn.take().map_or(0, |turn| waiting.end(turn));
        waiting.held -= held + mem::take(&mut self.working_on);
    }
}

/// Whatever becomes of a connection, it waits no more.
pub(super) struct Occupied(pub(super) Place);

impl Drop for Occupied {
    fn drop(&mut self) {
        let Place { state, places, .. } = &self.0;
        state.lock().unwrap_or_else(PoisonError::into_inner).leave(&mut places.lock());
    }
}

/// The body of a request. When it is there, the connection waits no more.
pub(super) struct Arriving {
    body: Incoming,
    place: Place,
}

impl Arriving {
    pub(super) fn new(body: Incoming, place: Place) -> Self {
        if body.is_end_stream() {
            place.work();
        }
        Self { body, place }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.place.hold(frame.data_ref().map_or(0, Bytes::len));
        }
        if frame.is_none() || self.body.is_end_stream() {
            self.place.work();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How long a connection that has just come keeps its place: a client sends its request as soon as it is connected. Otherwise those
/// that come while all others work would throw each other out.
const SETTLING: Duration = Duration::from_millis(100);

/// In bytes. Bodies are kept until they are answered; more of them than this are not worth waiting for.
pub(crate) const MAX_HELD: usize = 256 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    async fn goes(place: &Place) -> bool {
        timeout(Duration::from_millis(1), place.evicted()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_has_waited_for_the_longest_makes_room() {
        let places = Places::new(3);
        let (first, second, third) = (places.take().await, places.take().await, places.take().await);
        sleep(SETTLING).await;
        first.work();
        second.wait();
        let newcomer = tokio::spawn(async move { places.take().await });
        assert!(goes(&third).await);
        assert!(!goes(&first).await && !goes(&second).await);
        assert!(!newcomer.is_finished(), "its place is not free yet");
        drop(third);
        newcomer.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn none_that_has_just_come_has_to_go() {
        let places = Places::new(1);
        let only = places.take().await;
        let newcomer = tokio::spawn(async move { places.take().await });
        sleep(SETTLING / 2).await;
        assert!(!goes(&only).await);
        sleep(SETTLING).await;
        assert!(goes(&only).await);
        drop(only);
        newcomer.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn none_that_works_has_to_go_until_it_waits() {
        let places = Places::new(1);
        let only = places.take().await;
        only.work();
        let newcomer = tokio::spawn(async move { places.take().await });
        assert!(!goes(&only).await);
        only.wait();
        assert!(goes(&only).await);
        drop(only);
        assert!(!goes(&newcomer.await.unwrap()).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_waited_for_once_and_not_while_there_is_work() {
        let patience = Duration::from_secs(40);
        let place = Places::new(1).take().await;
        let stalls = async |within| timeout(Duration::from_secs(within), place.stalled(patience)).await.is_ok();
        assert!(!stalls(39).await);
        assert!(stalls(41).await);
        place.work();
        assert!(!stalls(1000).await);
        place.wait();
        assert!(stalls(81).await);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_fill_the_memory_go_and_silent_connections_stay() {
        let places = Places::new(10);
        let (silent, first, second) = (places.take().await, places.take().await, places.take().await);
        first.hold(MAX_HELD);
        assert!(!goes(&first).await);
        second.hold(1);
        assert!(goes(&first).await);
        assert!(!goes(&silent).await && !goes(&second).await);
        // What works holds its body until it is answered.
        second.work();
        drop((Occupied(silent), first));
        let account = |places: &Places| {
            let waiting = places.lock();
            (waiting.held, waiting.connections.len())
        };
        assert_eq!(account(&places), (1, 0));
        let third = places.take().await;
        third.hold(MAX_HELD);
        assert!(goes(&third).await && !goes(&second).await);
        second.wait();
        assert_eq!(account(&places), (0, 1));
        second.hold(7);
        second.work();
        drop(Occupied(second));
        assert_eq!(account(&places), (0, 0));
    }
}
