//! The mark of a delivery that an operator wants handled again.

use std::sync::Arc;

/// Lets one delivery through although its event was handled: the operator wants it handled again.
///
/// Put it into the extensions of a request that your own code makes, from a kept delivery for example. No header makes one,
/// so nobody can from outside; `countersign serve` makes one of an operator's token. An event that is being handled, for
/// whomever, is not run beside itself: it is refused as ever.
///
/// It opens the replay guard and nothing else: the request must verify like any other. One whose signed time is over has to be
/// signed anew ([`Signer`](countersign::Signer)), or meet a [`VerifyLayer`](crate::VerifyLayer) whose
/// [clock](crate::VerifyLayer::with_clock) shows the time at which it came.
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
    /// A replay for which somebody answers; the name goes to the log.
    pub fn authorized_by(name: impl Into<Arc<str>>) -> Self {
        Self { by: name.into() }
    }

    /// Who answers for it.
    pub fn by(&self) -> &str {
        &self.by
    }
}
