//! The URL that the client asked for, whatever a router has made of it.

use countersign::Head;
use http::{Uri, request::Parts};

/// The head as the client sent it: axum's `Router::nest` takes the prefix off the path before a layer inside sees it, and keeps
/// what was there.
pub(super) fn head(parts: &Parts) -> Head<'_> {
    Head::new(&parts.method, uri(parts), &parts.headers)
}

/// Only what `nest` took off is put back: a URI that was changed in another way, as behind a proxy that rewrites paths, was
/// changed on purpose.
#[cfg(feature = "axum")]
pub(super) fn uri(parts: &Parts) -> &Uri {
    let original = parts.extensions.get::<axum::extract::OriginalUri>().map(|original| &original.0);
    // Of a path that is all prefix, axum leaves a slash that the client need not have sent.
    let is_all_prefix = || parts.uri.path() == "/" && parts.extensions.get::<axum::extract::NestedPath>().is_some();
    let is_nested = |original: &&Uri| {
        (original.path().ends_with(parts.uri.path()) || is_all_prefix()) && original.query() == parts.uri.query()
    };
    original.filter(is_nested).unwrap_or(&parts.uri)
}

#[cfg(not(feature = "axum"))]
pub(super) fn uri(parts: &Parts) -> &Uri {
    &parts.uri
}
