//! Handshakes: the questions that some providers ask an endpoint once, before they send events.
//!
//! [The scheme says](crate::scheme#handshakes) which questions there are, and what to answer. A question can be found
//! in the [head](Verifier::handshake_in_head), before anything else; in a [body](Verifier::handshake_in_body) that no
//! signature proves; or in a [verified delivery](crate::Verified::handshake):
//!
//! ```
//! use countersign::{Handshake, Timestamp, Verifier, providers};
//!
//! let verifier = Verifier::new(providers::DROPBOX, "a-long-random-secret")?;
//! let now = Timestamp::from_unix_seconds(1_767_225_600);
//!
//! let (question, ()) = http::Request::get("/hooks?challenge=%3Cb%3E").body(())?.into_parts();
//! let Some(Handshake::Answer(answer)) = verifier.handshake_in_head(&question, now)? else { panic!() };
//! let response = answer.into_response();
//! assert_eq!(response.body(), "<b>");
//! assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8"); // no browser takes it for a page
//! assert_eq!(response.headers()["x-content-type-options"], "nosniff");
//!
//! let (other, ()) = http::Request::get("/hooks").body(())?.into_parts();
//! assert!(verifier.handshake_in_head(&other, now)?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The result is an answer, or something to do before the answer may be given: store a [secret](SecretToStore), or
//! fetch a [URL](UrlToConfirm).

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use zeroize::Zeroizing;

mod ask;

pub(crate) use ask::Asked;

use crate::{head::Head, rejection::Rejection, scheme::HandshakeRule, timestamp::Timestamp, verifier::Verifier};

/// What to do about a question.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the provider waits for an answer"]
pub enum Handshake {
    /// Send this answer.
    Answer(HandshakeAnswer),
    /// Store a secret before sending the answer.
    Store(SecretToStore),
    /// Fetch a URL before sending the answer.
    Confirm(UrlToConfirm),
}

/// The answer to a question. It is text or JSON, never HTML, and has a limited length.
#[derive(Clone)]
pub struct HandshakeAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl HandshakeAnswer {
    fn new(status: StatusCode, mut headers: HeaderMap, content_type: &'static str, body: String) -> Self {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Self { status, headers, body: body.into() }
    }

    /// Its status, always a success.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers, which include `X-Content-Type-Options: nosniff`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its body, which may be empty.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The answer as a response.
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl fmt::Debug for HandshakeAnswer {
    /// Without headers and body, which may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The secret that a provider sends, and the answer that confirms that it is stored.
///
/// The question is not signed. So store the secret only if the endpoint has none: whoever could overwrite it could
/// sign.
pub struct SecretToStore {
    secret: Zeroizing<String>,
    answer: HandshakeAnswer,
}

impl SecretToStore {
    /// The secret, in the form that a [`Secret`](crate::Secret) of the scheme takes.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The answer, to be sent once the secret is stored.
    pub fn stored(self) -> HandshakeAnswer {
        self.answer
    }
}

impl fmt::Debug for SecretToStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretToStore").finish_non_exhaustive()
    }
}

/// The URL that confirms a subscription, and the answer to send after it was fetched. The question was signed, and the
/// URL has the form that the scheme allows.
pub struct UrlToConfirm {
    url: String,
    answer: HandshakeAnswer,
}

impl UrlToConfirm {
    /// The URL: `https`, without port or user, with a host, a path and parameters that the scheme allows. Fetch it with
    /// GET, and follow no redirect.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The answer, to be sent once the URL was fetched.
    pub fn confirmed(self) -> HandshakeAnswer {
        self.answer
    }
}

impl fmt::Debug for UrlToConfirm {
    /// Without the URL, whose query contains a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlToConfirm").finish_non_exhaustive()
    }
}

/// The longest body of a question: 16 KiB. The longest value that is echoed has 4 KiB.
pub const MAX_QUESTION: u64 = 16 * 1024;

impl Verifier {
    /// Answers an unsigned question that is only in the head, like most of those asked with GET. `None` if there is
    /// none: the request is then a delivery, or [another question](Self::may_be_question).
    ///
    /// # Errors
    ///
    /// If a question was asked, but its token is wrong, one of its values is missing, ambiguous or too long, or
    /// something that the answer needs is not configured.
    pub fn handshake_in_head<'r>(
        &'r self,
        head: impl Into<Head<'r>>,
        now: impl Into<Timestamp>,
    ) -> Result<Option<Handshake>, Rejection> {
        let (head, now) = (head.into(), now.into());
        let asked = Asked::unsigned(self, head, None, now);
        asked.answer(|rule| !rule.signed && rule.is_in_head())
    }

    /// Whether a request with this head may be a question that can only be told from its body, or after a verdict on
    /// it. If so, read up to [`MAX_QUESTION`] bytes of the body even if the head is refused.
    pub fn may_be_question<'r>(&'r self, head: impl Into<Head<'r>>) -> bool {
        let head = head.into();
        self.scheme().handshakes.iter().any(|rule| {
            let is_late = if rule.signed { self.is_foreign(rule) } else { !rule.is_in_head() };
            is_late && ask::fits(self, rule, head, None)
        })
    }

    /// Answers a question in a request that is no delivery, given its whole body: an unsigned question, or one with a
    /// method that no delivery has, which is verified first. A body of more than [`MAX_QUESTION`] bytes is no question.
    ///
    /// # Errors
    ///
    /// As [`handshake_in_head`](Self::handshake_in_head), and every reason for which a delivery is refused.
    pub fn handshake_in_body<'r>(
        &'r self,
        head: impl Into<Head<'r>>,
        body: &'r [u8],
        now: impl Into<Timestamp>,
    ) -> Result<Option<Handshake>, Rejection> {
        let (head, now) = (head.into(), now.into());
        let asked = Asked::unsigned(self, head, Some(body), now);
        if let Some(answer) = asked.answer(|rule| !rule.signed && !rule.is_in_head())? {
            return Ok(Some(answer));
        }
        let is_asked = |rule: &HandshakeRule| self.is_foreign(rule) && ask::fits(self, rule, head, Some(body));
        if self.scheme().handshakes.iter().any(is_asked) {
            return self.verify(head.as_question(), body, now)?.handshake();
        }
        Ok(None)
    }

    /// Whether a signed question has a method that no delivery has.
    fn is_foreign(&self, rule: &HandshakeRule) -> bool {
        rule.signed && !self.scheme().methods.contains(&rule.method)
    }
}
