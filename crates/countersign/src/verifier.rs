//! The verifier: everything an endpoint needs to judge a delivery.

use std::{fmt, sync::Arc, time::Duration};

use subtle::Choice;

use crate::{
    algorithm::{Digest, Tag},
    content::{Content, malformed_value, sorted_form},
    evidence::{Examined, Places, Tags, delivery_id, timestamp},
    head::{Head, look_up},
    key::{Key, Material, ReadyKey},
    pending::Pending,
    providers::Provider,
    public_url::{PublicUrl, PublicUrlError},
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Part, Scheme, SchemeError, UrlForm},
    secret::{Secret, SecretError},
    timestamp::{Timestamp, Tolerance},
    verified::Verified,
};

/// Judges the deliveries of one endpoint: a scheme, its keys, a tolerance and, where the scheme signs it, the public URL.
///
/// Made once, at start-up: it turns the secrets into keyed hash states. Cheap to clone and to share.
///
/// ```
/// use countersign::{Verifier, providers};
///
/// let verifier = Verifier::new(providers::GITHUB, "It's a Secret to Everybody")?;
///
/// let (parts, body) = http::Request::post("/hooks")
///     .header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
///     .body("Hello, World!")?
///     .into_parts();
/// let now = countersign::Timestamp::from_unix_seconds(1_767_225_600);
///
/// let verified = verifier.verify(&parts, body, now)?;
/// assert_eq!(verified.body(), &"Hello, World!");
///
/// let refused = verifier.verify(&parts, "Hello, World?", now).unwrap_err();
/// assert_eq!(refused.code(), "signature");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    scheme: Scheme,
    places: Places,
    keys: Vec<ReadyKey>,
    tolerance: Option<Tolerance>,
    public_url: Option<PublicUrl>,
    layout: Layout,
}

/// The parts of the signed content in front of the body and behind it.
#[expect(clippy::struct_excessive_bools, reason = "answers of the scheme that are worth asking once, and no state")]
pub(crate) struct Layout {
    /// How many parts stand in front of the body.
    pub(crate) before: usize,
    /// Whether the body itself is a part.
    pub(crate) body: bool,
    /// What [`Description::needs_whole_body`](crate::scheme::Description::needs_whole_body) says.
    needs_whole_body: bool,
    /// What [`Description::reads_time_after_signature`](crate::scheme::Description::reads_time_after_signature) says.
    reads_time_after_signature: bool,
    /// Whether the scheme signs an id of the delivery.
    has_id: bool,
}

impl Verifier {
    /// A verifier with one secret and the provider's own tolerance, which is all that most endpoints need.
    ///
    /// # Errors
    ///
    /// If the secret is empty, a placeholder, or not what the scheme expects; if the scheme signs the public URL, which
    /// only [`Verifier::builder`] can be told.
    pub fn new(scheme: impl IntoScheme, secret: impl IntoSecret) -> Result<Self, ConfigError> {
        Self::builder(scheme).secret(secret).build()
    }

    /// A verifier with several keys, another tolerance or a public URL.
    pub fn builder(scheme: impl IntoScheme) -> VerifierBuilder {
        VerifierBuilder {
            scheme: scheme.into_scheme().map_err(ConfigError::Scheme),
            keys: Vec::new(),
            tolerance: None,
            public_url: None,
        }
    }

    /// Judges a whole request. `now` is the time against which its timestamp is held: that of its arrival.
    ///
    /// # Errors
    ///
    /// The one reason for which it is refused.
    pub fn verify<'r, B: AsRef<[u8]>>(
        &'r self,
        head: impl Into<Head<'r>>,
        body: B,
        now: impl Into<Timestamp>,
    ) -> Result<Verified<'r, B>, Rejection> {
        let (head, now) = (head.into(), now.into());
        self.check_keys(head, now)?;
        if self.inner.layout.needs_whole_body {
            let (key, mut examined) = self.judge_whole(head, body.as_ref(), now)?;
            return Ok(Verified::new(self, head, key, &mut examined, body));
        }
        let mut examined = Examined::default();
        self.examine(head, now, None, &mut examined)?;
        let key = self.judge_body(head, &examined, body.as_ref(), now)?;
        Ok(Verified::new(self, head, key, &mut examined, body))
    }

    /// Judges the head of a request; the body is to follow as it arrives.
    ///
    /// # Errors
    ///
    /// Every reason that the head alone gives, a stale timestamp and a wrong token among them.
    pub fn begin<'r>(&'r self, head: impl Into<Head<'r>>, now: impl Into<Timestamp>) -> Result<Pending<'r>, Rejection> {
        Pending::begin(self, head.into(), now.into())
    }

    /// The scheme that it verifies.
    pub fn scheme(&self) -> &Scheme {
        &self.inner.scheme
    }

    /// The labels of its keys, in order.
    pub fn key_labels(&self) -> impl Iterator<Item = &str> {
        self.inner.keys.iter().map(|key| &*key.label)
    }

    /// How far a signed timestamp may lie from the clock; `None` if the scheme signs none.
    pub fn tolerance(&self) -> Option<Tolerance> {
        self.inner.tolerance
    }

    pub(crate) fn key_label(&self, key: usize) -> &Arc<str> {
        &self.inner.keys[key].label
    }

    pub(crate) fn public_url(&self) -> Option<&PublicUrl> {
        self.inner.public_url.as_ref()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    /// Every check that needs no body, or, given the whole body, the rest of them. Fills `examined` in place: it is large.
    pub(crate) fn examine<'r>(
        &'r self,
        head: Head<'r>,
        now: Timestamp,
        body: Option<&'r [u8]>,
        examined: &mut Examined<'r>,
    ) -> Result<(), Rejection> {
        let inner = &*self.inner;
        let (scheme, places) = (&inner.scheme, &inner.places);
        self.check_method(head)?;
        examined.tags.find(scheme, places, head, body)?;
        if !inner.layout.reads_time_after_signature {
            self.read_time(head, now, body, examined)?;
        }
        if inner.layout.has_id {
            examined.id = Some(delivery_id(scheme.delivery_id.as_ref(), places, head, &examined.tags, body)?);
        }
        examined.tags.decode(scheme, places)
    }

    /// Reads the signed timestamp, if the scheme has one, and holds it against the clock.
    fn read_time<'r>(
        &'r self,
        head: Head<'r>,
        now: Timestamp,
        body: Option<&'r [u8]>,
        examined: &mut Examined<'r>,
    ) -> Result<(), Rejection> {
        let inner = &*self.inner;
        let (Some(rule), Some(tolerance)) = (&inner.scheme.timestamp, inner.tolerance) else {
            return Ok(());
        };
        examined.time = timestamp(rule, &inner.places, head, &examined.tags, body)?;
        examined.time.at.map_or(Ok(()), |at| tolerance.check(at, now))
    }

    pub(crate) fn check_method(&self, head: Head<'_>) -> Result<(), Rejection> {
        if self.inner.scheme.methods.contains(head.method) { Ok(()) } else { Err(Rejection::Method) }
    }

    /// Refuses what no key could prove, before anything else but its method is looked at.
    pub(crate) fn check_keys(&self, head: Head<'_>, now: Timestamp) -> Result<(), Rejection> {
        if self.valid_keys(now).next().is_some() {
            return Ok(());
        }
        self.check_method(head)?;
        Err(Rejection::UnknownKey)
    }

    pub(crate) fn content<'a>(&'a self, head: Head<'a>, examined: &'a Examined<'_>) -> Content<'a> {
        Content {
            scheme: &self.inner.scheme,
            head,
            public_url: self.inner.public_url.as_ref(),
            timestamp: &examined.time.text,
            id: examined.id.as_deref().unwrap_or_default(),
            form: &[],
        }
    }

    pub(crate) fn obey_guards(
        &self,
        content: &Content<'_>,
        body: Option<&[u8]>,
        first: Option<u8>,
    ) -> Result<(), Rejection> {
        self.inner.scheme.guards.iter().try_for_each(|guard| content.obeys(guard, body, first))
    }

    /// Examines what the head has of the evidence, where the body has the rest: the early half of
    /// [`judge_whole`](Self::judge_whole).
    pub(crate) fn examine_what_the_head_has(&self, head: Head<'_>) -> Result<(), Rejection> {
        let inner = &*self.inner;
        self.check_method(head)?;
        if inner.scheme.signature.source.is_in_body() {
            return Ok(());
        }
        let mut tags = Tags::default();
        tags.find(&inner.scheme, &inner.places, head, None)?;
        tags.decode(&inner.scheme, &inner.places)
    }

    /// The verdict on a request that is there as a whole.
    pub(crate) fn judge_whole<'r>(
        &'r self,
        head: Head<'r>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(usize, Examined<'r>), Rejection> {
        let mut examined = Examined::default();
        if self.inner.scheme.evidence_is_in_body() {
            // First what the head has, so that a whole request is refused for the same reason as one that arrives in parts.
            self.examine_what_the_head_has(head)?;
            let mut borrowed = Examined::default();
            self.examine(head, now, Some(body), &mut borrowed)?;
            examined = borrowed.into_owned();
        } else {
            self.examine(head, now, None, &mut examined)?;
        }
        let key = self.judge_body(head, &examined, body, now)?;
        if self.inner.layout.reads_time_after_signature {
            let mut timely = Examined { tags: examined.tags.clone(), ..Examined::default() };
            self.read_time(head, now, Some(body), &mut timely)?;
            examined.time = timely.time.into_owned();
        }
        Ok((key, examined))
    }

    fn judge_body(
        &self,
        head: Head<'_>,
        examined: &Examined<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<usize, Rejection> {
        let form = sorted_form(&self.inner.scheme, body)?;
        let content = Content { form: &form, ..self.content(head, examined) };
        self.obey_guards(&content, Some(body), body.first().copied())?;
        self.check_hashes(head, Some(body), self.inner.scheme.checks.iter().map(|check| check.digest.of(body)))?;
        self.judge(&content, &examined.tags, body, now)
    }

    /// Holds the body's own hashes, in the order of the scheme's checks, against those that the request tells.
    pub(crate) fn check_hashes(
        &self,
        head: Head<'_>,
        body: Option<&[u8]>,
        computed: impl Iterator<Item = Tag>,
    ) -> Result<(), Rejection> {
        for (check, computed) in self.inner.scheme.checks.iter().zip(computed) {
            let malformed = |problem| malformed_value(check.source.to_string(), problem);
            let told = look_up(&check.source, head, body).map_err(|unusable| malformed(unusable.into()))?;
            let told = told.ok_or_else(|| malformed(Problem::Missing))?;
            let len = check.digest.len();
            let mut expected = Tag::default();
            expected.decode(check.encoding, &told, len).ok_or_else(|| malformed(Problem::Encoding))?;
            if !bool::from(computed.equals(&expected)) {
                return Err(Rejection::BodyHash { place: Arc::from(check.source.to_string()) });
            }
        }
        Ok(())
    }

    /// The keys that are valid now, with their places.
    pub(crate) fn valid_keys(&self, now: Timestamp) -> impl Iterator<Item = (usize, &ReadyKey)> {
        self.inner.keys.iter().enumerate().filter(move |(_, key)| key.is_valid_at(now))
    }

    /// The forms in which the URL may have been signed.
    pub(crate) fn url_forms(&self) -> &[UrlForm] {
        &self.inner.scheme.url.forms
    }

    pub(crate) fn key(&self, at: usize) -> &ReadyKey {
        &self.inner.keys[at]
    }

    /// Computes one tag per valid key and URL form over the whole content, and finds the key whose tag was brought.
    pub(crate) fn judge(
        &self,
        content: &Content<'_>,
        tags: &Tags<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<usize, Rejection> {
        let scheme = &self.inner.scheme;
        let mut search = Search::default();
        for (at, key) in self.valid_keys(now) {
            if let Material::Token(expected) = &key.material {
                search.compare(at, expected, scheme, tags);
            }
            let Some((start, secret)) = key.material.start() else { continue };
            if let (Material::Plain(..), Algorithm::Hash(digest)) = (&key.material, scheme.signature.algorithm) {
                refuse_extension(content, digest, secret, body)?;
            }
            for form in self.url_forms() {
                let parts = &scheme.signature.parts;
                let tag = start.tag(|write| content.write(parts, *form, secret, Some(body), write))?;
                search.compare(at, &tag, scheme, tags);
            }
        }
        search.verdict()
    }
}

/// Refuses a body that shows the traces of a length extension, which a plain hash does not withstand.
fn refuse_extension(content: &Content<'_>, digest: Digest, secret: &[u8], body: &[u8]) -> Result<(), Rejection> {
    let parts = &content.scheme.signature.parts;
    let before = parts.iter().position(|part| *part == Part::Body).unwrap_or(parts.len());
    let mut length = 0;
    content.write(&parts[..before], UrlForm::AsIs, secret, Some(body), &mut |piece| length += piece.len())?;
    if digest.is_extension(length, body) {
        return Err(Rejection::AmbiguousContent { rule: "the body contains the padding of a shorter one" });
    }
    Ok(())
}

/// Looks for the key that made one of the tags, in time that does not depend on which it is.
#[derive(Default)]
pub(crate) struct Search {
    keys: usize,
    found: Option<usize>,
}

impl Search {
    /// Compares the tag that key `at` would make with every tag of the request.
    pub(crate) fn compare(&mut self, at: usize, expected: &Tag, scheme: &Scheme, tags: &Tags<'_>) {
        let mut matches = Choice::from(0);
        tags.each(scheme, |tag| matches |= tag.equals(expected));
        self.keys += 1;
        // That this key made the signature is the verdict, which the answer tells anyway.
        if bool::from(matches) {
            self.found = self.found.or(Some(at));
        }
    }

    pub(crate) fn verdict(self) -> Result<usize, Rejection> {
        match self {
            Self { keys: 0, .. } => Err(Rejection::UnknownKey),
            Self { found, .. } => found.ok_or(Rejection::Signature),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.inner.scheme.id())
            .field("keys", &self.key_labels().collect::<Vec<_>>())
            .field("tolerance", &self.inner.tolerance)
            .field("public_url", &self.inner.public_url)
            .finish()
    }
}

/// Builds a [`Verifier`]; made by [`Verifier::builder`].
#[must_use]
pub struct VerifierBuilder {
    scheme: Result<Scheme, ConfigError>,
    keys: Vec<Result<Key, SecretError>>,
    tolerance: Option<Tolerance>,
    public_url: Option<String>,
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("scheme", &self.scheme.as_ref().map(|scheme| scheme.id()))
            .finish_non_exhaustive()
    }
}

impl VerifierBuilder {
    /// Adds a secret, labelled `key-1`, `key-2` … in order. Every secret that is added can verify: to rotate, add the new
    /// one and remove the old one when the provider has stopped to use it.
    pub fn secret(mut self, secret: impl IntoSecret) -> Self {
        let label = format!("key-{}", self.keys.len() + 1);
        self.keys.push(secret.into_secret().map(|secret| Key::new(label, secret)));
        self
    }

    /// Adds a secret with a label or a time of validity of its own.
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(Ok(key));
        self
    }

    /// Takes another tolerance for the signed timestamp, to both sides, instead of the provider's own.
    pub fn tolerance(self, window: Duration) -> Self {
        self.tolerance_of(Tolerance::symmetric(window))
    }

    /// Takes a tolerance that is not the same to both sides.
    pub fn tolerance_of(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// The URL that was given to the provider, for the schemes that sign it. See [`PublicUrl`].
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Makes the keys ready.
    ///
    /// # Errors
    ///
    /// If there is no secret, one of them is unusable, two have the same label; if the scheme needs a public URL, or signs no
    /// time and a tolerance was given.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let scheme = self.scheme?;
        if self.keys.is_empty() {
            return Err(ConfigError::NoSecret);
        }
        let mut keys: Vec<ReadyKey> = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            let key = key.and_then(|key| ReadyKey::new(&key, &scheme)).map_err(ConfigError::Secret)?;
            if keys.iter().any(|other| other.label == key.label) {
                return Err(ConfigError::SameLabel { label: key.label.to_string() });
            }
            keys.push(key);
        }
        if keys.len() > MAX_KEYS {
            return Err(ConfigError::TooManySecrets);
        }
        let public_url =
            self.public_url.map(|url| PublicUrl::parse(&url)).transpose().map_err(ConfigError::PublicUrl)?;
        if scheme.needs_public_url() && public_url.is_none() {
            return Err(ConfigError::NoPublicUrl { scheme: scheme.id().to_owned() });
        }
        if self.tolerance.is_some() && scheme.tolerance().is_none() {
            return Err(ConfigError::NoTimestamp { scheme: scheme.id().to_owned() });
        }
        let tolerance = self.tolerance.or(scheme.tolerance());
        let body = scheme.signature.parts.iter().position(|part| *part == Part::Body);
        let layout = Layout {
            before: body.unwrap_or(scheme.signature.parts.len()),
            body: body.is_some(),
            needs_whole_body: scheme.needs_whole_body(),
            reads_time_after_signature: scheme.reads_time_after_signature(),
            has_id: scheme.delivery_id.is_some() || scheme.signature.carries_id,
        };
        let places = Places::of(&scheme);
        let inner = Inner { scheme, places, keys, tolerance, public_url, layout };
        Ok(Verifier { inner: Arc::new(inner) })
    }
}

/// The most keys that one endpoint may have: each costs one MAC per delivery.
pub const MAX_KEYS: usize = 16;

/// Why a verifier or signer could not be made: a mistake of the receiver, found at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The scheme signs the URL, so it must be told the public one.
    NoPublicUrl {
        /// The scheme.
        scheme: String,
    },
    /// A tolerance was given for a scheme that signs no time, so that it would do nothing.
    NoTimestamp {
        /// The scheme.
        scheme: String,
    },
    /// There is no secret: nothing could ever be verified.
    NoSecret,
    /// The public URL is none.
    PublicUrl(PublicUrlError),
    /// Two keys have one label, so that logs could not tell them apart.
    SameLabel {
        /// The label.
        label: String,
    },
    /// The scheme file is wrong.
    Scheme(SchemeError),
    /// A secret is unusable.
    Secret(SecretError),
    /// More than [`MAX_KEYS`] secrets.
    TooManySecrets,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPublicUrl { scheme } => {
                write!(f, "`{scheme}` signs the URL: tell the public one, as it was given to the provider")
            }
            Self::NoTimestamp { scheme } => {
                write!(f, "`{scheme}` signs no time, so a tolerance would do nothing: leave it out")
            }
            Self::NoSecret => f.write_str("there is no secret: add the one from the provider's page"),
            Self::PublicUrl(error) => error.fmt(f),
            Self::SameLabel { label } => write!(f, "two keys have the label `{label}`: give each its own"),
            Self::Scheme(error) => write!(f, "the scheme file is wrong: {error}"),
            Self::Secret(error) => error.fmt(f),
            Self::TooManySecrets => write!(f, "more than {MAX_KEYS} secrets: remove those that no longer sign"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<SecretError> for ConfigError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

impl From<SchemeError> for ConfigError {
    fn from(error: SchemeError) -> Self {
        Self::Scheme(error)
    }
}

/// What names a scheme: a [`Provider`] of the catalogue or a [`Scheme`].
pub trait IntoScheme {
    /// The scheme.
    ///
    /// # Errors
    ///
    /// If its file is wrong; those of the catalogue are not.
    fn into_scheme(self) -> Result<Scheme, SchemeError>;
}

impl IntoScheme for Scheme {
    fn into_scheme(self) -> Result<Scheme, SchemeError> {
        Ok(self)
    }
}

impl IntoScheme for &Scheme {
    fn into_scheme(self) -> Result<Scheme, SchemeError> {
        Ok(self.clone())
    }
}

impl IntoScheme for Provider {
    fn into_scheme(self) -> Result<Scheme, SchemeError> {
        self.scheme()
    }
}

/// What can be a secret: a [`Secret`], or the text of one.
pub trait IntoSecret {
    /// The secret.
    ///
    /// # Errors
    ///
    /// If the text cannot be one.
    fn into_secret(self) -> Result<Secret, SecretError>;
}

impl IntoSecret for Secret {
    fn into_secret(self) -> Result<Secret, SecretError> {
        Ok(self)
    }
}

impl IntoSecret for String {
    fn into_secret(self) -> Result<Secret, SecretError> {
        Secret::new(self)
    }
}

impl IntoSecret for &str {
    fn into_secret(self) -> Result<Secret, SecretError> {
        Secret::new(self)
    }
}
