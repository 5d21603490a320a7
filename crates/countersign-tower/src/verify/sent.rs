//! The URL that the client sent, before a router changed it.

use countersign::Head;
use http::{Extensions, Uri, request::Parts};

/// The head with the URL that the client sent: axum's `Router::nest` removes the prefix of the path for its inner layers, and keeps
/// the original URL in the extensions.
pub(super) fn head(parts: &Parts) -> Head<'_> {
    Head::new(&parts.method, uri(&parts.uri, &parts.extensions), &parts.headers)
}

/// The path that the client sent, for log lines. Without the query, which may contain a credential.
pub(crate) fn path(parts: &Parts) -> &str {
    uri(&parts.uri, &parts.extensions).path()
}

/// The URI that the client sent. Only a prefix that `nest` removed is restored: any other change, such as by middleware that rewrites
/// paths, was made on purpose.
#[cfg(feature = "axum")]
pub(crate) fn uri<'r>(uri: &'r Uri, extensions: &'r Extensions) -> &'r Uri {
    let original = extensions.get::<axum::extract::OriginalUri>().map(|original| &original.0);
    // If the prefix is the whole path, axum leaves a slash, which the client may not have sent.
    let is_all_prefix = || uri.path() == "/" && extensions.get::<axum::extract::NestedPath>().is_some();
    let is_nested =
        |original: &&Uri| (original.path().ends_with(uri.path()) || is_all_prefix()) && original.query() == uri.query();
    original.filter(is_nested).unwrap_or(uri)
}

#[cfg(not(feature = "axum"))]
pub(crate) fn uri<'r>(uri: &'r Uri, _: &'r Extensions) -> &'r Uri {
    uri
}
