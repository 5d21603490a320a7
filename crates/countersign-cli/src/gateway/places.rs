//! A limited number of places for connections, and which connection is closed when places or memory run out.
//!
//! A connection either waits for its client (from its start or the last answer to the end of a request's body), or
//! works on a complete request. When places or memory run out, the connection that has waited for its client for the
//! longest is closed. So thousands of clients that send nothing, or a byte a second, cannot keep out one that sends its
//! request, and no request is given up that has arrived completely.

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

/// All places. Clones share them.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    count: usize,
    waiting: Arc<Mutex<Waiting>>,
}

/// The connections that wait for their clients, the longest wait first.
#[derive(Default)]
struct Waiting {
    connections: BTreeMap<u64, Waiter>,
    next: u64,
    /// Whether a new connection needs a place, and no connection could be closed for it yet.
    wanted: bool,
    /// The bytes of bodies that are not answered yet, in all connections together.
    held: usize,
}

struct Waiter {
    go: Arc<Notify>,
    held: usize,
    /// Until then it keeps its place: it is new, and its request may be on the way.
    grace_until: Option<Instant>,
}

/// What has run out, so that a connection has to be closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shortage {
    Places,
    Memory,
}

impl Shortage {
    fn name(self) -> &'static str {
        match self {
            Self::Places => "places",
            Self::Memory => "memory",
        }
    }
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), count, waiting: Arc::default() }
    }

    /// How many places are taken, and how many there are.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.count.saturating_sub(self.free.available_permits()), self.count)
    }

    /// Takes a place. If none is free, another connection is closed for it.
    pub(super) async fn take(&self) -> Place {
        let free = Arc::clone(&self.free);
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => self.wait_for_place().await,
        };
        let go = Arc::new(Notify::new());
        let turn = self.lock().start(&go, Some(Instant::now() + GRACE));
        let state = State { turn: Some(turn), working_on: 0 };
        Place { places: self.clone(), go, state: Arc::new(Mutex::new(state)), permit: Arc::new(permit) }
    }

    /// Waits for the place of a connection that is closed for it, or ends by itself.
    async fn wait_for_place(&self) -> Option<OwnedSemaphorePermit> {
        let mut free = pin!(Arc::clone(&self.free).acquire_owned());
        self.lock().want();
        loop {
            tokio::select! {
                permit = &mut free => {
                    self.lock().wanted = false;
                    // The semaphore is never closed.
                    return permit.ok();
                }
                // By then, connections that were new can be closed.
                () = sleep(GRACE) => self.lock().want_again(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while it is locked leaves no wrong state.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn start(&mut self, go: &Arc<Notify>, grace_until: Option<Instant>) -> u64 {
        let turn = self.next;
        self.next += 1;
        self.connections.insert(turn, Waiter { go: Arc::clone(go), held: 0, grace_until });
        if mem::take(&mut self.wanted) {
            self.evict(Shortage::Places);
        }
        turn
    }

    /// Removes a connection and returns the bytes that it holds, which `held` still counts.
    fn end(&mut self, turn: u64) -> usize {
        self.connections.remove(&turn).map_or(0, |waiter| waiter.held)
    }

    fn want(&mut self) {
        self.wanted = !self.evict(Shortage::Places);
    }

    fn want_again(&mut self) {
        if self.wanted {
            self.want();
        }
    }

    fn hold(&mut self, turn: u64, bytes: usize) {
        let Some(waiter) = self.connections.get_mut(&turn) else { return };
        waiter.held += bytes;
        self.held += bytes;
        while self.held > MAX_HELD && self.evict(Shortage::Memory) {}
    }

    /// Closes the connection with the longest wait that helps. Its task does that, so that its place is free a moment
    /// later.
    fn evict(&mut self, shortage: Shortage) -> bool {
        let now = Instant::now();
        let helps = |waiter: &Waiter| match shortage {
            Shortage::Places => waiter.grace_until.is_none_or(|end| end <= now),
            Shortage::Memory => waiter.held > 0,
        };
        let Some(turn) = self.connections.iter().find(|(_, waiter)| helps(waiter)).map(|(turn, _)| *turn) else {
            return false;
        };
        metrics::counter!(CONNECTIONS_EVICTED, "reason" => shortage.name()).increment(1);
        if let Some(waiter) = self.connections.remove(&turn) {
            self.held -= waiter.held;
            waiter.go.notify_one();
        }
        true
    }
}

/// The place of one connection, which waits for its client at first.
#[derive(Clone)]
pub(super) struct Place {
    places: Places,
    go: Arc<Notify>,
    state: Arc<Mutex<State>>,
    #[expect(dead_code, reason = "it is held until the last clone is dropped")]
    permit: Arc<Option<OwnedSemaphorePermit>>,
}

struct State {
    /// `None` while it works on a request.
    turn: Option<u64>,
    /// The bytes of the body that it works on.
    working_on: usize,
}

impl Place {
    /// Completes when the connection has to be closed.
    pub(super) async fn evicted(&self) {
        self.go.notified().await;
    }

    /// Completes when the connection has waited for its client for longer than `patience`: for the end of a head or a
    /// body, or for the client to read answers, which no other timeout covers.
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

    /// Marks the connection as waiting for its client again.
    pub(super) fn wait(&self) {
        let mut state = self.state();
        let mut waiting = self.places.lock();
        state.leave(&mut waiting);
        state.turn = Some(waiting.start(&self.go, None));
    }

    /// Marks the connection as working: the request is complete.
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
    /// Neither waits nor works from now on, and holds nothing.
    fn leave(&mut self, waiting: &mut Waiting) {
        let held = self.turn.take().map_or(0, |turn| waiting.end(turn));
        waiting.held -= held + mem::take(&mut self.working_on);
    }
}

/// The place of a connection, whose waiting ends when this is dropped.
pub(super) struct PlaceGuard(pub(super) Place);

impl Drop for PlaceGuard {
    fn drop(&mut self) {
        let Place { state, places, .. } = &self.0;
        state.lock().unwrap_or_else(PoisonError::into_inner).leave(&mut places.lock());
    }
}

/// The body of a request. When it is complete, the connection no longer waits.
pub(super) struct TrackedBody {
    body: Incoming,
    place: Place,
}

impl TrackedBody {
    pub(super) fn new(body: Incoming, place: Place) -> Self {
        if body.is_end_stream() {
            place.work();
        }
        Self { body, place }
    }
}

impl Body for TrackedBody {
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

/// How long a new connection keeps its place: a client sends its request as soon as it is connected. Without this, new
/// connections would evict each other while all others work.
const GRACE: Duration = Duration::from_millis(100);

/// In bytes. The limit of all bodies that are not answered yet.
pub(crate) const MAX_HELD: usize = 256 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    async fn goes(place: &Place) -> bool {
        timeout(Duration::from_millis(1), place.evicted()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_with_the_longest_wait_is_closed_for_a_new_one() {
        let places = Places::new(3);
        let (first, second, third) = (places.take().await, places.take().await, places.take().await);
        sleep(GRACE).await;
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
    async fn a_new_connection_keeps_its_place_for_a_moment() {
        let places = Places::new(1);
        let only = places.take().await;
        let newcomer = tokio::spawn(async move { places.take().await });
        sleep(GRACE / 2).await;
        assert!(!goes(&only).await);
        sleep(GRACE).await;
        assert!(goes(&only).await);
        drop(only);
        newcomer.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_works_is_not_closed_until_it_waits() {
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
    async fn a_client_that_is_waited_for_too_long_stalls_and_a_request_at_work_does_not() {
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
    async fn when_memory_runs_out_connections_with_bodies_are_closed_and_silent_ones_stay() {
        let places = Places::new(10);
        let (silent, first, second) = (places.take().await, places.take().await, places.take().await);
        first.hold(MAX_HELD);
        assert!(!goes(&first).await);
        second.hold(1);
        assert!(goes(&first).await);
        assert!(!goes(&silent).await && !goes(&second).await);
        // A connection that works holds its body until the answer.
        second.work();
        drop((PlaceGuard(silent), first));
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
        drop(PlaceGuard(second));
        assert_eq!(account(&places), (0, 0));
    }
}
