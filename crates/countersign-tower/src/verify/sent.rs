//! The URL that the client asked for, whatever a router has made of it.

use countersign::Head;
use http::{Extensions, Uri, request::Parts};

/// The head as the client sent it: axum's `Router::nest` takes the prefix off the path before a layer inside sees it, and keeps
/// what was there.
pub(super) fn head(parts: &Parts) -> Head<'_> {
    Head::new(&parts.method, uri(&parts.uri, &parts.extensions), &parts.headers)
}

/// The path that the client asked for, by which logs name an endpoint. Without the query, which may carry a credential.
pub(crate) fn path(parts: &Parts) -> &str {
    uri(&parts.uri, &parts.extensions).path()
}

/// Of a request with this URI and these extensions. Only what `nest` took off is put back: a URI that was changed in another way,
/// as behind a proxy that rewrites paths, was changed on purpose.
#[cfg(feature = "axum")]
pub(crate) fn uri<'r>(uri: &'r Uri, extensions: &'r Extensions) -> &'r Uri {
    let original = extensions.get::<axum::extract::OriginalUri>().map(|original| &original.0);
    // Of a path that is all prefix, axum leaves a slash that the client need not have sent.
    let is_all_prefix = || uri.path() == "/" && extensions.get::<axum::extract::NestedPath>().is_some();
    let is_nested =
        |original: &&Uri| (original.path().ends_with(uri.path()) || is_all_prefix()) && original.query() == uri.query();
    original.filter(is_nested).unwrap_or(uri)
}

#[cfg(not(feature = "axum"))]
pub(crate) fn uri<'r>(uri: &'r Uri, _: &'r Extensions) -> &'r Uri {
    uri
}
