//! An endpoint inside a stack, whose handler counts its calls and answers as a test says.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use countersign_tower::{
    AddressLayer, Keys, PeerAddr, Stack, VerifiedBody,
    countersign::{
        Delivery, Provider, Rejection, ReplayStore, Signer, Timestamp, Verifier, address::AddressSet, providers,
    },
    replay::Answers,
};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn, util::BoxCloneSyncService};

pub(crate) const SECRET: &str = "a-long-random-secret";
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
pub(crate) const INSIDE: &str = "192.0.2.1:4711";
pub(crate) const OUTSIDE: &str = "198.51.100.1:4711";

pub(crate) fn github() -> Verifier {
    Verifier::new(providers::GITHUB, SECRET).unwrap()
}

pub(crate) fn inside() -> AddressLayer {
    AddressLayer::new(AddressSet::parse(["192.0.2.0/24"]).unwrap())
}

/// A body that counts how often it was asked.
pub(crate) struct Watched {
    bytes: Option<Bytes>,
    polls: Arc<AtomicUsize>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[derive(Clone)]
pub(crate) struct World {
    service: BoxCloneSyncService<Request<Watched>, Response<Full<Bytes>>, Infallible>,
    calls: Arc<AtomicUsize>,
    polls: Arc<AtomicUsize>,
    answer: Arc<AtomicU16>,
}

/// What the caller and the log get, and whether the body was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) was_read: bool,
}

pub(crate) fn got(status: u16, code: &'static str, was_read: bool) -> Got {
    Got { status, code, was_read }
}

impl World {
    pub(crate) fn new<K: Keys, St: ReplayStore, A: Answers<Full<Bytes>>>(stack: &Stack<K, St, A>) -> Self {
        let (calls, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU16::new(202)));
        let (calling, answering) = (Arc::clone(&calls), Arc::clone(&answer));
        let service = service_fn(move |request: Request<VerifiedBody>| {
            calling.fetch_add(1, Ordering::SeqCst);
            assert!(request.extensions().get::<Delivery>().is_some());
            let status = answering.load(Ordering::SeqCst);
            async move { Ok(Response::builder().status(status).body(Full::default()).unwrap()) }
        });
        // It panics if it is called without having been asked whether it is ready.
        let service = BoxCloneSyncService::new(stack.layer(ConcurrencyLimit::new(service, 100)));
        Self { service, calls, polls: Arc::default(), answer }
    }

    pub(crate) fn answers(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) async fn send(&self, peer: &str, request: Request<Bytes>) -> Got {
        let before = self.polls.load(Ordering::SeqCst);
        let polls = Arc::clone(&self.polls);
        let mut request = request.map(|bytes| Watched { bytes: Some(bytes), polls });
        request.extensions_mut().insert(PeerAddr(peer.parse().unwrap()));
        let Ok(response) = self.service.clone().oneshot(request).await;
        let was_read = self.polls.load(Ordering::SeqCst) > before;
        let code = response.extensions().get().map_or("", Rejection::code);
        Got { status: response.status().as_u16(), code, was_read }
    }
}

pub(crate) fn signed(provider: Provider, secret: &str, body: &'static str) -> Request<Bytes> {
    Signer::new(provider, secret).unwrap().sign(Request::post("/hooks").body(body).unwrap(), NOW).unwrap()
}

pub(crate) fn from_github(body: &'static str) -> Request<Bytes> {
    signed(providers::GITHUB, SECRET, body)
}
