//! The verdict on a request whose verifier is known. It waits for nothing but the body.

use std::error::Error;

use bytes::Bytes;
use countersign::{
    Collecting, Delivery, Handshake, Head, Rejection, Timestamp, Verified, Verifier, handshake::MAX_QUESTION,
    replay::ReplayScope,
};
use http::request::Parts;
use http_body::Body;

use super::{
    layer::Settings,
    read::{announced_length, read, read_whole},
    sent,
};

/// The verdict on a request that is not refused.
pub(crate) enum Verdict {
    Delivery(Delivery),
    /// A question for the provider's handshake.
    Handshake(Box<Handshake>),
}

/// Judges the head, then reads and hashes the body, then checks the signature. `scope` is that of the event's claim, if it is known.
pub(super) async fn judge<B>(
    parts: &Parts,
    body: &mut B,
    verifier: &Verifier,
    settings: &Settings,
    scope: Option<&ReplayScope>,
    now: Timestamp,
) -> Result<Verdict, Rejection>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let announced = announced_length(parts, body, settings.body_limit)?;
    let head = sent::head(parts);
    let answers = settings.handshakes.are_answered && verifier.scheme().has_handshakes();
    if answers && let Some(handshake) = verifier.handshake_in_head(head, now)? {
        return Ok(Verdict::Handshake(Box::new(handshake)));
    }
    let mut collecting = verifier.collect(head, settings.body_limit, now);
    let may_be_asked = answers && collecting.as_ref().err().is_none_or(may_be_unsigned_question);
    if may_be_asked && verifier.may_be_question(head) {
        // Boxed, because few requests need it: the future of every request has room for its largest branch.
        return Box::pin(judge_question(head, body, collecting, announced, verifier, settings, now)).await;
    }
    if let Ok(collecting) = &mut collecting {
        collecting.announce_length(announced.or(body.size_hint().exact()).unwrap_or(0));
        if let Some(scope) = scope {
            collecting.announce_replay_key(scope);
        }
        read(body, |chunk| collecting.push(chunk)).await?;
    }
    finish(collecting?, announced, settings)
}

fn finish(collecting: Collecting<'_>, announced: Option<u64>, settings: &Settings) -> Result<Verdict, Rejection> {
    if announced.is_some_and(|announced| announced != collecting.received()) {
        return Err(Rejection::BodyIncomplete);
    }
    accept(collecting.finish()?, settings)
}

/// The verdict on a verified request: a delivery, unless it is a handshake that can be answered.
fn accept(verified: Verified<'_, Bytes>, settings: &Settings) -> Result<Verdict, Rejection> {
    let handshakes = &settings.handshakes;
    if handshakes.are_answered
        && let Some(handshake) = verified.handshake()?.filter(|handshake| handshakes.can_answer(handshake))
    {
        return Ok(Verdict::Handshake(Box::new(handshake)));
    }
    Ok(Verdict::Delivery(verified.into_delivery()))
}

/// Reads a body that may be an unsigned handshake: it is tried as one if it is no verified delivery.
async fn judge_question<B>(
    head: Head<'_>,
    body: &mut B,
    collecting: Result<Collecting<'_>, Rejection>,
    announced: Option<u64>,
    verifier: &Verifier,
    settings: &Settings,
    now: Timestamp,
) -> Result<Verdict, Rejection>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // If the head is refused, the request can only be a handshake.
    let limit = if collecting.is_ok() { settings.body_limit } else { settings.body_limit.min(MAX_QUESTION) };
    let whole = read_whole(body, announced, limit).await;
    let verified = collecting.and_then(|mut collecting| {
        collecting.push(whole.clone()?)?;
        collecting.finish()
    });
    let rejection = match verified {
        Ok(verified) => return accept(verified, settings),
        Err(rejection) => rejection,
    };
    match whole {
        Ok(whole) if may_be_unsigned_question(&rejection) => {
            let question = verifier.handshake_in_body(head, &whole, now)?;
            question.map(|handshake| Verdict::Handshake(Box::new(handshake))).ok_or(rejection)
        }
        _ => Err(rejection),
    }
}

/// Whether a request that is refused for this reason has no proof at all, so that it may be an unsigned handshake.
fn may_be_unsigned_question(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::MissingSignature { .. } | Rejection::Method | Rejection::UnknownKey)
}
