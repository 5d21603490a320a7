//! Records or prints the verdicts that the server reports.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Method;

use super::table;
use crate::{
    gateway::{Endpoint, Verdict, Watch},
    output,
};

/// What the server saw of one delivery.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) provider: String,
    /// `accepted`, `duplicate`, `handshake`, or the code of the refusal.
    pub(super) code: &'static str,
    pub(super) took: Duration,
}

impl Seen {
    /// Whether it was answered 200.
    pub(super) fn is_success(&self) -> bool {
        ["accepted", "duplicate", "handshake"].contains(&self.code)
    }
}

/// Records every verdict, and counts accepted deliveries as their handler would see them.
#[derive(Default)]
pub(super) struct Recorder {
    seen: Mutex<Vec<Seen>>,
    handled: AtomicUsize,
    announces: AtomicBool,
}

impl Recorder {
    /// The verdicts since the last call.
    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.lock())
    }

    /// How often the handler ran.
    pub(super) fn handled(&self) -> usize {
        self.handled.load(Ordering::Relaxed)
    }

    /// From now on, prints verdicts instead of keeping them.
    pub(super) fn announce(&self) {
        self.announces.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Recorder {
    async fn verdict(&self, endpoint: &Endpoint, verdict: &Verdict<'_>, took: Duration) -> io::Result<()> {
        let code = match verdict {
            Verdict::Accepted { .. } => {
                self.handled.fetch_add(1, Ordering::Relaxed);
                "accepted"
            }
            Verdict::Duplicate { .. } => "duplicate",
            Verdict::Handshake { .. } => "handshake",
            Verdict::Refused { rejection, .. } => rejection.code(),
        };
        let seen = Seen { provider: endpoint.scheme().id().to_owned(), code, took };
        if self.announces.load(Ordering::Relaxed) {
            output::line(table::announcement(&seen))
        } else {
            self.lock().push(seen);
            Ok(())
        }
    }

    /// The demo has no operators.
    fn unknown_operator(&self, _: &Endpoint, _: Option<SocketAddr>) {}

    /// A user who sends to a wrong path sees the 404.
    fn no_endpoint(&self, _: &Method, _: &str, _: Option<SocketAddr>) {}
}
