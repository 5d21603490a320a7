//! From a request as it comes in to a verified one, or the reason for its refusal.

use std::{
    error::Error,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use countersign::{Delivery, Rejection, Scheme, Timestamp, Verifier};
use http::{Response, request::Parts};
use http_body::Body;
use http_body_util::{Either, Full};

use super::{Found, KeyLookup, Keys, ProbedBody, Verdict, judge::judge, layer::Settings, read::gather, sent};
use crate::{deadline::within, refusal::status, tenants::TenantName};

/// What a request comes to that is not refused.
pub(crate) enum Received {
    /// A delivery, for the inner service.
    Delivery(Delivery, Option<TenantName>),
    /// The answer to a handshake, for the provider.
    Answer(Response<Bytes>),
}

/// The verdict on a request that can be judged without waiting, as most can; pending if it cannot: then it is for
/// [`receive`]. Judged where it stands: a future that may have to wait would be made in a box of its own.
pub(crate) fn receive_at_once<B>(
    head: &Parts,
    body: &mut ProbedBody<B>,
    keys: &impl Keys,
    settings: &Settings,
    now: Timestamp,
    context: &mut Context<'_>,
) -> Poll<Result<Verdict, Rejection>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Some(verifier) = keys.fixed_verifier() else { return Poll::Pending };
    let scope = settings.replay_scope.as_ref();
    let verdict = ready!(pin!(judge(head, body, verifier, settings, scope, now)).poll(context));
    Poll::Ready(reported(verdict, verifier, keys.scheme(), head))
}

/// Verifies a request, waiting for whatever it takes, and answers it if it is a handshake.
pub(crate) async fn receive<B>(
    head: &Parts,
    body: ProbedBody<B>,
    keys: &impl Keys,
    settings: &Settings,
    now: Timestamp,
) -> Result<Received, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = settings.body_timeout;
    let mut body = body.frame_by_frame();
    let refused = |rejection: &Rejection| {
        report(rejection, keys.scheme().map(|scheme| scheme.id()), keys.scheme(), head);
    };
    let (found, mut body) = match keys.find(head, now).await.inspect_err(refused)? {
        KeyLookup::Found(found) => (found, Either::Left(body)),
        // Boxed, as everything that few requests take: each request makes room for the largest of what it might come to.
        KeyLookup::NeedsBody => {
            let mut whole = Box::pin(gather(head, &mut body, settings.body_limit));
            let whole = within(limit, whole.as_mut()).await.unwrap_or(Err(Rejection::BodyTimeout { limit }));
            let whole = whole.inspect_err(refused)?;
            let found = Box::pin(keys.find_for_body(head, &whole, now)).await.inspect_err(refused)?;
            (found, Either::Right(Full::new(whole)))
        }
    };
    let Found { verifier, is_decoy, tenant } = found;
    // A tenant's events have a scope of their own, and one that is unknown is to take no more time or less.
    let scope = settings.replay_scope.as_ref().filter(|_| keys.fixed_verifier().is_some());
    let judged = within(limit, pin!(judge(head, &mut body, &verifier, settings, scope, now))).await;
    let verdict = match judged {
        Some(Ok(_)) if is_decoy => Err(Rejection::UnknownKey),
        Some(verdict) => verdict,
        None => Err(Rejection::BodyTimeout { limit }),
    };
    match reported(verdict, &verifier, keys.scheme(), head)? {
        Verdict::Delivery(delivery) => Ok(Received::Delivery(delivery, tenant)),
        Verdict::Handshake(handshake) => {
            let answer =
                Box::pin(settings.handshakes.answer(*handshake, Some(verifier.scheme().id()), keys.scheme(), head));
            Ok(Received::Answer(answer.await?))
        }
    }
}

/// Tells `tracing` the verdict; of a handshake, when it is answered.
fn reported(
    verdict: Result<Verdict, Rejection>,
    verifier: &Verifier,
    answering: Option<&Scheme>,
    head: &Parts,
) -> Result<Verdict, Rejection> {
    match &verdict {
        Ok(Verdict::Delivery(delivery)) => tracing::debug!(
            target: "countersign",
            provider = delivery.provider(),
            key = delivery.key_label(),
            bytes = delivery.body().len(),
            "accepted"
        ),
        Ok(Verdict::Handshake(_)) => {}
        Err(rejection) => report(rejection, Some(verifier.scheme().id()), answering, head),
    }
    verdict
}

/// Tells the operator why. The path helps to find the endpoint.
pub(crate) fn report(rejection: &Rejection, provider: Option<&str>, answering: Option<&Scheme>, head: &Parts) {
    tracing::warn!(
        target: "countersign",
        provider,
        path = sent::path(head),
        code = rejection.code(),
        status = status(rejection, answering).as_u16(),
        reason = %rejection,
        "refused"
    );
}
