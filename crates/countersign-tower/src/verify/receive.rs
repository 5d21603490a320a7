//! From a request as it comes in to a verified one, or the reason for its refusal.

use std::{error::Error, pin::pin};

use bytes::Bytes;
use countersign::{Collecting, Delivery, Rejection, Timestamp, Verifier};
use http::{HeaderMap, Request, header::CONTENT_LENGTH, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError};

use super::{Found, Keys, VerifiedBody, layer::Settings};
use crate::deadline::within;

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
    let found = keys.find(&parts).await.inspect_err(|rejection| report(rejection, None, &parts))?;
    match verify(&parts, body, &found, settings, now).await {
        Ok(delivery) => {
            tracing::debug!(
                target: "countersign",
                provider = delivery.provider(),
                key = delivery.key_label(),
                bytes = delivery.body().len(),
                "accepted"
            );
            let body = VerifiedBody::new(delivery.body().clone());
            parts.extensions.insert(delivery);
            if let Some(tenant) = found.tenant {
                parts.extensions.insert(tenant);
            }
            Ok(Request::from_parts(parts, body))
        }
        Err(rejection) => {
            report(&rejection, Some(&found.verifier), &parts);
            Err(rejection)
        }
    }
}

async fn verify<B>(
    parts: &Parts,
    body: B,
    found: &Found,
    settings: &Settings,
    now: Timestamp,
) -> Result<Delivery, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = settings.body_limit;
    let announced = content_length(&parts.headers)?;
    if announced.unwrap_or(0) > limit || body.size_hint().lower() > limit {
        return Err(Rejection::BodyTooLarge { limit: Some(limit) });
    }
    let mut collecting = found.verifier.collect(parts, limit, now)?;
    let time_limit = settings.body_timeout;
    let read = within(time_limit, read(body, &mut collecting)).await;
    read.ok_or(Rejection::BodyTimeout { limit: time_limit })??;
    if announced.is_some_and(|announced| announced != collecting.received()) {
        return Err(Rejection::BodyIncomplete);
    }
    let verified = collecting.finish()?;
    if found.is_decoy {
        return Err(Rejection::UnknownKey);
    }
    Ok(verified.into_delivery())
}

async fn read<B>(body: B, collecting: &mut Collecting<'_>) -> Result<(), Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(error.into().as_ref()))?;
        // Trailers are no part of the body, and no scheme signs them.
        if let Ok(chunk) = frame.into_data() {
            collecting.push(chunk)?;
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
fn report(rejection: &Rejection, verifier: Option<&Verifier>, head: &Parts) {
    tracing::warn!(
        target: "countersign",
        provider = verifier.map(|verifier| verifier.scheme().id()),
        path = head.uri.path(),
        code = rejection.code(),
        status = rejection.status().as_u16(),
        reason = %rejection,
        "refused"
    );
}
