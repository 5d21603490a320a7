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

mod addresses;
mod advice;
mod answers;
mod error;
mod file;
mod framing;
mod handshake;
mod http_signature;
mod jwt;
mod keys;
mod parts;
mod read;
mod secret;
mod source;
mod syntax;
mod template;
mod words;

use std::{collections::BTreeMap, fmt, sync::Arc};

use http::Method;
use serde::Deserialize;

pub use addresses::Addresses;
pub use advice::Advice;
pub use answers::Answers;
pub use error::SchemeError;
pub(crate) use framing::{Guard, is_url_byte};
pub(crate) use handshake::{AnswerPart, ConfirmRule, HandshakeRule, Item, Only};
pub(crate) use http_signature::HttpSignatureRule;
pub(crate) use jwt::{Expected, JwtRule};
pub use keys::KeySource;
pub(crate) use keys::{KeyFormat, KeyIdRule, KeyPlace, Pattern, Slot, UrlTemplate, is_name};
pub(crate) use parts::{HashEncoding, Hashed, Part};
pub(crate) use secret::SecretRule;
pub(crate) use source::Source;
pub(crate) use syntax::{Hole, LoneTag, Mismatch, Span, Syntax, first_of, trim_ows};

use crate::{
    algorithm::Digest,
    canonical::Canonical,
    content::Settings,
    encoding::Encoding,
    json::Pointer,
    jws::JwsKey,
    public_key::PublicKeyAlgorithm,
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
    pub(crate) settings: BTreeMap<String, String>,
    /// The settings without which nothing can be verified; others serve handshakes alone.
    pub(crate) required_settings: Vec<String>,
    pub(crate) jwt: JwtRule,
    pub(crate) http: HttpSignatureRule,
    pub(crate) decoded: bool,
    pub(crate) addresses: Option<Addresses>,
    pub(crate) handshakes: Vec<HandshakeRule>,
    pub(crate) keys: Option<KeySource>,
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

    /// The values that the receiver must configure beside the secret, and what each is.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, what)| (name.as_str(), what.as_str()))
    }

    /// Whether a secret of this scheme is the provider's public key.
    pub fn takes_public_key(&self) -> bool {
        self.public_key_algorithms().next().is_some()
    }

    /// The algorithms for which a secret of this scheme is a public key.
    pub(crate) fn public_key_algorithms(&self) -> impl Iterator<Item = PublicKeyAlgorithm> {
        let choice = match &self.signature.algorithm {
            Algorithm::PublicKey(choice) => Some(choice),
            _ => None,
        };
        // These two are empty for all schemes of other kinds.
        let of_tokens = self.jwt.algorithms.iter().filter_map(|algorithm| match algorithm.key() {
            JwsKey::Public(algorithm) => Some(algorithm),
            JwsKey::Secret(_) => None,
        });
        choice.into_iter().flat_map(Choice::algorithms).chain(of_tokens).chain(self.http.public_key_algorithms())
    }

    /// Whether the scheme rests on an algorithm that is broken or too weak for anything new, so that an endpoint must say
    /// that it bears it: [`VerifierBuilder::allow_legacy`](crate::VerifierBuilder::allow_legacy).
    pub fn is_legacy(&self) -> bool {
        match &self.signature.algorithm {
            Algorithm::Hmac(digest) => !digest.is_safe_for_hmac(),
            Algorithm::Hash(digest) => !digest.is_collision_resistant(),
            Algorithm::PublicKey(choice) => choice.algorithms().all(PublicKeyAlgorithm::is_legacy),
            Algorithm::Jwt
            | Algorithm::DetachedJws
            | Algorithm::HttpSignature
            | Algorithm::Token
            | Algorithm::Basic => false,
        }
    }

    /// The addresses from which the provider sends, where it publishes them.
    pub fn addresses(&self) -> Option<&Addresses> {
        self.addresses.as_ref()
    }

    /// Whether the provider asks an endpoint questions of its own, which a verifier answers.
    pub fn has_handshakes(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Whether the provider sends the secret itself, in a handshake: an endpoint begins without one. See
    /// [`VerifierBuilder::awaiting_secret`](crate::VerifierBuilder::awaiting_secret).
    pub fn sends_secret(&self) -> bool {
        self.handshakes.iter().any(|handshake| handshake.stores.is_some())
    }

    /// Where the provider publishes its public keys, if it does so in a way that an endpoint can fetch them.
    pub fn key_source(&self) -> Option<&KeySource> {
        self.keys.as_ref()
    }

    /// Whether the provider asks for a URL to be fetched that confirms a subscription, in a handshake.
    pub fn asks_to_confirm(&self) -> bool {
        self.handshakes.iter().any(|handshake| handshake.confirm.is_some())
    }

    /// Whether the signature covers the body as it is after a `Content-Encoding` is undone.
    pub fn signs_decoded_body(&self) -> bool {
        self.decoded
    }

    /// Whether the signature covers the whole body: its bytes, or all of its form parameters.
    pub fn covers_body(&self) -> bool {
        self.covers_body
    }

    /// Whether the signature covers the URL, so that a verifier needs to be told the public one.
    pub fn needs_public_url(&self) -> bool {
        let audience = matches!(self.jwt.audience, Some(Expected::Url));
        let checks = self.checks.iter().any(Check::needs_public_url);
        let url = self.http.needs_public_url();
        audience || checks || url || self.signature.parts.iter().any(Part::needs_public_url)
    }

    /// Why the signed parts cannot be told apart with certainty, where the provider's scheme is like that.
    pub fn ambiguity(&self) -> Option<&str> {
        self.ambiguous.as_deref()
    }

    /// How far the signed timestamp may lie from the clock; `None` if the scheme signs no time, so that the signature
    /// alone never goes stale.
    pub fn tolerance(&self) -> Option<Tolerance> {
        let issued = || self.jwt.max_age.map(|age| Tolerance::new(age, self.jwt.leeway));
        let created = || self.http.max_age.map(|age| Tolerance::new(age, self.http.leeway));
        self.timestamp.as_ref().map(|rule| rule.tolerance).or_else(issued).or_else(created)
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
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The request methods that the provider uses.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// Whether the verdict takes more of the body than its bytes in passing.
    pub(crate) fn needs_whole_body(&self) -> bool {
        let bodies = self.signature.parts.iter().filter(|part| matches!(part, Part::Body)).count();
        bodies > 1
            || self.decoded
            || !self.signature.optional_end.is_empty()
            || self.evidence_is_in_body()
            // A plain hash is searched for the traces of a length extension, and a public key takes the content whole.
            || matches!(
                self.signature.algorithm,
                Algorithm::Hash(_) | Algorithm::PublicKey(_) | Algorithm::DetachedJws | Algorithm::HttpSignature
            )
            || self.signature.parts.iter().any(Part::needs_whole_body)
            || self.checks.iter().any(|check| check.source.is_in_body())
            // What is signed is held against what anybody can have signed.
            || self.handshakes.iter().any(HandshakeRule::signs_for_anybody)
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
        let signed = self.signature.parts.iter().any(|part| part.any(&|part| *part == Part::Timestamp));
        source.is_some_and(Source::is_in_body) && !signed
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

#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) algorithm: Algorithm,
    pub(crate) source: Source,
    /// Whether the tags of all headers of `source` and of all their lines count.
    pub(crate) every: bool,
    pub(crate) unwrap: Option<Unwrap>,
    pub(crate) syntax: Syntax,
    /// Whether the delivery's id stands in the signature's text.
    pub(crate) carries_id: bool,
    /// The name of our key, where the text names the key of each tag.
    pub(crate) key_name: Option<Expected>,
    /// Text that may stand behind the signed content or not.
    pub(crate) optional_end: Box<[u8]>,
    /// The hash that is signed in place of the content.
    pub(crate) prehash: Option<Digest>,
    pub(crate) signs: Option<String>,
    pub(crate) parts: Vec<Part>,
}

impl Signature {
    /// What a private key signs for this content: itself, or its hash.
    pub(crate) fn prehashed(&self, content: Vec<u8>) -> Vec<u8> {
        match self.prehash {
            Some(digest) => digest.of(&content).as_bytes().to_vec(),
            None => content,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hmac(Digest),
    /// A plain hash over parts of which one is the secret.
    Hash(Digest),
    /// A signature that the provider's public key proves.
    PublicKey(Choice),
    /// A JSON Web Token.
    Jwt,
    /// A JSON Web Signature whose payload is the signed content and stands elsewhere.
    DetachedJws,
    /// A signature by RFC 9421.
    HttpSignature,
    /// The secret itself is sent.
    Token,
    /// RFC 7617.
    Basic,
}

/// One public-key algorithm, or several of which the request names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    One(PublicKeyAlgorithm),
    Named(Source, Vec<(String, PublicKeyAlgorithm)>),
}

impl Choice {
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = PublicKeyAlgorithm> {
        let (one, named) = match self {
            Self::One(algorithm) => (Some(*algorithm), [].as_slice()),
            Self::Named(_, named) => (None, named.as_slice()),
        };
        one.into_iter().chain(named.iter().map(|(_, algorithm)| *algorithm))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(digest) => write!(f, "hmac-{}", digest.name()),
            Self::Hash(digest) => f.write_str(digest.name()),
            Self::PublicKey(choice) => {
                let names: Vec<_> = choice.algorithms().map(PublicKeyAlgorithm::name).collect();
                f.write_str(&names.join(" or "))
            }
            Self::Jwt => f.write_str("jwt"),
            Self::DetachedJws => f.write_str("jws-detached"),
            Self::HttpSignature => f.write_str("http-signature"),
            Self::Token => f.write_str("token"),
            Self::Basic => f.write_str("basic"),
        }
    }
}

/// What is done to the text of the signature's place before its layout is read.
#[derive(Clone, Debug)]
pub(crate) struct Unwrap {
    pub(crate) encoding: Option<Encoding>,
    pub(crate) json: Option<Pointer>,
}

#[derive(Clone, Debug)]
pub(crate) struct TimestampRule {
    /// `None`: it stands in the signature's own text.
    pub(crate) source: Option<Source>,
    pub(crate) format: TimestampFormat,
    /// Whether a time in digits is a string in JSON, where others write a number.
    pub(crate) is_string: bool,
    pub(crate) tolerance: Tolerance,
}

/// A value of the request that must be what it should be: a hash of the body, most often.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) source: Source,
    pub(crate) equals: Equals,
    /// Whether it may be missing. Such a check covers nothing.
    pub(crate) optional: bool,
    /// Whether it may be missing if the body is empty.
    pub(crate) unless_empty: bool,
    /// Whether the value names the key, so that another one is that of an unknown key.
    pub(crate) names_key: bool,
    /// The setting without which it is left out.
    pub(crate) if_set: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Equals {
    /// The body's digest, in one of these encodings.
    BodyHash(Digest, Vec<Encoding>),
    /// One of these texts.
    Text(Vec<Vec<Part>>),
}

impl Check {
    /// Whether it is left out, because the receiver did not configure what it is for.
    pub(crate) fn is_off(&self, settings: &Settings) -> bool {
        self.if_set.as_ref().is_some_and(|name| !settings.contains_key(name))
    }

    /// The digest of the body that it takes.
    pub(crate) fn body_digest(&self) -> Option<Digest> {
        match self.equals {
            Equals::BodyHash(digest, _) => Some(digest),
            Equals::Text(_) => None,
        }
    }

    fn needs_public_url(&self) -> bool {
        match &self.equals {
            Equals::BodyHash(..) => false,
            Equals::Text(texts) => texts.iter().flatten().any(Part::needs_public_url),
        }
    }
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

/// How `{form-sorted}` and `{query-sorted}` write the parameters.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "keys of a file, each of its own")]
pub(crate) struct FormRule {
    /// Between a name and its value.
    pub(crate) between: String,
    /// Behind each value.
    pub(crate) after: String,
    /// Between pairs.
    pub(crate) join: String,
    /// Whether equal pairs count once.
    pub(crate) dedupe: bool,
    /// Names that are left out.
    pub(crate) exclude: Vec<String>,
    /// Whether pairs without a value are left out.
    pub(crate) skip_empty: bool,
    /// Whether names are left out.
    pub(crate) values_only: bool,
    /// Whether names and values are percent-encoded again.
    pub(crate) encode: bool,
}

impl FormRule {
    /// Whether names and values end where they show it: percent-encoded, and with marks between them that no encoded text has.
    pub(crate) fn is_framed(&self) -> bool {
        let is_mark = |text: &str| !text.is_empty() && text.bytes().all(|byte| b"=&:;,|".contains(&byte));
        let behind_value = [self.after.as_str(), self.join.as_str()].concat();
        self.encode && is_mark(&behind_value) && (self.values_only || is_mark(&self.between))
    }
}
