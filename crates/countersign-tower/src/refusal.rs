//! The answers to refused requests.

use countersign::{Rejection, Scheme, scheme::Answers};
use http::{HeaderValue, Response, StatusCode, header};

/// The answer to a refused request: its status, nothing else that the caller could learn from. The scheme, where it is
/// known, has a say in the status.
pub(crate) fn refuse<R: Default>(rejection: Rejection, scheme: Option<&Scheme>) -> Response<R> {
    let (status, mut response) = (status(&rejection, scheme), Response::new(R::default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match rejection {
        // RFC 9110 section 15.5.9: the connection is of no more use.
        Rejection::BodyTimeout { .. } => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Rejection::HandlerTimeout { .. }
        | Rejection::InProgress
        | Rejection::HandshakeFailed
        | Rejection::KeysUnavailable
        | Rejection::StoreUnavailable => {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        // RFC 9110 section 15.5.6 demands it.
        Rejection::Method => {
            let methods = scheme.and_then(|scheme| scheme.allow_header());
            methods.and_then(|methods| headers.insert(header::ALLOW, methods));
        }
        _ => {}
    }
    // RFC 9110 section 15.5.2 demands a challenge of every 401. There is one for passwords, without which some clients send none;
    // there is no scheme of HTTP's own for the signatures of webhooks.
    if status == StatusCode::UNAUTHORIZED && scheme.is_some_and(|scheme| scheme.takes_password()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC);
    }
    response.extensions_mut().insert(rejection);
    response
}

/// Some providers want to see a certain status where a signature is wrong or missing, and test for it; and after a 409 some
/// send no more.
pub(crate) fn status(rejection: &Rejection, scheme: Option<&Scheme>) -> StatusCode {
    let answers = scheme.map(|scheme| scheme.answers());
    let wanted = match (rejection, rejection.status()) {
        (Rejection::InProgress, _) => answers.and_then(Answers::in_progress),
        (_, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) => answers.and_then(Answers::refusal),
        _ => None,
    };
    let own = match rejection {
        // Some clients send no password before they are asked for it.
        Rejection::MissingSignature { .. } if scheme.is_some_and(|scheme| scheme.takes_password()) => {
            StatusCode::UNAUTHORIZED
        }
        _ => rejection.status(),
    };
    wanted.unwrap_or(own)
}

/// The answer where the layers are put together wrongly, which is no fault of the request's.
pub(crate) fn internal_error<R: Default>() -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// In seconds. Most handlers have ended by then; it is short because some providers try again only a few times.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// RFC 7617 section 2.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"webhooks\", charset=\"UTF-8\"");
