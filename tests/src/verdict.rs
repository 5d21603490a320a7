//! The verdict of a verifier on a request, through each of its interfaces.

use bytes::Bytes;
use countersign::{
    Delivery, Rejection, ReplayKey, Scheme, Timestamp, Value, Verified, Verifier, replay::ReplayScope,
    scheme::ToldApartBy,
};
use http::{Request, request::Parts};

/// The information in an accepted delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The label of the key.
    pub key: String,
    /// The signed time.
    pub timestamp: Option<Timestamp>,
    /// The event's id, and whether the signature covers it.
    pub event_id: Option<(String, bool)>,
    /// The event's type, and whether the signature covers it.
    pub event_type: Option<(String, bool)>,
    /// The key under which it is claimed, and whether all that it is made of is covered.
    pub replay_key: Option<(ReplayKey, bool)>,
}

impl Accepted {
    /// Reads a proof.
    pub fn of<B: AsRef<[u8]>>(verified: &Verified<'_, B>) -> Self {
        let text = |value: countersign::Value<'_>| (value.as_str().to_owned(), value.is_covered());
        Self {
            key: verified.key_label().to_owned(),
            timestamp: verified.timestamp(),
            event_id: verified.event_id().map(text),
            event_type: verified.event_type().map(text),
            replay_key: verified
                .replay_key(&ReplayScope::new("endpoint"))
                .map(|key| (key, is_covered(verified.scheme(), verified.event_id()))),
        }
    }

    /// Reads a delivery.
    pub fn of_delivery(delivery: &Delivery) -> Self {
        let text = |value: countersign::Value<'_>| (value.as_str().to_owned(), value.is_covered());
        Self {
            key: delivery.key_label().to_owned(),
            timestamp: delivery.timestamp(),
            event_id: delivery.event_id().map(text),
            event_type: delivery.event_type().map(text),
            replay_key: delivery
                .replay_key(&ReplayScope::new("endpoint"))
                .map(|key| (key, is_covered(delivery.scheme(), delivery.event_id()))),
        }
    }

    /// The same without what the signature does not cover.
    #[must_use]
    pub fn covered(mut self) -> Self {
        self.event_id = self.event_id.filter(|(_, covered)| *covered);
        self.event_type = self.event_type.filter(|(_, covered)| *covered);
        self.replay_key = self.replay_key.filter(|(_, covered)| *covered);
        self
    }
}

/// Whether a replay key is made only of covered parts: the signed content, or an id.
fn is_covered(scheme: &Scheme, event_id: Option<Value<'_>>) -> bool {
    let is_named = event_id.is_some_and(|id| id.is_covered());
    is_named
        || match scheme.told_apart_by() {
            None => scheme.covers_body(),
            Some(told) => !matches!(told, ToldApartBy::UnsignedValues | ToldApartBy::UnsignedType),
        }
}

/// The verdict on a complete request.
///
/// # Errors
///
/// The rejection.
pub fn whole(verifier: &Verifier, request: &Request<Bytes>, now: Timestamp) -> Result<Accepted, Rejection> {
    verifier.verify(request, request.body(), now).map(|verified| Accepted::of(&verified))
}

/// The verdict on a request through each interface, with the body cut at `cuts`.
///
/// # Errors
///
/// The rejection.
///
/// # Panics
///
/// If the interfaces differ.
pub fn each_way(
    verifier: &Verifier,
    request: &Request<Bytes>,
    now: Timestamp,
    cuts: &[usize],
) -> Result<Accepted, Rejection> {
    let whole = whole(verifier, request, now);
    let (parts, body) = request.clone().into_parts();
    let chunks = cut(&body, cuts);
    let streamed = streamed(verifier, &parts, &chunks, now);
    let streamed = streamed.map(|key| whole.as_ref().map_or(key.clone(), |whole| whole.key.clone()) == key);
    assert_eq!(streamed, whole.as_ref().map(|_| true).map_err(Clone::clone), "streamed and whole verdicts differ");
    for expected in [None, Some(ReplayScope::new("endpoint")), Some(ReplayScope::new("other"))] {
        let collected = collected(verifier, &parts, &chunks, expected.as_ref(), now).map(|delivery| {
            assert_eq!(delivery.body(), &body, "the collected body is not the one that came");
            Accepted::of_delivery(&delivery)
        });
        assert_eq!(
            collected, whole,
            "collected and whole verdicts differ, with the replay key under {expected:?} expected"
        );
    }
    whole
}

fn streamed(verifier: &Verifier, parts: &Parts, chunks: &[Bytes], now: Timestamp) -> Result<String, Rejection> {
    let mut pending = verifier.begin(parts, now)?;
    for chunk in chunks {
        pending.update(chunk);
    }
    pending.finish().map(|verified| verified.key_label().to_owned())
}

fn collected(
    verifier: &Verifier,
    parts: &Parts,
    chunks: &[Bytes],
    expected: Option<&ReplayScope>,
    now: Timestamp,
) -> Result<Delivery, Rejection> {
    let mut collecting = verifier.collect(parts, 1 << 24, now)?;
    collecting.announce_length(chunks.iter().map(|chunk| chunk.len() as u64).sum());
    if let Some(scope) = expected {
        collecting.announce_replay_key(scope);
    }
    chunks.iter().try_for_each(|chunk| collecting.push(chunk.clone()))?;
    collecting.finish().map(Verified::into_delivery)
}

fn cut(body: &Bytes, cuts: &[usize]) -> Vec<Bytes> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).chain([0, body.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| body.slice(pair[0]..pair[1])).collect()
}
