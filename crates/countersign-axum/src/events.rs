//! `Events`: a handler for each type of event.

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

/// Calls a separate handler for each type of event, wherever the provider sends the type.
///
/// They are ordinary handlers, each with its own extractors and its own `T` in [`Webhook<T>`](crate::Webhook). `Events` is a
/// handler itself, and can be used like any other.
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
/// Events of other types, and events without a type, go to the [fallback](Self::fallback). Without a fallback, they are answered so
/// that the provider does not send them again: 204 No Content, or the provider's
/// [acknowledgement](countersign::Delivery::acknowledgement) if a 204 is no success for it.
///
/// Some providers do not sign the event's type (GitHub's `X-GitHub-Event`). An attacker who relays a delivery can change such a
/// type, also to one without a handler, so that the event goes to the fallback. Without a fallback, an event with an unsigned type
/// is then not recorded as handled ([`NotHandled`]), and the provider's own delivery of it is handled later. A fallback of yours
/// that does not handle events should answer the same: `(Extension(NotHandled), StatusCode::NO_CONTENT)`.
///
/// To guard against a changed type, take a `Webhook<T>` whose `T` fits no other event: a delivery under a wrong type is then refused
/// with 422. Or do not rely on the type if [`is_covered`](Value::is_covered) is false.
#[must_use]
pub struct Events<S = ()> {
    handlers: Arc<HashMap<Box<str>, AnyHandler<S>>>,
    fallback: AnyHandler<S>,
}

type AnyHandler<S> = Arc<dyn Fn(Request, S) -> ResponseFuture + Send + Sync>;
type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

impl<S: Send + Sync + 'static> Events<S> {
    /// No handlers and no fallback: all events are acknowledged.
    pub fn new() -> Self {
        Self { handlers: Arc::default(), fallback: any(acknowledge) }
    }

    /// Calls `handler` for events of this type, spelled as the provider spells it.
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

/// Handles nothing, and answers so that the provider does not retry.
async fn acknowledge(delivery: Delivery) -> Response {
    let answers = delivery.scheme().answers();
    let mut answer = if answers.accepts(StatusCode::NO_CONTENT) && answers.body().is_none_or(str::is_empty) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        delivery.acknowledgement()
    };
    // The type may have been changed, and the true type may have a handler.
    if !delivery.event_type().is_some_and(|event_type| event_type.is_covered()) {
        answer.extensions_mut().insert(NotHandled);
    }
    answer
}

/// The marker type of the [`Handler`] implementation, which keeps it apart from axum's for functions and responses.
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
