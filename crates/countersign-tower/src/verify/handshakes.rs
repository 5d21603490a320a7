//! Handshakes: storing the secrets that they send, fetching the URLs that confirm them, and their answers.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use countersign::{Handshake, Rejection, handshake::HandshakeAnswer};
use http::{Response, request::Parts};
use tokio::time::timeout;

use super::LogContext;

/// Stores the secrets that providers such as Asana and Notion send in their first request to an endpoint.
///
/// That request is not signed: the first one is trusted, and none after it. So an implementation must never replace a stored
/// secret. Of several requests at a time, exactly one may store its secret; in SQL that is an `INSERT … ON CONFLICT DO NOTHING`
/// and its number of rows.
pub trait HandshakeSecrets: Send + Sync + 'static {
    /// Why a secret could not be stored. It goes to `tracing`, never to the caller.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// Stores a secret if the endpoint of the request with this head has none.
    ///
    /// If this takes longer than 10 s, or fails, the answer is a 503 with the code `handshake_failed`.
    fn store(&self, head: &Parts, secret: &str) -> impl Future<Output = Result<Stored, Self::Error>> + Send;
}

/// Whether a secret was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the provider must not be told that its secret is stored if it is not"]
pub enum Stored {
    /// The endpoint had none, and has it now.
    New,
    /// The endpoint already had a secret, which is unchanged.
    AlreadyThere,
}

/// What was done for a handshake: an extension of its answer, for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeDone {
    /// The question was answered; nothing else was needed.
    Answered,
    /// The URL that confirms the subscription was fetched.
    Confirmed,
    /// The provider's secret was stored.
    Stored,
}

impl HandshakeDone {
    /// Its name in logs: `answered`, `confirmed` or `stored`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Confirmed => "confirmed",
            Self::Stored => "stored",
        }
    }
}

/// Fetches the URLs that confirm subscriptions, such as those of Amazon SNS.
pub trait Confirm: Send + Sync + 'static {
    /// Why a URL could not be fetched. It goes to `tracing`, never to the caller.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// Fetches a URL by GET. The question was signed, and the scheme allows the URL. Follow no redirect, which could lead to any
    /// URL. Any status but 2xx is an error.
    ///
    /// If this takes longer than 10 s, or fails, the answer is a 503 with the code `handshake_failed`.
    fn confirm(&self, url: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

type Failure = Box<dyn Error + Send + Sync>;
type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

trait AnySecrets: Send + Sync {
    fn store<'a>(&'a self, head: &'a Parts, secret: &'a str) -> Boxed<'a, Stored>;
}

impl<S: HandshakeSecrets> AnySecrets for S {
    fn store<'a>(&'a self, head: &'a Parts, secret: &'a str) -> Boxed<'a, Stored> {
        Box::pin(async move { HandshakeSecrets::store(self, head, secret).await.map_err(Into::into) })
    }
}

trait AnyConfirm: Send + Sync {
    fn confirm<'a>(&'a self, url: &'a str) -> Boxed<'a, ()>;
}

impl<C: Confirm> AnyConfirm for C {
    fn confirm<'a>(&'a self, url: &'a str) -> Boxed<'a, ()> {
        Box::pin(async move { Confirm::confirm(self, url).await.map_err(Into::into) })
    }
}

/// Whether handshakes are answered, and what answers them.
#[derive(Clone)]
pub(crate) struct Handshakes {
    pub(super) are_answered: bool,
    secrets: Option<Arc<dyn AnySecrets>>,
    confirm: Option<Arc<dyn AnyConfirm>>,
}

impl Handshakes {
    pub(super) fn new() -> Self {
        Self { are_answered: true, secrets: None, confirm: None }
    }

    pub(super) fn store_secrets(&mut self, secrets: impl HandshakeSecrets) {
        self.secrets = Some(Arc::new(secrets));
    }

    pub(super) fn confirm_by(&mut self, confirm: impl Confirm) {
        self.confirm = Some(Arc::new(confirm));
    }

    /// Whether this verified question can be answered; otherwise it passes as a delivery.
    pub(super) fn can_answer(&self, handshake: &Handshake) -> bool {
        !matches!(handshake, Handshake::Confirm(_)) || self.confirm.is_some()
    }

    /// Does what the question asks for, logs it, and returns the answer.
    pub(crate) async fn answer(
        &self,
        handshake: Handshake,
        context: LogContext<'_>,
    ) -> Result<Response<Bytes>, Rejection> {
        let answered = self.try_answer(handshake, context.head).await;
        match &answered {
            Ok(_) => context.answered_handshake(),
            Err(rejection) => context.refused(rejection),
        }
        answered
    }

    async fn try_answer(&self, handshake: Handshake, head: &Parts) -> Result<Response<Bytes>, Rejection> {
        let not_configured = |missing: &str| Rejection::HandshakeNotConfigured { missing: missing.into() };
        let (done, answer): (_, HandshakeAnswer) = match handshake {
            Handshake::Answer(answer) => (HandshakeDone::Answered, answer),
            Handshake::Store(question) => {
                let secrets = self.secrets.as_ref().ok_or_else(|| not_configured(NO_SECRET_STORE))?;
                match in_time(secrets.store(head, question.secret())).await? {
                    Stored::New => (HandshakeDone::Stored, question.stored()),
                    Stored::AlreadyThere => return Err(Rejection::SecretAlreadyStored),
                }
            }
            Handshake::Confirm(question) => {
                let confirm = self.confirm.as_ref().ok_or_else(|| not_configured(NO_CONFIRMATION))?;
                in_time(confirm.confirm(question.url())).await?;
                (HandshakeDone::Confirmed, question.confirmed())
            }
            _ => return Err(not_configured("a version of `countersign-tower` that knows this kind of handshake")),
        };
        let mut answer = answer.into_response();
        answer.extensions_mut().insert(done);
        Ok(answer)
    }
}

/// What is missing, in a rejection that ends with "is not configured".
const NO_SECRET_STORE: &str =
    "a store for its secret (`with_secret_store`; `secrets = [{ handshake = \"FILE\" }]` for `countersign serve`)";
const NO_CONFIRMATION: &str =
    "a client for its URL (`with_confirmation`; `confirm_subscriptions = true` for `countersign serve`)";

async fn in_time<T>(work: Boxed<'_, T>) -> Result<T, Rejection> {
    let failed = |error: Failure| {
        tracing::error!(target: "countersign", %error, "a handshake failed: its secret could not be stored, or its URL not be fetched");
        Rejection::HandshakeFailed
    };
    timeout(TIMEOUT, work).await.unwrap_or_else(|late| Err(late.into())).map_err(failed)
}

/// 10 s: as long as Asana waits for an answer (`within` in the catalogue's `asana.toml`, with its `source`).
const TIMEOUT: Duration = Duration::from_secs(10);

impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshakes")
            .field("are_answered", &self.are_answered)
            .field("keeps_secrets", &self.secrets.is_some())
            .field("confirms", &self.confirm.is_some())
            .finish()
    }
}
