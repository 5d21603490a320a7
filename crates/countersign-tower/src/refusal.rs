//! The answers to refused requests.

use countersign::{Rejection, Scheme, scheme::Answers};
use http::{HeaderValue, Response, StatusCode, header};

/// The answer to a refused request: the status, and an empty body, so that the caller learns nothing else. The scheme, if it is
/// known, can change the status.
pub(crate) fn refuse<R: Default>(rejection: Rejection, scheme: Option<&Scheme>) -> Response<R> {
    let (status, mut response) = (status(&rejection, scheme), Response::new(R::default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match rejection {
        // RFC 9110 section 15.5.9: the connection cannot be used again.
        Rejection::BodyTimeout { .. } => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Rejection::HandlerTimeout { .. }
        | Rejection::InProgress
        | Rejection::HandshakeFailed
        | Rejection::KeysUnavailable
        | Rejection::ServiceNotReady { .. }
        | Rejection::StoreUnavailable => {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        // RFC 9110 section 15.5.6 requires it.
        Rejection::Method => {
            let methods = scheme.and_then(|scheme| scheme.allow_header());
            methods.and_then(|methods| headers.insert(header::ALLOW, methods));
        }
        _ => {}
    }
    // RFC 9110 section 15.5.2 requires a challenge with every 401. Passwords have one, and some clients send none without it.
    // HTTP has no authentication scheme for the signatures of webhooks.
    if status == StatusCode::UNAUTHORIZED && scheme.is_some_and(|scheme| scheme.takes_password()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC);
    }
    response.extensions_mut().insert(rejection);
    response
}

/// The status of a refusal. Some providers demand a certain status for a wrong or missing signature, and test it; some do not
/// retry after a 409.
pub(crate) fn status(rejection: &Rejection, scheme: Option<&Scheme>) -> StatusCode {
    let answers = scheme.map(|scheme| scheme.answers());
    let wanted = match (rejection, rejection.status()) {
        (Rejection::InProgress, _) => answers.and_then(Answers::in_progress),
        (_, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) => answers.and_then(Answers::refusal),
        _ => None,
    };
    let own = match rejection {
        // Some clients send no password before a challenge.
        Rejection::MissingSignature { .. } if scheme.is_some_and(|scheme| scheme.takes_password()) => {
            StatusCode::UNAUTHORIZED
        }
        _ => rejection.status(),
    };
    wanted.unwrap_or(own)
}

/// The answer if the layers are configured wrongly, which is not the request's fault.
pub(crate) fn internal_error<R: Default>() -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// In seconds. Most handlers have ended by then. It is short because some providers retry only a few times.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// RFC 7617 section 2.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"webhooks\", charset=\"UTF-8\"");
