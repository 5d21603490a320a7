//! From a request as it comes in to a verified one, or the reason for its refusal.

use std::{
    error::Error,
    pin::{Pin, pin},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use countersign::{Collecting, Delivery, Handshake, Rejection, Timestamp, Verified, handshake::MAX_QUESTION};
use http::{HeaderMap, Response, header::CONTENT_LENGTH, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError};

use super::{Found, Keys, Sought, layer::Settings};
use crate::{deadline::within, tenants::TenantName};

/// What a request comes to that is not refused.
pub(crate) enum Received {
    /// A delivery, for the service behind.
    Delivery(Delivery, Option<TenantName>),
    /// The answer to a handshake, for the provider.
    Answer(Response<Bytes>),
}

/// Verifies a request, and tells `tracing` the verdict.
pub(crate) async fn receive<B>(
    head: &Parts,
    body: B,
    keys: &impl Keys,
    settings: &Settings,
) -> Result<Received, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let now = (settings.clock)();
    let refused = |rejection: &Rejection| report(rejection, keys.provider(), head);
    let found = match keys.find(head, now).await.inspect_err(refused)? {
        Sought::Found(found) => found,
        // Boxed, as everything that few requests take: each request makes room for the largest of what it might come to.
        Sought::InBody => {
            return Box::pin(async move {
                let body = gather(head, pin!(body), settings).await.inspect_err(refused)?;
                let found = keys.find_for_body(head, &body, now).await.inspect_err(refused)?;
                respond(head, pin!(Full::new(body)), found, settings, now).await
            })
            .await;
        }
    };
    respond(head, pin!(body), found, settings, now).await
}

async fn respond<B>(
    head: &Parts,
    body: Pin<&mut B>,
    found: Found,
    settings: &Settings,
    now: Timestamp,
) -> Result<Received, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let provider = || found.verifier.scheme().id();
    let refused = |rejection: &Rejection| report(rejection, Some(provider()), head);
    match verify(head, body, &found, settings, now).await.inspect_err(refused)? {
        Verdict::Delivery(delivery) => {
            tracing::debug!(
                target: "countersign",
                provider = delivery.provider(),
                key = delivery.key_label(),
                bytes = delivery.body().len(),
                "accepted"
            );
            Ok(Received::Delivery(delivery, found.tenant))
        }
        Verdict::Handshake(handshake) => {
            let answer = Box::pin(settings.handshakes.settle(handshake, head)).await.inspect_err(refused)?;
            tracing::info!(target: "countersign", provider = provider(), path = head.uri.path(), "answered a handshake");
            Ok(Received::Answer(answer))
        }
    }
}

enum Verdict {
    Delivery(Delivery),
    Handshake(Handshake),
}

async fn verify<B>(
    parts: &Parts,
    body: Pin<&mut B>,
    found: &Found,
    settings: &Settings,
    now: Timestamp,
) -> Result<Verdict, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = settings.body_limit;
    let announced = content_length(&parts.headers)?;
    if announced.unwrap_or(0) > limit || body.size_hint().lower() > limit {
        return Err(Rejection::BodyTooLarge { limit: Some(limit) });
    }
    if found.answers_questions(settings)
        && let Some(handshake) = found.verifier.handshake_in_head(parts, now)? {
        return found.answer(handshake);
    }
    let Some(mut collecting) = collect(parts, found, settings, now)? else {
        return Box::pin(ask(parts, body, found, settings, now)).await;
    };
    in_time(settings.body_timeout, pin!(read(body, |chunk| collecting.push(chunk)))).await?;
    if announced.is_some_and(|announced| announced != collecting.received()) {
        return Err(Rejection::BodyIncomplete);
    }
    found.judge(collecting.finish()?, settings)
}

/// A verdict in the making; `None` if the request may be a question, of which the body has to tell.
fn collect<'r>(
    parts: &'r Parts,
    found: &'r Found,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Collecting<'r>>, Rejection> {
    let collecting = found.verifier.collect(parts, settings.body_limit, now);
    let may_be_asked = || collecting.as_ref().err().is_none_or(may_be_question);
    if found.answers_questions(settings) && may_be_asked() && found.verifier.awaits_question(parts) {
        return Ok(None);
    }
    collecting.map(Some)
}

/// Reads a body that may be a question which nobody signed: it is looked at when it is no delivery.
async fn ask<B>(
    parts: &Parts,
    body: Pin<&mut B>,
    found: &Found,
    settings: &Settings,
    now: Timestamp,
) -> Result<Verdict, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let collecting = found.verifier.collect(parts, settings.body_limit, now);
    // If the head is refused, a question is all that it can be.
    let limit = if collecting.is_ok() { settings.body_limit } else { settings.body_limit.min(MAX_QUESTION) };
    let mut whole = BytesMut::new();
    let gather = |chunk: Bytes| {
        whole.extend_from_slice(&chunk);
        if whole.len() as u64 > limit { Err(Rejection::BodyTooLarge { limit: Some(limit) }) } else { Ok(()) }
    };
    let complete = in_time(settings.body_timeout, pin!(read(body, gather))).await;
    let announced = content_length(&parts.headers)?;
    let verdict = collecting.and_then(|mut collecting| {
        complete.clone()?;
        let body = whole.split().freeze();
        if announced.is_some_and(|announced| announced != body.len() as u64) {
            return Err(Rejection::BodyIncomplete);
        }
        collecting.push(body.clone())?;
        Ok((collecting.finish(), body))
    });
    let (rejection, body) = match verdict {
        Ok((Ok(verified), _)) => return found.judge(verified, settings),
        Ok((Err(rejection), body)) => (rejection, body),
        Err(rejection) => (rejection, whole.freeze()),
    };
    if complete.is_err() || !may_be_question(&rejection) {
        return Err(rejection);
    }
    match found.verifier.handshake_in_body(parts, &body, now)? {
        Some(handshake) => found.answer(handshake),
        None => Err(rejection),
    }
}

/// Whether a request that is refused for this reason brought no proof at all, so that it claims to be no delivery.
fn may_be_question(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::MissingSignature { .. } | Rejection::Method | Rejection::UnknownKey)
}

impl Found {
    fn answers_questions(&self, settings: &Settings) -> bool {
        settings.handshakes.are_answered && self.verifier.scheme().has_handshakes()
    }

    fn judge(&self, verified: Verified<'_, Bytes>, settings: &Settings) -> Result<Verdict, Rejection> {
        if self.is_decoy {
            return Err(Rejection::UnknownKey);
        }
        let handshakes = &settings.handshakes;
        if handshakes.are_answered
            && let Some(handshake) = verified.handshake()?.filter(|handshake| handshakes.can_settle(handshake))
        {
            return Ok(Verdict::Handshake(handshake));
        }
        Ok(Verdict::Delivery(verified.into_delivery()))
    }

    fn answer(&self, handshake: Handshake) -> Result<Verdict, Rejection> {
        if self.is_decoy { Err(Rejection::UnknownKey) } else { Ok(Verdict::Handshake(handshake)) }
    }
}

/// The whole body, under both limits.
async fn gather<B>(parts: &Parts, body: Pin<&mut B>, settings: &Settings) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = settings.body_limit;
    let announced = content_length(&parts.headers)?;
    if announced.unwrap_or(0) > limit || body.size_hint().lower() > limit {
        return Err(Rejection::BodyTooLarge { limit: Some(limit) });
    }
    let mut whole = BytesMut::new();
    let take = |chunk: Bytes| {
        whole.extend_from_slice(&chunk);
        if whole.len() as u64 > limit { Err(Rejection::BodyTooLarge { limit: Some(limit) }) } else { Ok(()) }
    };
    in_time(settings.body_timeout, pin!(read(body, take))).await?;
    if announced.is_some_and(|announced| announced != whole.len() as u64) {
        return Err(Rejection::BodyIncomplete);
    }
    Ok(whole.freeze())
}

/// Reads under a deadline.
async fn in_time(
    limit: Duration,
    read: Pin<&mut impl Future<Output = Result<(), Rejection>>>,
) -> Result<(), Rejection> {
    within(limit, read).await.ok_or(Rejection::BodyTimeout { limit })?
}

async fn read<B>(mut body: Pin<&mut B>, mut take: impl FnMut(Bytes) -> Result<(), Rejection>) -> Result<(), Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(error.into().as_ref()))?;
        // Trailers are no part of the body, and no scheme signs them.
        if let Ok(chunk) = frame.into_data() {
            take(chunk)?;
        }
    }
    Ok(())
}

/// A stream that broke, or ran into a limit that the user put around the body.
fn broken(error: &(dyn Error + 'static)) -> Rejection {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Rejection::BodyTooLarge { limit: None };
        }
        cause = error.source();
    }
    Rejection::BodyIncomplete
}

/// The announced length. RFC 9110 section 8.6: digits only, and several lines must agree.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Rejection> {
    let mut lines = headers.get_all(CONTENT_LENGTH).into_iter();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let is_digits = !first.is_empty() && first.as_bytes().iter().all(u8::is_ascii_digit);
    if !is_digits || lines.any(|line| line != first) {
        return Err(Rejection::ContentLength);
    }
    let length = first.to_str().ok().and_then(|digits| digits.parse().ok());
    // More digits than a u64 holds: too large for every limit.
    Ok(Some(length.unwrap_or(u64::MAX)))
}

/// Tells the operator why. The path helps to find the endpoint; its query may carry a credential and is left out.
fn report(rejection: &Rejection, provider: Option<&str>, head: &Parts) {
    tracing::warn!(
        target: "countersign",
        provider,
        path = head.uri.path(),
        code = rejection.code(),
        status = rejection.status().as_u16(),
        reason = %rejection,
        "refused"
    );
}
