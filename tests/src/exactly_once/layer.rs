//! Deliveries through the layers: signed, verified, claimed, and then handled.

use std::{
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use countersign::{Delivery, Rejection, Signer, Verifier, providers};
use countersign_tower::{Stack, VerifiedBody};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{
    record::{Journal, Kind, Record},
    stores::Kept,
    worker::mix,
};

/// An endpoint, and a provider that signs its deliveries.
pub(super) struct Endpoint {
    service: BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Broken>,
    signer: Signer,
}

/// The result of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// The handler ran, and answered 2xx.
    Handled,
    /// The answer was 2xx without a handler: the event is done.
    Known,
    /// It was refused, or there is no answer: the sender has to retry.
    Again,
}

/// The error of a handler that gives no answer.
#[derive(Debug)]
pub(super) struct Broken;

/// The number of a delivery, and how its handler behaves.
#[derive(Clone, Copy)]
struct Attempt {
    number: u32,
    ending: Ending,
    pause: u64,
}

/// How a handler ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Success,
    Status,
    Error,
    Panic,
    /// It ends after its timeout.
    Late,
}

/// How many of a thousand handlers fail, by the way in which they fail.
const STATUS: u64 = 60;
const ERRORS: u64 = 20;
const PANICS: u64 = 20;
const LATE: u64 = 3;

/// How many of a thousand clients disconnect early: during the claim, the handler or the commit.
const CLIENT_GONE: u64 = 60;

const HANDLER_TIMEOUT: Duration = Duration::from_millis(300);

/// Long enough for a busy machine. The events of a killed worker are free afterwards.
const LEASE: Duration = Duration::from_secs(5);

const SECRET: &str = "whsec_a-long-random-secret";

impl Endpoint {
    pub(super) fn new(store: Kept, journal: Arc<Journal>, worker: u32) -> Self {
        // Stripe signs the event's id, and each retry has a new timestamp.
        let verifier = Verifier::new(providers::STRIPE, SECRET).expect("the secret fits");
        let stack = Stack::builder("exactly once", verifier).with_store(store).with_lease(LEASE);
        let stack = stack.with_handler_timeout(HANDLER_TIMEOUT).build().expect("the lease is long enough");
        let service = stack.layer(service_fn(move |request| handle(request, Arc::clone(&journal), worker)));
        let signer = Signer::new(providers::STRIPE, SECRET).expect("the secret fits");
        Self { service: BoxCloneSyncService::new(service), signer }
    }

    /// Delivers an event. `random` chooses how the handler and the client behave.
    pub(super) async fn deliver(&self, event: u32, number: u32, random: u64) -> Delivered {
        let body = Bytes::from(format!(r#"{{"id":"evt_{event}","type":"invoice.paid"}}"#));
        let request = Request::post("/hooks").body(body).expect("the request is well formed");
        let signed = self.signer.sign(request, SystemTime::now()).expect("every body can be signed");
        let mut signed = signed.map(Full::new);
        signed.extensions_mut().insert(Attempt { number, ending: Ending::of(random % 1000), pause: random >> 32 });
        let client = mix(random);
        let polls = if client % 1000 < CLIENT_GONE { (client >> 32) % 5 } else { u64::MAX };
        match answer(self.service.clone().oneshot(signed), polls).await {
            Some(Ok(response)) if !response.status().is_success() => Delivered::Again,
            Some(Ok(response)) => match response.extensions().get::<Rejection>() {
                None => Delivered::Handled,
                Some(Rejection::Replayed) => Delivered::Known,
                Some(other) => panic!("{} for {other}", response.status()),
            },
            Some(Err(Broken)) | None => Delivered::Again,
        }
    }
}

/// The output of a call. `None` if it panics, or if its client disconnects after the call was pending `polls` times.
async fn answer<T>(call: impl Future<Output = T>, polls: u64) -> Option<T> {
    let (mut call, mut waited) = (pin!(call), 0);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
        Ok(Poll::Ready(answer)) => Poll::Ready(Some(answer)),
        Ok(Poll::Pending) if waited < polls => {
            waited += 1;
            Poll::Pending
        }
        Ok(Poll::Pending) | Err(_) => Poll::Ready(None),
    })
    .await
}

impl Ending {
    fn of(choice: u64) -> Self {
        [(STATUS, Self::Status), (ERRORS, Self::Error), (PANICS, Self::Panic), (LATE, Self::Late)]
            .into_iter()
            .scan(0, |end, (share, ending)| {
                *end += share;
                Some((*end, ending))
            })
            .find(|(end, _)| choice < *end)
            .map_or(Self::Success, |(_, ending)| ending)
    }
}

async fn handle(
    request: Request<VerifiedBody>,
    journal: Arc<Journal>,
    worker: u32,
) -> Result<Response<Full<Bytes>>, Broken> {
    let Attempt { number, ending, pause } = *request.extensions().get().expect("every delivery has one");
    let delivery: &Delivery = request.extensions().get().expect("the layer puts it there");
    let id = delivery.event_id().and_then(|id| id.as_str().strip_prefix("evt_")?.parse().ok());
    let event = id.expect("every event has an id");
    let run = Run::start(journal, Record { kind: Kind::Start, worker, event, attempt: number });
    match pause % 8 {
        0 => tokio::time::sleep(Duration::from_millis(pause / 8 % 4)).await,
        1..4 => tokio::task::yield_now().await,
        _ => {}
    }
    match ending {
        Ending::Success => {
            run.succeed();
            return Ok(Response::new(Full::default()));
        }
        Ending::Status => {}
        Ending::Error => return Err(Broken),
        // Unlike `panic!`, this prints no message.
        Ending::Panic => resume_unwind(Box::new("a handler panics")),
        Ending::Late => tokio::time::sleep(2 * HANDLER_TIMEOUT).await,
    }
    let mut failed = Response::new(Full::default());
    *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    Ok(failed)
}

/// A running handler. If it is dropped before it succeeds, it has failed.
struct Run {
    journal: Arc<Journal>,
    record: Record,
    end: Kind,
}

impl Run {
    fn start(journal: Arc<Journal>, record: Record) -> Self {
        journal.write(record);
        Self { journal, record, end: Kind::Failure }
    }

    fn succeed(mut self) {
        self.end = Kind::Success;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.journal.write(Record { kind: self.end, ..self.record });
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handler broke")
    }
}

impl std::error::Error for Broken {}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_deliveries_end_in_the_given_proportions() {
        let count = |ending| (0..1000).filter(|choice| Ending::of(*choice) == ending).count() as u64;
        assert_eq!(
            [Ending::Status, Ending::Error, Ending::Panic, Ending::Late].map(count),
            [STATUS, ERRORS, PANICS, LATE]
        );
    }
}
