//! From a request as it comes in to a verified one, or the reason for its refusal.

use std::{error::Error, pin::pin};

use bytes::{Bytes, BytesMut};
use countersign::{Delivery, Rejection, Timestamp, Verifier};
use http::{HeaderMap, Request, header::CONTENT_LENGTH, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError};

use super::{Keys, Sought, VerifiedBody, layer::Settings};
use crate::{deadline::within, tenants::TenantName};

/// Verifies a request. The delivery goes into its extensions, and the verdict to `tracing`.
pub(super) async fn receive<B>(
    request: Request<B>,
    keys: &impl Keys,
    settings: &Settings,
) -> Result<Request<VerifiedBody>, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let now = (settings.clock)();
    match verify(&parts, body, keys, settings, now).await {
        Ok((delivery, tenant)) => {
            tracing::debug!(
                target: "countersign",
                provider = delivery.provider(),
                key = delivery.key_label(),
                bytes = delivery.body().len(),
                "accepted"
            );
            let body = VerifiedBody::new(delivery.body().clone());
            parts.extensions.insert(delivery);
            if let Some(tenant) = tenant {
                parts.extensions.insert(tenant);
            }
            Ok(Request::from_parts(parts, body))
        }
        Err((provider, rejection)) => {
            report(&rejection, provider.as_deref().or(keys.provider()), &parts);
            Err(rejection)
        }
    }
}

/// A refusal, and the provider if it was known by then.
type Refused = (Option<String>, Rejection);

async fn verify<B>(
    parts: &Parts,
    body: B,
    keys: &impl Keys,
    settings: &Settings,
    now: Timestamp,
) -> Result<(Delivery, Option<TenantName>), Refused>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let nobody = |rejection| (None, rejection);
    let sought = keys.find(parts, now).await.map_err(nobody)?;
    let (found, delivery) = match sought {
        Sought::Found(found) => {
            let delivery = verify_with(parts, body, &found.verifier, settings, now).await;
            (found, delivery)
        }
        Sought::InBody => {
            let body = gather(parts, body, settings).await.map_err(nobody)?;
            let found = keys.find_for_body(parts, &body, now).await.map_err(nobody)?;
            let delivery = verify_whole(parts, body, &found.verifier, settings, now);
            (found, delivery)
        }
    };
    match delivery {
        Ok(delivery) if !found.is_decoy => Ok((delivery, found.tenant)),
        Ok(_) => Err((None, Rejection::UnknownKey)),
        Err(rejection) => Err((Some(found.verifier.scheme().id().to_owned()), rejection)),
    }
}

/// Hashes the body as it arrives.
async fn verify_with<B>(
    parts: &Parts,
    body: B,
    verifier: &Verifier,
    settings: &Settings,
    now: Timestamp,
) -> Result<Delivery, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let announced = announced(parts, &body, settings.body_limit)?;
    let mut collecting = verifier.collect(parts, settings.body_limit, now)?;
    in_time(read(body, |chunk| collecting.push(chunk)), settings).await?;
    if announced.is_some_and(|announced| announced != collecting.received()) {
        return Err(Rejection::BodyIncomplete);
    }
    Ok(collecting.finish()?.into_delivery())
}

/// Verifies a body that is there already.
fn verify_whole(
    parts: &Parts,
    body: Bytes,
    verifier: &Verifier,
    settings: &Settings,
    now: Timestamp,
) -> Result<Delivery, Rejection> {
    let mut collecting = verifier.collect(parts, settings.body_limit, now)?;
    collecting.push(body)?;
    Ok(collecting.finish()?.into_delivery())
}

/// The whole body, under both limits.
async fn gather<B>(parts: &Parts, body: B, settings: &Settings) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = settings.body_limit;
    let announced = announced(parts, &body, limit)?;
    let mut whole = BytesMut::new();
    let take = |chunk: Bytes| {
        whole.extend_from_slice(&chunk);
        if whole.len() as u64 > limit { Err(Rejection::BodyTooLarge { limit: Some(limit) }) } else { Ok(()) }
    };
    in_time(read(body, take), settings).await?;
    if announced.is_some_and(|announced| announced != whole.len() as u64) {
        return Err(Rejection::BodyIncomplete);
    }
    Ok(whole.freeze())
}

/// The announced length, if it is within the limit.
fn announced(parts: &Parts, body: &impl Body, limit: u64) -> Result<Option<u64>, Rejection> {
    let announced = content_length(&parts.headers)?;
    if announced.unwrap_or(0) > limit || body.size_hint().lower() > limit {
        return Err(Rejection::BodyTooLarge { limit: Some(limit) });
    }
    Ok(announced)
}

async fn in_time(read: impl Future<Output = Result<(), Rejection>>, settings: &Settings) -> Result<(), Rejection> {
    let limit = settings.body_timeout;
    within(limit, read).await.ok_or(Rejection::BodyTimeout { limit })?
}

async fn read<B>(body: B, mut take: impl FnMut(Bytes) -> Result<(), Rejection>) -> Result<(), Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
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
