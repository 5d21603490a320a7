//! The mark of an answer that acknowledges an event which nobody has handled.

/// In the extensions of a 2xx answer: the provider need not send the event again, and yet nobody has handled it.
///
/// The guard then releases the claim. The type of an event is mostly in a header that no signature covers: whoever relays a
/// delivery that the handler has just failed on could give it a type for which there is no handler, and would have it
/// recorded as handled, so that the provider's retry was taken for a replay.
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
