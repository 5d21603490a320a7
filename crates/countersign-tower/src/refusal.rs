use countersign::{Rejection, Scheme, scheme::Answers};
use http::{HeaderValue, Response, StatusCode, header};

/// The answer to a refused request: its status, nothing else that the caller could learn from. The scheme, where it is
/// known, has a say in the status.
pub(crate) fn refuse<R: Default>(rejection: Rejection, scheme: Option<&Scheme>) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = status(&rejection, scheme);
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
    wanted.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(rejection.status())
}

/// The answer where the layers are put together wrongly, which is no fault of the request's.
pub(crate) fn internal_error<R: Default>() -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// In seconds. Long enough for a handler to end or a store to come back, and less than any provider's own pause.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
