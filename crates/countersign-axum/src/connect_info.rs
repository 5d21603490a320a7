//! `connect_info`: the peer's address from axum's `ConnectInfo`.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use http::Extensions;

/// The peer's address from axum's [`ConnectInfo`], for
/// [`AddressLayer::with_peer`](countersign_tower::AddressLayer::with_peer).
///
/// `ConnectInfo` is there if the app is served with
/// [`into_make_service_with_connect_info`](axum::Router::into_make_service_with_connect_info):
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::{Router, routing::post};
/// use countersign_axum::{AddressLayer, connect_info, countersign::address::AddressSet};
///
/// let allowed = AddressSet::parse(["203.0.113.0/24"])?;
/// let app: Router = Router::new()
///     .route("/hooks", post(async || "hello"))
///     .layer(AddressLayer::new(allowed).with_peer(connect_info)); // the outermost layer comes last
/// let service = app.into_make_service_with_connect_info::<SocketAddr>(); // for `axum::serve(listener, service)`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connect_info(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}
