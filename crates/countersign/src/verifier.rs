//! The verifier: everything an endpoint needs to judge a delivery.

use std::{fmt, sync::Arc};

use crate::{
    algorithm::{Digest, Tag},
    builder::VerifierBuilder,
    config::{ConfigError, IntoScheme, IntoSecret},
    content::{Content, malformed_value, sorted_form},
    evidence::{Examined, Places, Tags, delivery_id, timestamp},
    head::{Head, look_up},
    key::{Material, ReadyKey},
    pending::Pending,
    public_url::PublicUrl,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Part, Scheme, UrlForm},
    search::{Maker, Search},
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
    pub(crate) needs_whole_body: bool,
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
        VerifierBuilder::new(scheme)
    }

    /// A verifier of parts that [`VerifierBuilder::build`] held against each other.
    pub(crate) fn assemble(
        scheme: Scheme,
        keys: Vec<ReadyKey>,
        tolerance: Option<Tolerance>,
        public_url: Option<PublicUrl>,
    ) -> Self {
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
        Self { inner: Arc::new(inner) }
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
            let (maker, mut examined) = self.judge_whole(head, body.as_ref(), now)?;
            return Ok(Verified::new(self, head, maker, &mut examined, body));
        }
        let mut examined = Examined::default();
        self.examine(head, now, None, &mut examined)?;
        let maker = self.judge_body(head, &examined, body.as_ref(), now)?;
        Ok(Verified::new(self, head, maker, &mut examined, body))
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
        examined.tags.decode(scheme, places)?;
        if inner.layout.has_id {
            examined.id = Some(delivery_id(scheme.delivery_id.as_ref(), places, head, &examined.tags, body)?);
        }
        Ok(())
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
    ) -> Result<(Maker, Examined<'r>), Rejection> {
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
        let maker = self.judge_body(head, &examined, body, now)?;
        if self.inner.layout.reads_time_after_signature {
            let mut timely = Examined { tags: examined.tags.clone(), ..Examined::default() };
            self.read_time(head, now, Some(body), &mut timely)?;
            examined.time = timely.time.into_owned();
        }
        Ok((maker, examined))
    }

    fn judge_body(
        &self,
        head: Head<'_>,
        examined: &Examined<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Maker, Rejection> {
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
    ) -> Result<Maker, Rejection> {
        let scheme = &self.inner.scheme;
        let mut search = Search::default();
        for (at, key) in self.valid_keys(now) {
            if let Material::Token(expected) = &key.material {
                search.compare(Maker { key: at, form: UrlForm::AsIs }, expected, scheme, tags);
            }
            let Some((start, secret)) = key.material.start() else { continue };
            if let (Material::Plain(..), Algorithm::Hash(digest)) = (&key.material, scheme.signature.algorithm) {
                refuse_extension(content, digest, secret, body)?;
            }
            for form in self.url_forms() {
                let parts = &scheme.signature.parts;
                let tag = start.tag(|write| content.write(parts, *form, secret, Some(body), write))?;
                search.compare(Maker { key: at, form: *form }, &tag, scheme, tags);
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
