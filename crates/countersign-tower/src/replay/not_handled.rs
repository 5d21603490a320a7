//! The mark of an answer that acknowledges an event that was not handled.

/// Marks a 2xx answer, in its extensions, to an event that was not handled and that the provider need not send again.
///
/// The guard then releases the claim. The type of an event is often in a header that no signature covers. Suppose that a handler
/// has failed on a delivery: an attacker who relays it could change its type to one without a handler. Recorded as handled, the
/// event would be lost, because the provider's retry would count as a replay.
///
/// ```
/// use countersign_tower::replay::NotHandled;
///
/// let mut answer = http::Response::builder().status(204).body(())?;
/// answer.extensions_mut().insert(NotHandled);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotHandled;
