//! A handler for each type of event.

use std::{collections::HashMap, fmt, pin::Pin, sync::Arc};

use axum::{
    extract::Request,
    handler::Handler,
    response::{IntoResponse, Response},
};
use countersign::Value;
use countersign_tower::replay::NotHandled;
use http::StatusCode;

use crate::delivery::Delivery;

/// Calls a handler of its own for each type of event, wherever the provider puts the type.
///
/// The handlers are ordinary ones, each with its own extractors and its own `T` in [`Webhook<T>`](crate::Webhook). `Events`
/// is a handler itself: it goes wherever one goes.
///
/// ```
/// use axum::{Router, extract::State, routing::post};
/// use countersign_axum::{Events, VerifyLayer, Webhook};
/// use countersign_axum::countersign::{Verifier, providers};
///
/// #[derive(serde::Deserialize)]
/// struct Push {
///     r#ref: String,
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Issue {
///     action: String,
/// }
///
/// async fn on_push(State(name): State<&'static str>, Webhook(push): Webhook<Push>) {
///     println!("{name}: {} was pushed", push.r#ref);
/// }
///
/// async fn on_issue(Webhook(issue): Webhook<Issue>) {
///     println!("an issue was {}", issue.action);
/// }
///
/// let events = Events::new().on("push", on_push).on("issues", on_issue);
/// let app: Router = Router::new()
///     .route("/github", post(events))
///     .layer(VerifyLayer::new(Verifier::new(providers::GITHUB, "a-long-random-secret")?))
///     .with_state("my app");
/// # Ok::<(), countersign_axum::countersign::ConfigError>(())
/// ```
///
/// Events of other types, and those without one, go to the [fallback](Self::fallback). If there is none, they are answered so
/// that the provider does not send them again: 204 No Content, or where it takes that for no success its
/// [acknowledgement](countersign::Delivery::acknowledgement).
///
/// Some providers do not sign the event's type (GitHub's `X-GitHub-Event`), so whoever relays a delivery can change it,
/// and with a type that nobody handles also make it go to the fallback. An event that goes there by such a type is not recorded as
/// handled ([`NotHandled`]), so that the provider's own delivery of it still is; a fallback of yours that handles nothing should
/// answer the same: `(Extension(NotHandled), StatusCode::NO_CONTENT)`.
///
/// Take a `Webhook<T>` whose `T` fits no other event, and a delivery under a wrong name is refused with 422; or do not
/// rely on the type where [`is_covered`](Value::is_covered) says no.
#[must_use]
pub struct Events<S = ()> {
    handlers: Arc<HashMap<Box<str>, AnyHandler<S>>>,
    fallback: AnyHandler<S>,
}

type AnyHandler<S> = Arc<dyn Fn(Request, S) -> ResponseFuture + Send + Sync>;
type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

impl<S: Send + Sync + 'static> Events<S> {
    /// With no handlers yet, all events are acknowledged.
    pub fn new() -> Self {
        Self { handlers: Arc::default(), fallback: any(nothing) }
    }

    /// Calls `handler` for events of this type, written as the provider writes it.
    ///
    /// # Panics
    ///
    /// If the type has a handler already, as axum does when two routes overlap.
    pub fn on<H: Handler<T, S>, T: 'static>(mut self, event_type: impl Into<Box<str>>, handler: H) -> Self {
        let event_type = event_type.into();
        assert!(
            !self.handlers.contains_key(&event_type),
            "events of the type `{event_type}` have a handler already: call `on` once for each type"
        );
        Arc::make_mut(&mut self.handlers).insert(event_type, any(handler));
        self
    }

    /// Calls `handler` for events of all other types, and for those that have none.
    pub fn fallback<H: Handler<T, S>, T: 'static>(mut self, handler: H) -> Self {
        self.fallback = any(handler);
        self
    }

    fn handler(&self, event_type: Option<&Value<'_>>) -> &AnyHandler<S> {
        event_type.and_then(|event_type| self.handlers.get(event_type.as_str())).unwrap_or(&self.fallback)
    }
}

fn any<H: Handler<T, S>, T, S>(handler: H) -> AnyHandler<S> {
    Arc::new(move |request, state| Box::pin(handler.clone().call(request, state)))
}

/// Does nothing with an event, and says so in a way that the provider takes for success.
async fn nothing(delivery: Delivery) -> Response {
    let answers = delivery.scheme().answers();
    let mut answer = if answers.accepts(StatusCode::NO_CONTENT) && answers.body().is_none_or(str::is_empty) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        delivery.acknowledgement()
    };
    // By its true type it may have a handler.
    if !delivery.event_type().is_some_and(|event_type| event_type.is_covered()) {
        answer.extensions_mut().insert(NotHandled);
    }
    answer
}

/// Tells the compiler, where it looks for a [`Handler`], that this is neither a function nor a response.
#[derive(Debug)]
pub enum Dispatch {}

impl<S: Send + Sync + 'static> Handler<Dispatch, S> for Events<S> {
    type Future = ResponseFuture;

    fn call(self, request: Request, state: S) -> ResponseFuture {
        let handler = match Delivery::find(request.extensions(), request.uri()) {
            Ok(delivery) => self.handler(delivery.event_type().as_ref()).clone(),
            Err(rejection) => return Box::pin(std::future::ready(rejection.into_response())),
        };
        handler(request, state)
    }
}

impl<S> Clone for Events<S> {
    fn clone(&self) -> Self {
        Self { handlers: Arc::clone(&self.handlers), fallback: Arc::clone(&self.fallback) }
    }
}

impl<S: Send + Sync + 'static> Default for Events<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Events<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("types", &self.handlers.keys()).finish_non_exhaustive()
    }
}
