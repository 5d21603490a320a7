use countersign::Rejection;
use http::{HeaderValue, Response, StatusCode, header};

/// The answer to a refused request: its status, nothing else that the caller could learn from.
pub(crate) fn refuse<R: Default>(rejection: Rejection) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = rejection.status();
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
        _ => {}
    }
    response.extensions_mut().insert(rejection);
    response
}

/// The answer where the layers are put together wrongly, which is no fault of the request's.
pub(crate) fn internal_error<R: Default>() -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// In seconds. Long enough for a handler to end or a store to come back, and less than any provider's own pause.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
