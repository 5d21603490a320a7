//! From a request as it comes in to a verified one, or the reason for its refusal.

use std::{
    error::Error,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use countersign::{Collecting, Delivery, Handshake, Rejection, Timestamp, Verified, handshake::MAX_QUESTION};
use http::{HeaderMap, Response, header::CONTENT_LENGTH, request::Parts};
use http_body::Body;
use http_body_util::{Either, Full, LengthLimitError};

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
///
/// One function for the usual way: a future of its own for each step would be copied into that of the step before it.
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
    let mut body = pin!(body);
    let refused = |rejection: &Rejection| report(rejection, keys.provider(), head);
    let (found, mut body) = match keys.find(head, now).await.inspect_err(refused)? {
        Sought::Found(found) => (found, Either::Left(body)),
        // Boxed, as everything that few requests take: each request makes room for the largest of what it might come to.
        Sought::InBody => {
            let body = Box::pin(gather(head, body.as_mut(), settings)).await.inspect_err(refused)?;
            let found = Box::pin(keys.find_for_body(head, &body, now)).await.inspect_err(refused)?;
            (found, Either::Right(Full::new(body)))
        }
    };
    let provider = || found.verifier.scheme().id();
    let refused = |rejection: &Rejection| report(rejection, Some(provider()), head);
    let announced = announced_length(head, &body, settings).inspect_err(refused)?;
    let answers = settings.handshakes.are_answered && found.verifier.scheme().has_handshakes();
    let asked = if answers { found.verifier.handshake_in_head(head, now).inspect_err(refused)? } else { None };
    let verdict = if let Some(handshake) = asked {
        found.answer(handshake)
    } else {
        let mut collecting = found.verifier.collect(head, settings.body_limit, now);
        let may_be_asked = collecting.as_ref().err().is_none_or(may_be_question);
        if answers && may_be_asked && found.verifier.awaits_question(head) {
            Box::pin(ask(head, &mut body, &found, settings, now)).await
        } else {
            let complete = match &mut collecting {
                Ok(collecting) => read(&mut body, settings.body_timeout, |chunk| collecting.push(chunk)).await,
                // Not a byte of it is read.
                Err(_) => Ok(()),
            };
            complete.and_then(|()| finish(collecting?, announced, &found, settings))
        }
    };
    match verdict.inspect_err(refused)? {
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
            let answer = Box::pin(settings.handshakes.settle(*handshake, head)).await.inspect_err(refused)?;
            tracing::info!(target: "countersign", provider = provider(), path = head.uri.path(), "answered a handshake");
            Ok(Received::Answer(answer))
        }
    }
}

enum Verdict {
    Delivery(Delivery),
    Handshake(Box<Handshake>),
}

/// The length of the body as the head announces it, if that is not above the limit.
fn announced_length(head: &Parts, body: &impl Body, settings: &Settings) -> Result<Option<u64>, Rejection> {
    let limit = settings.body_limit;
    let announced = content_length(&head.headers)?;
    if announced.unwrap_or(0) > limit || body.size_hint().lower() > limit {
        return Err(Rejection::BodyTooLarge { limit: Some(limit) });
    }
    Ok(announced)
}

fn finish(
    collecting: Collecting<'_>,
    announced: Option<u64>,
    found: &Found,
    settings: &Settings,
) -> Result<Verdict, Rejection> {
    if announced.is_some_and(|announced| announced != collecting.received()) {
        return Err(Rejection::BodyIncomplete);
    }
    found.judge(collecting.finish()?, settings)
}

/// Reads a body that may be a question which nobody signed: it is looked at when it is no delivery.
async fn ask<B>(
    parts: &Parts,
    body: &mut B,
    found: &Found,
    settings: &Settings,
    now: Timestamp,
) -> Result<Verdict, Rejection>
where
    B: Body<Data = Bytes> + Unpin,
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
    let complete = read(body, settings.body_timeout, gather).await;
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
    fn judge(&self, verified: Verified<'_, Bytes>, settings: &Settings) -> Result<Verdict, Rejection> {
        if self.is_decoy {
            return Err(Rejection::UnknownKey);
        }
        let handshakes = &settings.handshakes;
        if handshakes.are_answered
            && let Some(handshake) = verified.handshake()?.filter(|handshake| handshakes.can_settle(handshake))
        {
            return Ok(Verdict::Handshake(Box::new(handshake)));
        }
        Ok(Verdict::Delivery(verified.into_delivery()))
    }

    fn answer(&self, handshake: Handshake) -> Result<Verdict, Rejection> {
        if self.is_decoy { Err(Rejection::UnknownKey) } else { Ok(Verdict::Handshake(Box::new(handshake))) }
    }
}

/// The whole body, under both limits.
async fn gather<B>(parts: &Parts, mut body: Pin<&mut B>, settings: &Settings) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = settings.body_limit;
    let announced = announced_length(parts, &*body, settings)?;
    let mut whole = BytesMut::new();
    let take = |chunk: Bytes| {
        whole.extend_from_slice(&chunk);
        if whole.len() as u64 > limit { Err(Rejection::BodyTooLarge { limit: Some(limit) }) } else { Ok(()) }
    };
    read(&mut body, settings.body_timeout, take).await?;
    if announced.is_some_and(|announced| announced != whole.len() as u64) {
        return Err(Rejection::BodyIncomplete);
    }
    Ok(whole.freeze())
}

/// Reads the whole body, under a deadline.
async fn read<B>(
    body: &mut B,
    limit: Duration,
    mut take: impl FnMut(Bytes) -> Result<(), Rejection>,
) -> Result<(), Rejection>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let reading = pin!(poll_fn(|context| poll_read(body, context, &mut take)));
    within(limit, reading).await.ok_or(Rejection::BodyTimeout { limit })?
}

fn poll_read<B>(
    body: &mut B,
    context: &mut Context<'_>,
    take: &mut impl FnMut(Bytes) -> Result<(), Rejection>,
) -> Poll<Result<(), Rejection>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    while let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(context)) {
        let frame = frame.map_err(|error| broken(error.into().as_ref()))?;
        // Trailers are no part of the body, and no scheme signs them.
        if let Ok(chunk) = frame.into_data() {
            take(chunk)?;
        }
    }
    Poll::Ready(Ok(()))
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
