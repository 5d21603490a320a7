//! Receives a request: finds its keys, reads and judges it, answers handshakes, and logs the verdict.

use std::{
    error::Error,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use countersign::{Delivery, Rejection, Timestamp};
use http::{Response, request::Parts};
use http_body::Body;
use http_body_util::{Either, Full};

use super::{
    Found, KeyLookup, Keys, LogContext, ProbedBody, Verdict, judge::judge, layer::Settings, read::check_and_read_whole,
};
use crate::{deadline::within, tenants::TenantName};

/// The result for a request that is not refused.
pub(crate) enum Received {
    /// A delivery and its tenant, for the inner service.
    Delivery(Delivery, Option<TenantName>),
    /// The answer to a handshake.
    Answer(Response<Bytes>),
}

/// The verdict on a request that need not wait, as most need not; pending if it must: then [`receive`] takes it. It is judged
/// without a boxed future, which only a request that waits needs.
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
    let context = settings.log_context(keys.scheme(), head);
    Poll::Ready(logged(verdict, LogContext { provider: Some(verifier.scheme().id()), ..context }))
}

/// Verifies a request, waits for its keys and its body, and answers it if it is a handshake.
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
    let context = settings.log_context(keys.scheme(), head);
    let refused = |rejection: &Rejection| context.refused(rejection);
    let (found, mut body) = match keys.find(head, now).await.inspect_err(refused)? {
        KeyLookup::Found(found) => (found, Either::Left(body)),
        // Boxed, because few requests need it: the future of every request has room for its largest branch.
        KeyLookup::NeedsBody => {
            let mut whole = Box::pin(check_and_read_whole(head, &mut body, settings.body_limit));
            let whole = within(limit, whole.as_mut()).await.unwrap_or(Err(Rejection::BodyTimeout { limit }));
            let whole = whole.inspect_err(refused)?;
            let found = Box::pin(keys.find_for_body(head, &whole, now)).await.inspect_err(refused)?;
            (found, Either::Right(Full::new(whole)))
        }
    };
    let Found { verifier, is_decoy, tenant } = found;
    // Each tenant has a scope of its own, so none is announced here; nor for a decoy, which must take as long as a tenant.
    let scope = settings.replay_scope.as_ref().filter(|_| keys.fixed_verifier().is_some());
    let judged = within(limit, pin!(judge(head, &mut body, &verifier, settings, scope, now))).await;
    let verdict = match judged {
        Some(Ok(_)) if is_decoy => Err(Rejection::UnknownKey),
        Some(verdict) => verdict,
        None => Err(Rejection::BodyTimeout { limit }),
    };
    let context = LogContext { provider: Some(verifier.scheme().id()), ..context };
    match logged(verdict, context)? {
        Verdict::Delivery(delivery) => Ok(Received::Delivery(delivery, tenant)),
        Verdict::Handshake(handshake) => {
            Ok(Received::Answer(Box::pin(settings.handshakes.answer(*handshake, context)).await?))
        }
    }
}

/// Logs the verdict; a handshake is logged when it is answered.
fn logged(verdict: Result<Verdict, Rejection>, context: LogContext<'_>) -> Result<Verdict, Rejection> {
    match &verdict {
        Ok(Verdict::Delivery(delivery)) => context.accepted(delivery),
        Ok(Verdict::Handshake(_)) => {}
        Err(rejection) => context.refused(rejection),
    }
    verdict
}
