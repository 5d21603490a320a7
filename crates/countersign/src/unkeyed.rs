//! A verifier without keys: it says where a request's key is, and becomes a verifier once that is fetched.

use std::{borrow::Cow, fmt};

use crate::{
    config::ConfigError,
    evidence::Tags,
    head::{Head, look_up},
    jws::{DetachedJws, Jws},
    key::MAX_KEY_ID,
    key_set::{KeySet, KeySetError, Reading},
    public_key::KeyPolicy,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, KeyIdRule, KeyPlace, KeySource, Pattern, Scheme, Source, UrlTemplate},
    timestamp::{Timestamp, Tolerance},
    trust::TrustRoots,
    verifier::{Verifier, VerifierSetup},
};

/// A verifier without its keys, which the provider publishes. Made by
/// [`VerifierBuilder::without_keys`](crate::VerifierBuilder::without_keys).
///
/// It fetches nothing. [`locate`](Self::locate) returns the address of a request's key, [`read`](Self::read) reads keys
/// from the document at that address, and [`verifier`](Self::verifier) makes a verifier with them. Fetching and caching
/// in between is the task of `FetchedKeys` of `countersign-tower`, or of your own code.
///
/// ```
/// # #[cfg(feature = "ed25519")] {
/// use countersign::{Scheme, Timestamp, TrustRoots, Verifier};
///
/// let scheme = Scheme::from_toml("acme", r#"
///     name = "Acme"
///     [signature]
///     algorithm = "ed25519"
///     header = "X-Signature"
///     value = "{base64}"
///     signs = "{body}"
///     [keys]
///     format = "jwks"
///     url = "https://acme.example/keys.json"
///     id = { header = "X-Key-Id" }
/// "#)?;
/// let unkeyed = Verifier::builder(&scheme).without_keys()?;
///
/// let (head, body) = http::Request::post("/").header("X-Key-Id", "2026-a").body("{}")?.into_parts();
/// let address = unkeyed.locate(&head, None)?;
/// assert_eq!((address.url(), address.key_id()), ("https://acme.example/keys.json", Some("2026-a")));
///
/// // What an HTTP client of yours got from there:
/// let document = br#"{"keys": [
///     {"kid": "2026-a", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#;
/// let now = Timestamp::from_unix_seconds(1_767_225_600);
/// let keys = unkeyed.read(document, &TrustRoots::none(), now)?;
/// let verifier = unkeyed.verifier(&keys, address.key_id())?.expect("there is a key of this name");
/// assert_eq!(verifier.verify(&head, body, now).unwrap_err().code(), "missing_signature");
/// assert!(unkeyed.verifier(&keys, Some("2025-z"))?.is_none());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Unkeyed {
    /// A verifier without keys, which refuses every request.
    inner: Verifier,
}

/// The address of a request's key. It always obeys the scheme's rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyAddress {
    url: String,
    key_id: Option<String>,
}

/// The longest URL that a request may name, in bytes.
const MAX_NAMED_URL: usize = 512;

impl KeyAddress {
    /// The URL: `https`, a host name and a path, without user or fragment.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id by which the request names its key; pass it to [`Unkeyed::verifier`].
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}

impl Unkeyed {
    pub(crate) fn new(setup: VerifierSetup) -> Result<Self, ConfigError> {
        let (scheme, settings) = (&setup.scheme, &setup.settings);
        for name in scheme.keys.iter().flat_map(KeySource::settings) {
            if !settings.contains_key(name) {
                let what = scheme.settings.get(name).cloned().unwrap_or_default();
                return Err(ConfigError::MissingSetting { name: name.to_owned(), what });
            }
        }
        if let Some(KeySource { place: KeyPlace::Fixed(template), .. }) = &scheme.keys {
            let url = template.write(Some("id"), |name| settings.get(name).map(|value| value.as_str()));
            if url.is_none() {
                return Err(ConfigError::KeyUrl { rule: template.to_string() });
            }
        }
        Ok(Self { inner: Verifier::assemble(setup) })
    }

    /// The scheme that it verifies.
    pub fn scheme(&self) -> &Scheme {
        self.inner.scheme()
    }

    /// How far a signed timestamp may be from the clock; `None` if the scheme signs none.
    pub fn tolerance(&self) -> Option<Tolerance> {
        self.inner.tolerance()
    }

    /// Makes every check of the head that needs no key, so that no key is fetched for a request that would be refused
    /// anyway.
    ///
    /// # Errors
    ///
    /// Every reason that the head gives, such as a stale timestamp.
    pub fn check_head<'r>(&'r self, head: impl Into<Head<'r>>, now: impl Into<Timestamp>) -> Result<(), Rejection> {
        let head = head.into();
        // A signed question may have a method that no delivery has.
        let head = if self.inner.may_be_question(head) { head.as_question() } else { head };
        if self.scheme().evidence_is_in_body() {
            return self.inner.examine_what_the_head_has(head);
        }
        self.inner.examine(head, now.into(), None, &mut crate::evidence::Examined::default())
    }

    /// A verifier without keys, if this request may be an unsigned question, for which no key is needed. It answers
    /// [handshakes](crate::handshake) like any other verifier, and refuses every delivery.
    pub fn for_question<'r>(&'r self, head: impl Into<Head<'r>>, now: impl Into<Timestamp>) -> Option<&'r Verifier> {
        let (head, now) = (head.into(), now.into());
        let is_in_head = !matches!(self.inner.handshake_in_head(head, now), Ok(None));
        (is_in_head || self.may_be_asked_in_body(head, now)).then_some(&self.inner)
    }

    /// Whether the request is unsigned, and its body may be a question.
    fn may_be_asked_in_body(&self, head: Head<'_>, now: Timestamp) -> bool {
        let mut rules = self.scheme().handshakes.iter();
        rules.any(|rule| !rule.signed && !rule.is_in_head() && rule.method == *head.method)
            && self.inner.may_be_question(head)
            && matches!(self.check_head(head, now), Err(Rejection::MissingSignature { .. } | Rejection::Method))
    }

    /// The address of this request's key. `body` is the whole body, and is needed if
    /// [`is_named_in_body`](KeySource::is_named_in_body).
    ///
    /// A URL in the request is never used as it is. It must consist of a host and a path that the scheme allows, and is
    /// put together again from these two.
    ///
    /// # Errors
    ///
    /// If the request does not name a key where it should, or names one that the scheme does not allow.
    pub fn locate<'r>(&'r self, head: impl Into<Head<'r>>, body: Option<&'r [u8]>) -> Result<KeyAddress, Rejection> {
        let head = head.into();
        // An `Unkeyed` is only made for a scheme with a source.
        let Some(source) = self.scheme().key_source() else { return Err(Rejection::UnknownKey) };
        let key_id = self.key_id(source, head, body)?;
        let url = match &source.place {
            KeyPlace::Fixed(template) => self.url_by(template, key_id.as_deref()).ok_or(Rejection::UnknownKey)?,
            KeyPlace::Named { source, hosts, path } => named_url(source, hosts, path, head, body)?,
        };
        Ok(KeyAddress { url, key_id })
    }

    /// The URL of the key that a request names by `name`: an id if the URL has a place for one, else a URL. `None` if
    /// the scheme allows no such URL, or has only one.
    pub fn url_of(&self, name: &str) -> Option<String> {
        match &self.scheme().key_source()?.place {
            KeyPlace::Fixed(template) if template.has_key_id() => self.url_by(template, Some(name)),
            KeyPlace::Fixed(_) => None,
            KeyPlace::Named { hosts, path, .. } => allowed_url(name, hosts, path),
        }
    }

    fn url_by(&self, template: &UrlTemplate, key_id: Option<&str>) -> Option<String> {
        let settings = self.inner.settings();
        template.write(key_id, |name| settings.get(name).map(|value| value.as_str()))
    }

    fn key_id<'r>(
        &'r self,
        source: &KeySource,
        head: Head<'r>,
        body: Option<&'r [u8]>,
    ) -> Result<Option<String>, Rejection> {
        match &source.id {
            KeyIdRule::None => Ok(None),
            KeyIdRule::Token { .. } => self.id_of_token(head, body),
            KeyIdRule::At(source) => {
                let id = value(source, head, body)?;
                let is_id = id.len() <= MAX_KEY_ID && id.iter().all(u8::is_ascii_graphic);
                let id = std::str::from_utf8(&id).ok().filter(|_| is_id);
                id.map(|id| Some(id.to_owned())).ok_or_else(|| malformed(source, Problem::Encoding))
            }
        }
    }

    fn id_of_token<'r>(&'r self, head: Head<'r>, body: Option<&'r [u8]>) -> Result<Option<String>, Rejection> {
        let (scheme, places) = (self.scheme(), self.inner.places());
        let mut tags = Tags::default();
        tags.find(scheme, places, head, body)?;
        let allowed = &scheme.jwt.algorithms;
        let id = if scheme.signature.algorithm == Algorithm::DetachedJws {
            DetachedJws::parse(tags.token(), allowed, scheme.jwt.b64).map(|jws| jws.key_id().map(str::to_owned))
        } else {
            Jws::parse(tags.token(), allowed).map(|jws| jws.key_id().map(str::to_owned))
        };
        id.map_err(|problem| Rejection::MalformedSignature {
            place: std::sync::Arc::clone(&places.signature),
            problem: problem.into(),
        })
    }

    /// Reads a fetched document. Certificates are checked against `now` and against the authorities in `roots`.
    ///
    /// Of a set of keys, only those are kept that the scheme can use. A certificate must be within its validity. If it
    /// comes with its issuers, or if the scheme says to whom it must be issued, its chain must lead to one of the
    /// roots. Otherwise it is trusted for its URL: fetch it from exactly that URL, over TLS, and follow no redirect.
    ///
    /// # Errors
    ///
    /// If the document does not have the scheme's format, or has no usable key.
    pub fn read(&self, document: &[u8], roots: &TrustRoots, now: impl Into<Timestamp>) -> Result<KeySet, KeySetError> {
        let source = self.scheme().key_source().ok_or(KeySetError::NoKey)?;
        let reading = Reading { roots, now: now.into(), policy: self.policy() };
        KeySet::read(document, self.scheme(), source, &reading)
    }

    /// A verifier with the keys of that id. If the request names none, it has every key that may have signed, at most
    /// [`MAX_KEYS_TRIED`](crate::MAX_KEYS_TRIED). `None` if no key has the id.
    ///
    /// # Errors
    ///
    /// If no verifier can be built with the keys.
    pub fn verifier(&self, keys: &KeySet, key_id: Option<&str>) -> Result<Option<Verifier>, ConfigError> {
        // If a document has one key, the id was only for the URL.
        let is_set = self.scheme().key_source().is_some_and(KeySource::is_set);
        let found = keys.keys(key_id.filter(|_| is_set));
        if found.is_empty() {
            return Ok(None);
        }
        let setup = self.inner.setup();
        setup.with_keys(found.into_iter().map(Ok).collect()).map(Some)
    }

    fn policy(&self) -> KeyPolicy {
        crate::builder::policy(self.inner.allows_legacy())
    }
}

/// The URL that the request names, if the scheme allows it.
pub(crate) fn named_url(
    source: &Source,
    hosts: &[Pattern],
    path: &Pattern,
    head: Head<'_>,
    body: Option<&[u8]>,
) -> Result<String, Rejection> {
    let refused = || Rejection::UnexpectedValue { place: source.to_string().into() };
    let text = value(source, head, body)?;
    std::str::from_utf8(&text).ok().and_then(|text| allowed_url(text, hosts, path)).ok_or_else(refused)
}

/// The URL, put together again from an allowed host and path.
fn allowed_url(text: &str, hosts: &[Pattern], path: &Pattern) -> Option<String> {
    let rest = text.strip_prefix("https://").filter(|_| text.len() <= MAX_NAMED_URL)?;
    let (host, at) = rest.split_at(rest.find('/')?);
    let is_allowed = hosts.iter().any(|pattern| pattern.fits(host)) && path.fits(at);
    is_allowed.then(|| format!("https://{host}{at}"))
}

fn value<'r>(source: &Source, head: Head<'r>, body: Option<&'r [u8]>) -> Result<Cow<'r, [u8]>, Rejection> {
    let value = look_up(source, head, body).map_err(|unusable| malformed(source, unusable.into()))?;
    let value = value.ok_or_else(|| malformed(source, Problem::Missing))?;
    if value.is_empty() { Err(malformed(source, Problem::Empty)) } else { Ok(value) }
}

fn malformed(source: &Source, problem: Problem) -> Rejection {
    crate::content::malformed_value(source.to_string(), problem)
}

impl fmt::Debug for Unkeyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unkeyed").field("scheme", &self.scheme().id()).finish_non_exhaustive()
    }
}
