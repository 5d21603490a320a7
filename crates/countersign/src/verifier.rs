//! The verifier: everything an endpoint needs to judge a delivery.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::{
    algorithm::{Digest, Tag, texts_are_equal},
    builder::VerifierBuilder,
    config::{ConfigError, IntoScheme, IntoSecret},
    content::{Content, Settings, SortedParameters, Writing, malformed_value},
    decoded::decoded,
    encoding::Encoding,
    evidence::{Examined, Places, Tags, delivery_id, timestamp},
    head::{Head, look_up},
    http_signature::{self, HttpSignature},
    jwt,
    key::{Material, ReadyKey},
    ordinary::{Ordinarily, Ordinary},
    pending::Pending,
    public_key::{EcdsaForm, PublicKey, PublicKeyAlgorithm},
    public_url::PublicUrl,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Check, Choice, Equals, KeyPlace, Part, Scheme, Source, UrlForm},
    search::{Maker, Search},
    timestamp::{Timestamp, Tolerance},
    unkeyed::named_url,
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
    setup: Setup,
    places: Places,
    layout: Layout,
    ordinary: Option<Ordinary>,
}

/// What [`VerifierBuilder::build`] held against each other.
pub(crate) struct Setup {
    pub(crate) scheme: Scheme,
    pub(crate) keys: Vec<ReadyKey>,
    pub(crate) tolerance: Option<Tolerance>,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) settings: Settings,
    /// Whether the provider may send the secret in a handshake.
    pub(crate) awaits_secret: bool,
    /// Whether algorithms that are broken for other uses are borne.
    pub(crate) allows_legacy: bool,
}

impl std::ops::Deref for Inner {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
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
    /// Whether a keyed hash over what the head was examined for and the body is all that decides, as for most schemes.
    pub(crate) is_plain: bool,
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

    pub(crate) fn assemble(setup: Setup) -> Self {
        let scheme = &setup.scheme;
        let body = scheme.signature.parts.iter().position(|part| *part == Part::Body);
        let needs_whole_body = scheme.needs_whole_body();
        let layout = Layout {
            before: body.unwrap_or(scheme.signature.parts.len()),
            body: body.is_some(),
            needs_whole_body,
            reads_time_after_signature: scheme.reads_time_after_signature(),
            has_id: scheme.delivery_id.is_some() || scheme.signature.carries_id,
            is_plain: matches!(scheme.signature.algorithm, Algorithm::Hmac(_))
                && !needs_whole_body
                && scheme.checks.is_empty()
                && scheme.key_source().is_none()
                && scheme.signature.parts.iter().all(Part::is_certain),
        };
        let places = Places::of(scheme, &setup.settings);
        let ordinary = Ordinary::of(scheme);
        Self { inner: Arc::new(Inner { setup, places, layout, ordinary }) }
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
        let mut ordinary = Ordinarily::default();
        if self.inner.layout.is_plain && self.examine_ordinary(head, now, &mut ordinary)? {
            let maker = self.judge_ordinary(head, &ordinary, body.as_ref(), now)?;
            return Ok(Verified::ordinary(self, head, maker, &ordinary, body));
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

    pub(crate) fn awaits_secret(&self) -> bool {
        self.inner.awaits_secret
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn places(&self) -> &Places {
        &self.inner.places
    }

    pub(crate) fn allows_legacy(&self) -> bool {
        self.inner.allows_legacy
    }

    /// What it was made of, without its keys.
    pub(crate) fn setup(&self) -> Setup {
        let Setup { scheme, tolerance, public_url, settings, allows_legacy, .. } = &self.inner.setup;
        Setup {
            scheme: scheme.clone(),
            keys: Vec::new(),
            tolerance: *tolerance,
            public_url: public_url.clone(),
            settings: settings.clone(),
            awaits_secret: self.inner.awaits_secret,
            allows_legacy: *allows_legacy,
        }
    }

    pub(crate) fn public_url(&self) -> Option<&PublicUrl> {
        self.inner.public_url.as_ref()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    /// Every check that needs no body, if the request is [ordinary](Ordinary): no more than its method is checked if not.
    #[inline]
    pub(crate) fn examine_ordinary<'r>(
        &self,
        head: Head<'r>,
        now: Timestamp,
        examined: &mut Ordinarily<'r>,
    ) -> Result<bool, Rejection> {
        self.check_method(head)?;
        let Inner { setup, places, ordinary, .. } = &*self.inner;
        match ordinary {
            Some(ordinary) => ordinary.examine(places, setup.tolerance, head, now, examined),
            None => Ok(false),
        }
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
        let mut ordinary = Ordinarily::default();
        if self.examine_ordinary(head, now, &mut ordinary)? {
            examined.take(&ordinary);
            return Ok(());
        }
        if matches!(scheme.signature.algorithm, Algorithm::HttpSignature) {
            let signature = HttpSignature::read(head, &scheme.http, &inner.settings, inner.tolerance, now)?;
            examined.time.at = signature.created();
            examined.tags = Tags::of_http(signature);
            return Ok(());
        }
        examined.tags.find(scheme, places, head, body)?;
        if !inner.layout.reads_time_after_signature {
            self.read_time(head, now, body, examined)?;
        }
        examined.tags.decode(scheme, places)?;
        if matches!(scheme.signature.algorithm, Algorithm::Jwt | Algorithm::DetachedJws) {
            self.read_token(now, examined)?;
        }
        if inner.layout.has_id {
            let source = scheme.delivery_id.as_ref();
            examined.id = Some(if matches!(source, Some(Source::Claim(_))) {
                let head = head.with_claims(&examined.claims);
                let id = delivery_id(source, places, head, &examined.tags, body)?;
                Cow::Owned(id.into_owned())
            } else {
                delivery_id(source, places, head, &examined.tags, body)?
            });
        }
        Ok(())
    }

    fn read_token(&self, now: Timestamp, examined: &mut Examined<'_>) -> Result<(), Rejection> {
        let inner = &*self.inner;
        let (rule, place, token) = (&inner.scheme.jwt, &inner.places.signature, examined.tags.token());
        if matches!(inner.scheme.signature.algorithm, Algorithm::DetachedJws) {
            return jwt::check_detached(token, rule, place);
        }
        let token = jwt::read(token, rule, inner.tolerance, place, now)?;
        examined.time.at = token.issued;
        examined.claims = token.claims;
        Ok(())
    }

    /// Reads the signed timestamp, if the scheme has one, and holds it against the clock.
    #[inline]
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

    #[inline]
    pub(crate) fn check_method(&self, head: Head<'_>) -> Result<(), Rejection> {
        let scheme = &self.inner.scheme;
        let is_asked = || scheme.handshakes.iter().any(|rule| rule.signed && rule.method == *head.method);
        if scheme.methods.contains(head.method) || (head.is_question && is_asked()) {
            Ok(())
        } else {
            Err(Rejection::Method)
        }
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
            head: head.with_claims(&examined.claims),
            public_url: self.inner.public_url.as_ref(),
            settings: &self.inner.settings,
            timestamp: &examined.time.text,
            id: examined.id.as_deref().unwrap_or_default(),
            sorted: SortedParameters::NONE,
        }
    }

    #[inline]
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
        if !self.inner.scheme.signs_decoded_body() {
            return self.judge_decoded(head, body, now);
        }
        let body = decoded(head, body)?;
        let (maker, mut examined) = self.judge_decoded(head, &body, now)?;
        if let Cow::Owned(body) = body {
            examined.decoded = Some(body.into());
        }
        Ok((maker, examined))
    }

    fn judge_decoded<'r>(
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

    /// The verdict on an ordinary request of a [plain](Layout::is_plain) scheme.
    #[inline]
    pub(crate) fn judge_ordinary(
        &self,
        head: Head<'_>,
        ordinary: &Ordinarily<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Maker, Rejection> {
        let content = Content {
            scheme: &self.inner.scheme,
            head,
            public_url: self.inner.public_url.as_ref(),
            settings: &self.inner.settings,
            timestamp: ordinary.time.map_or(b"", |(text, _)| text),
            id: ordinary.id.unwrap_or_default(),
            sorted: SortedParameters::NONE,
        };
        self.obey_guards(&content, Some(body), body.first().copied())?;
        let parts = &self.inner.scheme.signature.parts;
        let mut search = Search::default();
        for (at, key) in self.valid_keys(now) {
            if let Material::Keyed(start) = &key.material {
                for form in self.url_forms() {
                    let with = Writing { form: *form, secret: &[], body: Some(body) };
                    let tag = content.tag(start, parts, with)?;
                    search.compare_only(Maker { key: at, form: *form }, &tag, &ordinary.tag);
                }
            }
        }
        search.verdict()
    }

    fn judge_body(
        &self,
        head: Head<'_>,
        examined: &Examined<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Maker, Rejection> {
        let sorted = SortedParameters::of(&self.inner.scheme, head, body)?;
        let content = Content { sorted: &sorted, ..self.content(head, examined) };
        self.obey_guards(&content, Some(body), body.first().copied())?;
        // A key that was pasted proves nothing for a request that names one from elsewhere.
        if let Some(KeyPlace::Named { source, hosts, path }) = self.inner.scheme.key_source().map(|keys| &keys.place) {
            named_url(source, hosts, path, head, Some(body))?;
        }
        self.refuse_answers(&content, body)?;
        // What a token claims is worth a look when its signature is proven; anything else is cheaper than the signature.
        let is_token = matches!(self.inner.scheme.signature.algorithm, Algorithm::Jwt);
        if !is_token {
            self.check_whole(&content, body)?;
        }
        if examined.tags.http().is_some_and(HttpSignature::covers_content_digest) {
            http_signature::check_body(head, body)?;
        }
        let key = self.judge(&content, &examined.tags, body, now)?;
        if is_token {
            self.check_whole(&content, body)?;
        }
        Ok(key)
    }

    fn check_whole(&self, content: &Content<'_>, body: &[u8]) -> Result<(), Rejection> {
        let digests = self.inner.scheme.checks.iter().filter_map(Check::body_digest);
        self.run_checks(content, Some(body), body.is_empty(), digests.map(|digest| digest.of(body)))
    }

    /// Holds the values that a request must have against those that it has. `hashes` are those of the body, one for each
    /// check that takes one, in order.
    pub(crate) fn run_checks(
        &self,
        content: &Content<'_>,
        body: Option<&[u8]>,
        body_is_empty: bool,
        mut hashes: impl Iterator<Item = Tag>,
    ) -> Result<(), Rejection> {
        for check in self.inner.scheme.checks.iter().filter(|check| !check.is_off(self.settings())) {
            let malformed = |problem| malformed_value(check.source.to_string(), problem);
            let told = look_up(&check.source, content.head, body).map_err(|unusable| malformed(unusable.into()))?;
            let hash = check.body_digest().and_then(|_| hashes.next());
            let told = match told {
                Some(told) => told,
                None if check.optional || (check.unless_empty && body_is_empty) => continue,
                None => return Err(malformed(Problem::Missing)),
            };
            match (&check.equals, hash) {
                (Equals::BodyHash(digest, encodings), Some(hash)) => {
                    let mut told_hash = Tag::default();
                    let decodes = |encoding: &Encoding| told_hash.decode(*encoding, &told, digest.len()).is_some();
                    if !encodings.iter().any(decodes) {
                        return Err(malformed(Problem::Encoding));
                    }
                    if !bool::from(hash.equals(&told_hash)) {
                        return Err(Rejection::BodyHash { place: Arc::from(check.source.to_string()) });
                    }
                }
                (Equals::Text(texts), _) => self.check_text(content, check, texts, &told)?,
                // A check of the body's hash is always given one.
                (Equals::BodyHash(..), None) => return Err(Rejection::BodyHash { place: Arc::from("the body") }),
            }
        }
        Ok(())
    }

    fn check_text(
        &self,
        content: &Content<'_>,
        check: &Check,
        texts: &[Vec<Part>],
        told: &[u8],
    ) -> Result<(), Rejection> {
        for text in texts {
            for form in self.url_forms() {
                let expected = content.to_vec(text, Writing { form: *form, secret: &[], body: None })?;
                if texts_are_equal(&expected, told) {
                    return Ok(());
                }
            }
        }
        if check.names_key {
            return Err(Rejection::UnknownKey);
        }
        Err(Rejection::UnexpectedValue { place: Arc::from(check.source.to_string()) })
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
        let parts = &scheme.signature.parts;
        let mut search = Search::default();
        if let Some(signature) = tags.http() {
            let base = signature.base(content)?;
            for (at, key) in self.valid_keys(now) {
                search.add(Maker { key: at, form: UrlForm::AsIs }, signature.is_by(&key.material, &base, &scheme.http));
            }
            return search.verdict();
        }
        for (at, key) in self.valid_keys(now) {
            match &key.material {
                Material::Token(expected) => {
                    search.compare(Maker { key: at, form: UrlForm::AsIs }, expected, scheme, tags);
                }
                Material::Keyed(start) => {
                    for form in self.url_forms() {
                        let with = Writing { form: *form, secret: &[], body: Some(body) };
                        let tag = content.tag(start, parts, with)?;
                        search.compare(Maker { key: at, form: *form }, &tag, scheme, tags);
                        if !scheme.signature.optional_end.is_empty() {
                            let mut mac = start.clone();
                            content.write(parts, with, &mut |piece| mac.update(piece))?;
                            mac.update(&scheme.signature.optional_end);
                            search.compare(Maker { key: at, form: *form }, &mac.finish(), scheme, tags);
                        }
                    }
                }
                Material::Plain(start, secret) => {
                    if let Algorithm::Hash(digest) = scheme.signature.algorithm {
                        refuse_extension(content, digest, secret, body)?;
                    }
                    for form in self.url_forms() {
                        let with = Writing { form: *form, secret, body: Some(body) };
                        let tag = content.tag(start, parts, with)?;
                        search.compare(Maker { key: at, form: *form }, &tag, scheme, tags);
                    }
                }
                material @ (Material::Public(_) | Material::TokenSecret(_)) => {
                    search.add_form(at, self.signed_form(content, tags, body, material)?);
                }
            }
        }
        let key = search.verdict()?;
        if matches!(scheme.signature.algorithm, Algorithm::Jwt) {
            jwt::check_parties(&scheme.jwt, content)?;
        }
        Ok(key)
    }

    /// The form of the URL for which a public key, or the secret of a token, proves one of the signatures.
    fn signed_form(
        &self,
        content: &Content<'_>,
        tags: &Tags<'_>,
        body: &[u8],
        material: &Material,
    ) -> Result<Option<UrlForm>, Rejection> {
        let scheme = &self.inner.scheme;
        if matches!(scheme.signature.algorithm, Algorithm::Jwt) {
            return Ok(jwt::is_signed(tags.token(), &scheme.jwt, material).then_some(UrlForm::AsIs));
        }
        for form in self.url_forms() {
            let with = Writing { form: *form, secret: &[], body: Some(body) };
            let signed = content.to_vec(&scheme.signature.parts, with)?;
            let found = match (&scheme.signature.algorithm, material) {
                (Algorithm::DetachedJws, material) => {
                    jwt::is_detached_signed(tags.token(), &signed, &scheme.jwt, material)
                }
                (Algorithm::PublicKey(choice), Material::Public(key)) => {
                    let algorithm = self.choose(choice, content, body)?;
                    is_signed_by(key, algorithm, &scheme.signature.prehashed(signed), tags, scheme)
                }
                _ => false,
            };
            if found {
                return Ok(Some(*form));
            }
        }
        Ok(None)
    }

    /// The algorithm, which the request may name among those of the scheme.
    fn choose(&self, choice: &Choice, content: &Content<'_>, body: &[u8]) -> Result<PublicKeyAlgorithm, Rejection> {
        let (source, named) = match choice {
            Choice::One(algorithm) => return Ok(*algorithm),
            Choice::Named(source, named) => (source, named),
        };
        let malformed =
            || Rejection::MalformedSignature { place: Arc::from(source.to_string()), problem: Problem::UnknownVersion };
        let word = content.value(source, Some(body)).map_err(|_| malformed())?;
        let found = named.iter().find(|(name, _)| name.as_bytes() == &*word).map(|(_, algorithm)| *algorithm);
        let allowed = found.filter(|algorithm| !algorithm.is_legacy() || self.inner.allows_legacy);
        allowed.ok_or_else(malformed)
    }
}

/// Whether the key proves one of the signatures.
fn is_signed_by(
    key: &PublicKey,
    algorithm: PublicKeyAlgorithm,
    signed: &[u8],
    tags: &Tags<'_>,
    scheme: &Scheme,
) -> bool {
    let mut found = false;
    tags.each_signature(scheme, |signature| found |= key.verify(algorithm, EcdsaForm::Der, signed, signature));
    found
}

/// Refuses a body that shows the traces of a length extension, which a plain hash does not withstand.
fn refuse_extension(content: &Content<'_>, digest: Digest, secret: &[u8], body: &[u8]) -> Result<(), Rejection> {
    let parts = &content.scheme.signature.parts;
    let before = parts.iter().position(|part| *part == Part::Body).unwrap_or(parts.len());
    let mut length = 0;
    let with = Writing { form: UrlForm::AsIs, secret, body: Some(body) };
    content.write(&parts[..before], with, &mut |piece| length += piece.len())?;
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
