//! The mark of a delivery that an operator wants to be handled again.

use std::sync::Arc;

/// Lets one delivery through although its event was handled, because an operator wants it to be handled again.
///
/// Put it into the extensions of a request that your own code makes, for example from a stored delivery. No header creates it, so
/// a client cannot; `countersign serve` creates it for an operator's token. An event that is being handled, for the provider or
/// for another operator, is refused as always. Only if the event is forgotten while it runs for an operator, an ordinary delivery
/// of it can run at the same time.
///
/// It bypasses the replay guard only: the request must verify like any other. If its timestamp is too old, sign it again
/// ([`Signer`](countersign::Signer)), or use a [`VerifyLayer`](crate::VerifyLayer) whose
/// [clock](crate::VerifyLayer::with_clock) shows the time of the original delivery.
///
/// ```
/// use countersign_tower::replay::OperatorReplay;
///
/// let mut request = http::Request::post("/stripe").body(())?;
/// request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorReplay {
    by: Arc<str>,
}

impl OperatorReplay {
    /// A replay that this person authorizes; the name goes to the log.
    pub fn authorized_by(name: impl Into<Arc<str>>) -> Self {
        Self { by: name.into() }
    }

    /// The name of who authorized it.
    pub fn by(&self) -> &str {
        &self.by
    }
}
