use countersign::Head;
use http::{Uri, request::Parts};

/// The head as the client sent it: axum's `Router::nest` takes the prefix off the path before a layer inside sees it, and keeps
/// what was there.
pub(super) fn head(parts: &Parts) -> Head<'_> {
    Head::new(&parts.method, uri(parts), &parts.headers)
}

#[cfg(feature = "axum")]
pub(super) fn uri(parts: &Parts) -> &Uri {
    parts.extensions.get::<axum::extract::OriginalUri>().map_or(&parts.uri, |original| &original.0)
}

#[cfg(not(feature = "axum"))]
pub(super) fn uri(parts: &Parts) -> &Uri {
    &parts.uri
}
