//! What an endpoint needs to answer the handshakes that ask for more than an answer.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use countersign::{Handshake, Rejection, Scheme, handshake::HandshakeAnswer};
use http::{Response, request::Parts};
use tokio::time::timeout;

use super::{receive::report, sent};

/// Keeps the secrets that providers such as Asana and Notion send in their first request to an endpoint.
///
/// That request is not signed. So an implementation must never replace a secret that is there: whoever asks first is
/// believed, and nobody after that. With several requests at a time exactly one may find nothing; in SQL that is an
/// `INSERT … ON CONFLICT DO NOTHING` and the number of rows.
pub trait HandshakeSecrets: Send + Sync + 'static {
    /// Why a secret could not be kept. It goes to `tracing`, never to the caller.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// Keeps a secret if the endpoint of the request with this head has none.
    ///
    /// If this takes longer than 10 s, or fails, the answer is a 503 with the code `handshake_failed`.
    fn store(&self, head: &Parts, secret: &str) -> impl Future<Output = Result<Stored, Self::Error>> + Send;
}

/// What became of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the provider must not be told that its secret is kept if it is not"]
pub enum Stored {
    /// The endpoint had none, and has this one now.
    New,
    /// The endpoint has one, which stays.
    AlreadyThere,
}

/// What was done for a handshake: an extension of its answer, for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeDone {
    /// The question was answered, which is all that it takes.
    Answered,
    /// The URL was fetched by which the subscription is confirmed.
    Confirmed,
    /// The provider's secret was kept.
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

/// Fetches the URLs by which subscriptions are confirmed, such as those of Amazon SNS.
pub trait Confirm: Send + Sync + 'static {
    /// Why a URL could not be fetched. It goes to `tracing`, never to the caller.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// Fetches a URL by GET. The question was signed and the URL is of the scheme's shape; a redirect leads elsewhere, so
    /// it must not be followed, and any status but one of success is an error.
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

/// Whether handshakes are answered, and with what.
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

    pub(super) fn keep_secrets(&mut self, secrets: impl HandshakeSecrets) {
        self.secrets = Some(Arc::new(secrets));
    }

    pub(super) fn confirm_by(&mut self, confirm: impl Confirm) {
        self.confirm = Some(Arc::new(confirm));
    }

    /// Whether there is everything that this question takes; a verified one may otherwise pass as a delivery.
    pub(super) fn can_answer(&self, handshake: &Handshake) -> bool {
        !matches!(handshake, Handshake::Confirm(_)) || self.confirm.is_some()
    }

    /// Does what the question asks for, and gives the answer; tells `tracing` of it.
    pub(crate) async fn answer(
        &self,
        handshake: Handshake,
        provider: Option<&str>,
        answering: Option<&Scheme>,
        head: &Parts,
    ) -> Result<Response<Bytes>, Rejection> {
        let refused = |rejection: &Rejection| report(rejection, provider, answering, head);
        let answer = self.settle(handshake, head).await.inspect_err(refused)?;
        tracing::info!(target: "countersign", provider, path = sent::path(head), "answered a handshake");
        Ok(answer)
    }

    async fn settle(&self, handshake: Handshake, head: &Parts) -> Result<Response<Bytes>, Rejection> {
        let not_configured = |missing: &str| Rejection::HandshakeNotConfigured { missing: missing.into() };
        let (done, answer): (_, HandshakeAnswer) = match handshake {
            Handshake::Answer(answer) => (HandshakeDone::Answered, answer),
            Handshake::Store(question) => {
                let secrets = self.secrets.as_ref().ok_or_else(|| not_configured("a place for secrets"))?;
                match in_time(secrets.store(head, question.secret())).await? {
                    Stored::New => (HandshakeDone::Stored, question.stored()),
                    Stored::AlreadyThere => return Err(Rejection::SecretAlreadyStored),
                }
            }
            Handshake::Confirm(question) => {
                let confirm = self.confirm.as_ref().ok_or_else(|| not_configured("a client that confirms"))?;
                in_time(confirm.confirm(question.url())).await?;
                (HandshakeDone::Confirmed, question.confirmed())
            }
            _ => return Err(not_configured("a layer that knows this kind of handshake")),
        };
        let mut answer = answer.into_response();
        answer.extensions_mut().insert(done);
        Ok(answer)
    }
}

async fn in_time<T>(work: Boxed<'_, T>) -> Result<T, Rejection> {
    let failed = |error: Failure| {
        tracing::error!(target: "countersign", %error, "what a handshake asks for could not be done");
        Rejection::HandshakeFailed
    };
    timeout(TIME_LIMIT, work).await.unwrap_or_else(|late| Err(late.into())).map_err(failed)
}

/// Providers wait 3 s to 10 s for the answer to a handshake: no longer than the most patient of them.
const TIME_LIMIT: Duration = Duration::from_secs(10);

impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshakes")
            .field("are_answered", &self.are_answered)
            .field("keeps_secrets", &self.secrets.is_some())
            .field("confirms", &self.confirm.is_some())
            .finish()
    }
}
