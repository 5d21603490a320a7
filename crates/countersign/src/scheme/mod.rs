//! The scheme language: how a provider signs, as plain data.
//!
//! A scheme is a TOML file. The smallest one says how the tag is written and what it signs:
//!
//! ```
//! use countersign::Scheme;
//!
//! let scheme = Scheme::from_toml("acme", r#"
//!     name = "Acme"
//!
//!     [signature]
//!     algorithm = "hmac-sha256"
//!     header    = "X-Acme-Signature"
//!     list      = { separator = ",", items = ["t={timestamp}", "v1={hex}"] }
//!     signs     = "{timestamp}.{body}"
//!
//!     [timestamp]
//!     format    = "seconds"
//!     tolerance = "5m"
//!
//!     [event]
//!     id   = "{json:/id}"
//!     type = "{header:X-Acme-Event}"
//! "#)?;
//!
//! assert!(scheme.event_id().is_some_and(|field| field.is_covered()));
//! assert!(!scheme.event_type().is_some_and(|field| field.is_covered())); // no signature covers that header
//! # Ok::<(), countersign::SchemeError>(())
//! ```
//!
#![doc = include_str!("language.md")]

mod error;
mod file;
mod framing;
mod parts;
mod read;
mod source;
mod syntax;
mod template;

use std::{fmt, sync::Arc, time::Duration};

use http::Method;
use serde::Deserialize;

pub use error::SchemeError;
pub(crate) use framing::{Guard, is_url_byte};
pub(crate) use parts::Part;
pub(crate) use source::Source;
pub(crate) use syntax::{Hole, Mismatch, Span, Syntax, trim_ows};

use crate::{
    algorithm::Digest,
    encoding::Encoding,
    secret::SecretError,
    timestamp::{TimestampFormat, Tolerance},
};

/// How one provider signs its webhooks. Cheap to clone.
///
/// Made by [`Scheme::from_toml`] or taken from the [catalogue](crate::providers).
#[derive(Clone)]
pub struct Scheme {
    inner: Arc<Description>,
}

impl std::ops::Deref for Scheme {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.inner
    }
}

/// What a [`Scheme`] says. All of it can be read, none of it changed.
#[derive(Clone, Debug)]
pub struct Description {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) category: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) checked: Option<Checked>,
    pub(crate) notes: Option<String>,
    pub(crate) methods: Vec<Method>,
    pub(crate) secret: SecretRule,
    pub(crate) signature: Signature,
    pub(crate) timestamp: Option<TimestampRule>,
    pub(crate) delivery_id: Option<Source>,
    pub(crate) checks: Vec<Check>,
    pub(crate) url: UrlRule,
    pub(crate) form: FormRule,
    pub(crate) event_id: Option<Field>,
    pub(crate) event_type: Option<Field>,
    pub(crate) answers: Answers,
    pub(crate) guards: Vec<Guard>,
    pub(crate) ambiguous: Option<String>,
    pub(crate) covers_body: bool,
}

impl Scheme {
    /// Reads a scheme file. `id` is the name by which configuration and logs call the provider.
    ///
    /// # Errors
    ///
    /// If the file is not TOML, has a key or value that the language does not know, or describes something unsafe: a body
    /// or timestamp that the signature does not cover, signed parts that run into each other.
    pub fn from_toml(id: impl Into<String>, text: &str) -> Result<Self, SchemeError> {
        let inner = read::read(id.into(), text)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same scheme with something changed, to try what a sender may have done instead. Nothing checks whether it is safe.
    pub(crate) fn altered(&self, change: impl FnOnce(&mut Description)) -> Self {
        let mut inner = Description::clone(self);
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Description {
    /// The name by which configuration and logs call the provider, such as `stripe`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The provider's own name, such as `Stripe`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Other ids under which the catalogue knows the provider.
    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// What kind of product it is, such as `payments`.
    pub fn category(&self) -> Option<&str> {
        self.category.as_deref()
    }

    /// The page or code where the scheme was read.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// How the description was checked.
    pub fn checked(&self) -> Option<Checked> {
        self.checked
    }

    /// What somebody who sets the provider up should know.
    pub fn notes(&self) -> Option<&str> {
        self.notes.as_deref()
    }

    /// The algorithm, in the words of the scheme file: `hmac-sha256`, `token` …
    pub fn algorithm(&self) -> String {
        self.signature.algorithm.to_string()
    }

    /// Where the request carries the signature, such as ``header `stripe-signature` ``.
    pub fn signature_source(&self) -> String {
        self.signature.source.to_string()
    }

    /// What is signed, as the scheme file writes it; `None` for tokens and passwords, which sign nothing.
    pub fn signed_content(&self) -> Option<&str> {
        self.signature.signs.as_deref()
    }

    /// Whether the signature covers the whole body: its bytes, or all of its form parameters.
    pub fn covers_body(&self) -> bool {
        self.covers_body
    }

    /// Whether the signature covers the URL, so that a verifier needs to be told the public one.
    pub fn needs_public_url(&self) -> bool {
        self.signature.parts.iter().any(Part::needs_public_url)
    }

    /// Why the signed parts cannot be told apart with certainty, where the provider's scheme is like that.
    pub fn ambiguity(&self) -> Option<&str> {
        self.ambiguous.as_deref()
    }

    /// How far the signed timestamp may lie from the clock; `None` if the scheme signs no time, so that the signature
    /// alone never goes stale.
    pub fn tolerance(&self) -> Option<Tolerance> {
        self.timestamp.as_ref().map(|rule| rule.tolerance)
    }

    /// Where the event's id stands.
    pub fn event_id(&self) -> Option<&Field> {
        self.event_id.as_ref()
    }

    /// Where the event's type stands.
    pub fn event_type(&self) -> Option<&Field> {
        self.event_type.as_ref()
    }

    /// What the provider expects of an answer.
    pub fn answers(&self) -> Answers {
        self.answers
    }

    /// The request methods that the provider uses.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// Whether the verdict takes more of the body than its bytes in passing.
    pub(crate) fn needs_whole_body(&self) -> bool {
        let bodies = self.signature.parts.iter().filter(|part| matches!(part, Part::Body)).count();
        bodies > 1
            || self.evidence_is_in_body()
            // A plain hash is searched for the traces of a length extension.
            || matches!(self.signature.algorithm, Algorithm::Hash(_))
            || self.signature.parts.iter().any(Part::needs_whole_body)
            || self.checks.iter().any(|check| check.source.is_in_body())
            // A token is judged with the head alone, unless a hash of the body is to be checked as well.
            || (self.signature.parts.is_empty() && !self.checks.is_empty())
    }

    /// Whether the signature, its timestamp or the delivery's id stand in the body.
    pub(crate) fn evidence_is_in_body(&self) -> bool {
        let timestamp = self.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        [Some(&self.signature.source), timestamp, self.delivery_id.as_ref()]
            .into_iter()
            .flatten()
            .any(Source::is_in_body)
    }

    /// Whether the timestamp stands in the signed body, so that it is proven before it is read.
    pub(crate) fn reads_time_after_signature(&self) -> bool {
        let source = self.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        source.is_some_and(Source::is_in_body) && !self.signature.parts.contains(&Part::Timestamp)
    }
}

/// How a description was checked, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Checked {
    /// Against requests signed and judged by the provider's own SDK.
    OfficialSdk,
    /// Against an example that the provider published.
    PublishedExample,
    /// Read in the provider's documentation.
    Documentation,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OfficialSdk => "official SDK",
            Self::PublishedExample => "published example",
            Self::Documentation => "documentation",
        })
    }
}

/// A field of the event, and whether the signature covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub(crate) source: FieldSource,
    pub(crate) covered: bool,
}

impl Field {
    /// Whether the signature covers the field. If not, whoever relays a delivery can change it at will.
    pub fn is_covered(&self) -> bool {
        self.covered
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            FieldSource::DeliveryId => f.write_str("the delivery's id"),
            FieldSource::At(source) => source.fmt(f),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldSource {
    /// What `[id]` describes.
    DeliveryId,
    At(Source),
}

/// What the provider expects of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub(crate) within: Option<Duration>,
    pub(crate) retries_for: Option<Duration>,
}

impl Answers {
    /// How long the provider waits for an answer.
    pub fn within(self) -> Option<Duration> {
        self.within
    }

    /// How long the provider goes on to retry.
    pub fn retries_for(self) -> Option<Duration> {
        self.retries_for
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) algorithm: Algorithm,
    pub(crate) source: Source,
    pub(crate) syntax: Syntax,
    /// Whether the delivery's id stands in the signature's text.
    pub(crate) carries_id: bool,
    pub(crate) signs: Option<String>,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hmac(Digest),
    /// A plain hash over parts of which one is the secret.
    Hash(Digest),
    /// The secret itself is sent.
    Token,
    /// RFC 7617.
    Basic,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(digest) => write!(f, "hmac-{}", digest.name()),
            Self::Hash(digest) => f.write_str(digest.name()),
            Self::Token => f.write_str("token"),
            Self::Basic => f.write_str("basic"),
        }
    }
}

/// What becomes of the pasted text before it is a key.
#[derive(Clone, Debug)]
pub(crate) struct SecretRule {
    pub(crate) strip: Option<String>,
    pub(crate) prefix_required: bool,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) hash: Option<Digest>,
    pub(crate) prepend: String,
    pub(crate) append: String,
}

impl SecretRule {
    /// The rule by which the bytes of a secret are the key.
    pub(crate) fn verbatim() -> Self {
        let (prepend, append) = (String::new(), String::new());
        Self { strip: None, prefix_required: false, encoding: None, hash: None, prepend, append }
    }

    /// The key bytes that `secret` stands for.
    pub(crate) fn key(&self, secret: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, SecretError> {
        let mut text = secret;
        if let Some(prefix) = &self.strip {
            match secret.strip_prefix(prefix.as_bytes()) {
                Some(b"") => return Err(SecretError::PrefixOnly { prefix: prefix.clone() }),
                Some(rest) => text = rest,
                None => self.refuse_another_kind(secret, prefix)?,
            }
        }
        let plain = match self.encoding {
            Some(encoding) => encoding
                .decode(text)
                .filter(|key| !key.is_empty())
                .ok_or(SecretError::NotDecodable { encoding: encoding.name() })?,
            None => [self.prepend.as_bytes(), text, self.append.as_bytes()].concat(),
        };
        let plain = zeroize::Zeroizing::new(plain);
        Ok(match self.hash {
            Some(digest) => zeroize::Zeroizing::new(digest.of(&plain).as_bytes().to_vec()),
            None => plain,
        })
    }

    fn refuse_another_kind(&self, secret: &[u8], prefix: &str) -> Result<(), SecretError> {
        let hint = [
            (&b"v1,whsec_"[..], "drop the `v1,` in front of it"),
            (b"whpk_", "`whpk_` is a public key; the signing secret begins with `whsec_`"),
            (b"whsec_", "`whsec_` begins another provider's secret"),
            (b"sk_", "`sk_` is an API key; the signing secret stands on the page of the webhook endpoint"),
            (b"sk-", "`sk-` is an API key; the signing secret stands on the page of the webhook endpoint"),
            (b"pk_", "`pk_` is a publishable key; the signing secret stands on the page of the webhook endpoint"),
        ];
        if let Some((_, hint)) = hint.into_iter().find(|(start, _)| secret.starts_with(start)) {
            return Err(SecretError::LooksLike { hint });
        }
        if self.prefix_required {
            return Err(SecretError::MissingPrefix { prefix: prefix.to_owned() });
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct TimestampRule {
    /// `None`: it stands in the signature's own text.
    pub(crate) source: Option<Source>,
    pub(crate) format: TimestampFormat,
    pub(crate) tolerance: Tolerance,
}

/// A hash of the body that stands elsewhere in the request and must be right.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) source: Source,
    pub(crate) digest: Digest,
    pub(crate) encoding: Encoding,
}

/// In which forms the URL may have been signed.
#[derive(Clone, Debug)]
pub(crate) struct UrlRule {
    pub(crate) forms: Vec<UrlForm>,
    /// The characters that are decoded in [`UrlForm::Decoded`].
    pub(crate) decode: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UrlForm {
    /// As it was requested.
    AsIs,
    /// With an explicit port, the scheme's default if the public URL names none.
    WithPort,
    /// Without any port.
    WithoutPort,
    /// With the percent-escapes of some characters decoded.
    Decoded,
}

/// How `{form-sorted}` writes the parameters.
#[derive(Clone, Debug)]
pub(crate) struct FormRule {
    /// Between a name and its value.
    pub(crate) between: String,
    /// Behind each value.
    pub(crate) after: String,
    /// Whether equal pairs count once.
    pub(crate) dedupe: bool,
}
