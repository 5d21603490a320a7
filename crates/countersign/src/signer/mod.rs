//! Signs requests as a provider would: for tests, for `countersign send`, and to forward deliveries.

mod draft;
mod http_signature;
mod token;

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Request;
use zeroize::Zeroizing;

use self::{draft::Draft, token::Issue};
use crate::{
    algorithm::Digest,
    builder::{VerifierBuilder, policy},
    config::{ConfigError, IntoScheme, IntoSecret},
    content::{Content, SortedParameters, Writing},
    decoded::decoded,
    encoding::Encoding,
    head::{Head, look_up},
    json::Pointer,
    key::Key,
    public_key::{PrivateKey, PublicKeyAlgorithm, PublicKeyKind, SignatureForm},
    rejection::Rejection,
    scheme::{Algorithm, Check, Choice, Equals, Expected, Hole, Part, Scheme, Source, Unwrap, UrlForm},
    secret::{Secret, SecretError},
    timestamp::Timestamp,
    verifier::Verifier,
};

/// Signs requests by a scheme, with one secret.
///
/// ```
/// use countersign::{Signer, Timestamp, Verifier, providers};
///
/// let now = Timestamp::from_unix_seconds(1_767_225_600);
/// let signer = Signer::new(providers::STRIPE, "whsec_for_this_test")?;
/// let (parts, body) = signer.sign(http::Request::post("/hooks").body(r#"{"id":"evt_1"}"#)?, now)?.into_parts();
///
/// let verifier = Verifier::new(providers::STRIPE, "whsec_for_this_test")?;
/// assert_eq!(verifier.verify(&parts, body, now)?.event_id().map(|id| id.to_string()), Some("evt_1".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Signer {
    verifier: Verifier,
    key: SigningKey,
}

/// The key that makes the tag.
enum SigningKey {
    /// The secret that the verifier has as well.
    Shared(Zeroizing<Vec<u8>>),
    Private(PrivateKey),
}

/// Why a request could not be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The scheme puts a value into the JSON or form body, but the body has no place for it.
    Body {
        /// The place of the value.
        place: String,
    },
    /// The scheme signs a value that the request does not have, or that the verifier would refuse.
    Refused(Rejection),
    /// A value cannot be written into a header or URL.
    Unprintable {
        /// The place of the value.
        place: String,
    },
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body { place } => write!(f, "the scheme writes {place}, and the body has no place for it"),
            Self::Refused(rejection) => write!(f, "the request cannot be signed: {rejection}"),
            Self::Unprintable { place } => write!(f, "the value of {place} cannot be written there"),
        }
    }
}

impl std::error::Error for SignError {}

impl From<Rejection> for SignError {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl Signer {
    /// A signer for a scheme that needs only the secret. For a scheme with public keys, the secret is the private key
    /// in PEM, or for Ed25519 its 32 bytes in the scheme's encoding.
    ///
    /// # Errors
    ///
    /// As [`Verifier::new`].
    pub fn new(scheme: impl IntoScheme, secret: impl IntoSecret) -> Result<Self, ConfigError> {
        Self::configured(scheme, secret, |builder| builder)
    }

    /// A signer with the receiver's public URL.
    ///
    /// # Errors
    ///
    /// As [`VerifierBuilder::build`].
    pub fn with_public_url(
        scheme: impl IntoScheme,
        secret: impl IntoSecret,
        url: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        Self::configured(scheme, secret, |builder| builder.public_url(url))
    }

    /// A signer with everything that can be set on a verifier: settings, a public URL, legacy algorithms.
    ///
    /// # Errors
    ///
    /// If `configure` adds a secret, which would not be the one that signs; otherwise as [`VerifierBuilder::build`].
    pub fn configured(
        scheme: impl IntoScheme,
        secret: impl IntoSecret,
        configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Result<Self, ConfigError> {
        let (scheme, secret) = (scheme.into_scheme()?, secret.into_secret()?);
        let private = private_key(&scheme, &secret)?;
        let builder = configure(Verifier::builder(&scheme));
        if builder.has_keys() {
            return Err(ConfigError::SecretBesideSigner);
        }
        let (builder, key) = if let Some(private) = private {
            let public = Key::from_public_key("key-1", private.public_key());
            (builder.key(public), SigningKey::Private(private))
        } else {
            let bytes = scheme.secret.key(secret.expose())?;
            (builder.secret(secret), SigningKey::Shared(bytes))
        };
        Ok(Self { verifier: builder.build()?, key })
    }

    /// A signer with the empty secret, as a forger would use it: it finds receivers whose secret was never set. `None`
    /// if the scheme's key is not made of a secret's bytes alone. `configure` is as in
    /// [`configured`](Self::configured).
    ///
    /// ```
    /// use countersign::{Rejection, Signer, Timestamp, Verifier, providers};
    /// use http::Request;
    ///
    /// let now = Timestamp::from_unix_seconds(1_767_225_600);
    /// let nobody = Signer::of_nobody(providers::GITHUB, |builder| builder)?.ok_or("GitHub has a secret")?;
    /// let forged = nobody.sign(Request::post("/hooks").body("{}")?, now)?;
    /// let verifier = Verifier::new(providers::GITHUB, "a-long-random-secret")?;
    /// assert_eq!(verifier.verify(&forged, forged.body(), now).map(drop), Err(Rejection::Signature));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`VerifierBuilder::build`].
    pub fn of_nobody(
        scheme: impl IntoScheme,
        configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Result<Option<Self>, ConfigError> {
        let scheme = scheme.into_scheme()?;
        if !matches!(scheme.signature.algorithm, Algorithm::Hmac(_) | Algorithm::Hash(_)) {
            return Ok(None);
        }
        // The empty text has no encoding and no prefix. Everything else that the scheme does to a secret is done to it.
        let scheme = scheme.altered(|description| description.secret = description.secret.of_bare());
        Self::configured(&scheme, Secret::guess(b""), configure).map(Some)
    }

    /// The scheme that it signs by.
    pub fn scheme(&self) -> &Scheme {
        self.verifier.scheme()
    }

    /// A verifier for what it signs: with the same secret, or with the public key of its private key.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Signs a request sent at `now`. It puts everything that the scheme adds (tag, timestamp, id, hash of the body)
    /// where the scheme has it: into headers, the query or the body. A delivery id that is already there is kept.
    ///
    /// # Errors
    ///
    /// If the request lacks a value that the scheme signs, or the body has no place for one that the scheme adds.
    pub fn sign<B: Into<Bytes>>(
        &self,
        request: Request<B>,
        now: impl Into<Timestamp>,
    ) -> Result<Request<Bytes>, SignError> {
        let scheme = self.scheme();
        let (parts, body) = request.into_parts();
        let mut draft = Draft { parts, body: body.into() };
        let now = now.into();

        let id = self.id(&draft, now);
        if let Some(source) = &scheme.delivery_id {
            draft.put(source, &id)?;
        }
        let time = match &scheme.timestamp {
            Some(rule) => {
                rule.format.print(now).ok_or_else(|| SignError::Unprintable { place: "the timestamp".to_owned() })?
            }
            None => String::new(),
        };
        if let Some((rule, source)) = scheme.timestamp.as_ref().and_then(|rule| Some((rule, rule.source.as_ref()?))) {
            draft.put_time(source, &time, rule.format.is_number() && !rule.is_string)?;
        }
        if let Some((source, word, _)) = self.named_algorithm() {
            draft.put(source, word)?;
        }
        let claims = self.put_checks(&mut draft)?;
        if scheme.signature.algorithm == Algorithm::HttpSignature {
            self.sign_message(&mut draft, now, &id)?;
            return Ok(Request::from_parts(draft.parts, draft.body));
        }
        let text = self.signature(&draft, &time, &id, &Issue { now, claims: &claims })?;
        draft.put(&scheme.signature.source, &wrapped(scheme.signature.unwrap.as_ref(), text))?;
        Ok(Request::from_parts(draft.parts, draft.body))
    }

    /// Puts the values where the scheme's checks look for them; returns those for a token.
    fn put_checks(&self, draft: &mut Draft) -> Result<Vec<(Pointer, String)>, SignError> {
        let mut claims = Vec::new();
        let is_on = |check: &&Check| !check.optional && !check.is_off(self.verifier.settings());
        for check in self.scheme().checks.iter().filter(is_on) {
            let text = match &check.equals {
                Equals::BodyHash(digest, encodings) => {
                    let hash = digest.of(&draft.body);
                    encodings.first().map(|encoding| encoding.encode(hash.as_bytes())).unwrap_or_default()
                }
                Equals::Body => String::from_utf8(draft.body.to_vec())
                    .map_err(|_| SignError::Body { place: check.source.to_string() })?,
                Equals::Text(texts) => self.text(texts, draft)?,
            };
            match &check.source {
                Source::Claim(pointer) => claims.push((pointer.clone(), text)),
                source => draft.put(source, &text)?,
            }
        }
        Ok(claims)
    }

    /// The first of the values that a check allows.
    fn text(&self, texts: &[Vec<Part>], draft: &Draft) -> Result<String, SignError> {
        let content = self.content(draft, b"", b"", SortedParameters::NONE);
        let parts = texts.first().map(Vec::as_slice).unwrap_or_default();
        let text = content.to_vec(parts, self.writing(None))?;
        String::from_utf8(text).map_err(|_| SignError::Unprintable { place: "a checked value".to_owned() })
    }

    fn content<'a>(
        &'a self,
        draft: &'a Draft,
        timestamp: &'a [u8],
        id: &'a [u8],
        sorted: &'a SortedParameters,
    ) -> Content<'a> {
        let verifier = &self.verifier;
        Content {
            scheme: verifier.scheme(),
            head: Head::from(&draft.parts),
            public_url: verifier.public_url(),
            settings: verifier.settings(),
            timestamp,
            id,
            sorted,
        }
    }

    fn writing<'a>(&'a self, body: Option<&'a [u8]>) -> Writing<'a> {
        // The list of forms in a scheme is never empty.
        let form = self.verifier.url_forms().first().copied().unwrap_or(UrlForm::AsIs);
        let secret = self.verifier.key(0).material.start().map_or(&b""[..], |(_, secret)| secret);
        Writing { form, secret, body }
    }

    fn signature(&self, draft: &Draft, time: &str, id: &str, issue: &Issue<'_>) -> Result<String, SignError> {
        let signature = &self.scheme().signature;
        let tag = match (&signature.algorithm, &self.key) {
            (Algorithm::Basic, SigningKey::Shared(secret)) => return Ok(format!("Basic {}", STANDARD.encode(secret))),
            (Algorithm::Token, SigningKey::Shared(secret)) => secret.to_vec(),
            (Algorithm::Jwt, _) => self.token(draft, issue)?.into_bytes(),
            (Algorithm::DetachedJws, _) => self.detached(&self.signed(draft, time, id)?)?.into_bytes(),
            _ => self.tag(draft, time, id)?,
        };
        Ok(signature.syntax.print(|hole| match hole {
            Hole::Tag(encoding) => encoding.encode(&tag),
            Hole::Token | Hole::Jwt => String::from_utf8_lossy(&tag).into_owned(),
            Hole::Timestamp => time.to_owned(),
            Hole::Id => id.to_owned(),
            Hole::KeyName => self.key_name().unwrap_or_default().to_owned(),
            Hole::Any => String::new(),
        }))
    }

    fn key_name(&self) -> Option<&str> {
        match self.scheme().signature.key_name.as_ref()? {
            Expected::Text(text) => Some(text),
            Expected::Setting(name) => self.verifier.settings().get(name).map(|value| value.as_str()),
            Expected::Url => None,
        }
    }

    /// The signed content, if the request obeys the rules of its scheme.
    fn signed(&self, draft: &Draft, time: &str, id: &str) -> Result<Vec<u8>, SignError> {
        let scheme = self.scheme();
        let body = if scheme.signs_decoded_body() {
            decoded(Head::from(&draft.parts), &draft.body, None)?
        } else {
            Cow::Borrowed(&draft.body[..])
        };
        let sorted = SortedParameters::of(scheme, Head::from(&draft.parts), &body)?;
        let content = self.content(draft, time.as_bytes(), id.as_bytes(), &sorted);
        self.verifier.check_guards(&content, Some(&body), body.first().copied())?;
        Ok(content.to_vec(&scheme.signature.parts, self.writing(Some(&body)))?)
    }

    fn tag(&self, draft: &Draft, time: &str, id: &str) -> Result<Vec<u8>, SignError> {
        let signed = self.signed(draft, time, id)?;
        let signature = match (&self.key, self.verifier.key(0).material.start()) {
            (SigningKey::Private(key), _) => {
                let algorithm = self.public_key_algorithm();
                let signed = self.scheme().signature.prehashed(signed);
                algorithm.and_then(|algorithm| key.sign(algorithm, SignatureForm::Usual, &signed))
            }
            (SigningKey::Shared(_), Some((start, _))) => {
                let mut mac = start.clone();
                mac.update(&signed);
                Some(mac.finish().as_bytes().to_vec())
            }
            (SigningKey::Shared(_), None) => None,
        };
        // The key was checked against the scheme when it was read.
        signature.ok_or_else(|| SignError::Unprintable { place: "the signature".to_owned() })
    }

    fn public_key_algorithm(&self) -> Option<PublicKeyAlgorithm> {
        match &self.scheme().signature.algorithm {
            Algorithm::PublicKey(Choice::One(algorithm)) => Some(*algorithm),
            _ => self.named_algorithm().map(|(_, _, algorithm)| algorithm),
        }
    }

    /// Where the request names the algorithm, and the strongest one to name there.
    fn named_algorithm(&self) -> Option<(&Source, &str, PublicKeyAlgorithm)> {
        match &self.scheme().signature.algorithm {
            Algorithm::PublicKey(Choice::Named(source, named)) => {
                let sound = named.iter().find(|(_, algorithm)| !algorithm.is_legacy());
                sound.or(named.first()).map(|(word, algorithm)| (source, word.as_str(), *algorithm))
            }
            _ => None,
        }
    }

    /// The id of the request, or one derived from its content, so that signing twice gives the same result.
    fn id(&self, draft: &Draft, now: Timestamp) -> String {
        let given = self.scheme().delivery_id.as_ref().and_then(|source| {
            let value = look_up(source, Head::from(&draft.parts), Some(&draft.body)).ok()??;
            String::from_utf8(value.into_owned()).ok().filter(|id| !id.is_empty())
        });
        given.unwrap_or_else(|| {
            let seed = [now.unix_millis().to_be_bytes().as_slice(), &draft.body].concat();
            format!("msg_{}", &Encoding::HexLower.encode(Digest::Sha256.of(&seed).as_bytes())[..24])
        })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("scheme", &self.scheme().id()).finish_non_exhaustive()
    }
}

/// The private key in a secret's text, if the scheme takes public keys; `None` if it computes with a secret.
fn private_key(scheme: &Scheme, secret: &Secret) -> Result<Option<PrivateKey>, ConfigError> {
    if !scheme.takes_public_key() {
        return Ok(None);
    }
    let text = secret.expose();
    let is_pem = text.starts_with(b"-----");
    // Short keys are accepted for signing: the verifier decides about them.
    let policy = policy(true);
    let key = if is_pem {
        PrivateKey::from_pem(&String::from_utf8_lossy(text), policy)
    } else {
        PrivateKey::from_raw(PublicKeyKind::Ed25519, &scheme.secret.key(text)?)
    };
    key.map(Some).map_err(|error| ConfigError::Secret(SecretError::PublicKey(error)))
}

/// The signature's text in the scheme's wrapping.
fn wrapped(unwrap: Option<&Unwrap>, text: String) -> String {
    let Some(unwrap) = unwrap else { return text };
    let document = match &unwrap.json {
        Some(pointer) => pointer
            .tokens()
            .iter()
            .rev()
            .fold(serde_json::Value::from(text), |value, token| {
                serde_json::Value::Object([(token.clone(), value)].into_iter().collect())
            })
            .to_string(),
        None => text,
    };
    unwrap.encoding.map_or_else(|| document.clone(), |encoding| encoding.encode(document.as_bytes()))
}
