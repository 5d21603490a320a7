//! The verifier of an endpoint, and its entry points for whole and arriving requests.

mod checks;
mod examine;
mod judge;
mod layout;
mod whole;

use std::{fmt, sync::Arc};

use self::layout::Layout;
use crate::{
    builder::VerifierBuilder,
    config::{ConfigError, IntoScheme, IntoSecret},
    content::{Content, Settings, SortedParameters},
    evidence::{Examined, Places},
    head::Head,
    key::ReadyKey,
    ordinary::{Ordinary, OrdinaryEvidence},
    pending::Pending,
    public_url::PublicUrl,
    rejection::Rejection,
    scheme::{Scheme, UrlForm},
    timestamp::{Timestamp, Tolerance},
    verified::Verified,
};

/// Judges the deliveries of one endpoint: a scheme, its keys, a tolerance and, where the scheme signs it, the public URL.
///
/// Make one at start-up: that turns the secrets into keyed hash states. It is cheap to clone and to share.
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
    setup: VerifierSetup,
    places: Places,
    layout: Layout,
    ordinary: Option<Ordinary>,
}

/// The checked parts of a verifier, except its keys.
pub(crate) struct VerifierSetup {
    pub(crate) scheme: Scheme,
    pub(crate) keys: Vec<ReadyKey>,
    pub(crate) tolerance: Option<Tolerance>,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) settings: Settings,
    /// Whether the provider may send the secret in a handshake.
    pub(crate) awaits_secret: bool,
    /// Whether algorithms are allowed that are broken for other uses.
    pub(crate) allows_legacy: bool,
}

impl Verifier {
    /// A verifier with one secret and the provider's own tolerance. Most endpoints need no more.
    ///
    /// # Errors
    ///
    /// As [`VerifierBuilder::build`], above all if the secret is empty, a placeholder, or not what the scheme expects.
    /// A scheme that needs more than a secret (a public URL, a setting, `allow_legacy`) needs [`Verifier::builder`].
    pub fn new(scheme: impl IntoScheme, secret: impl IntoSecret) -> Result<Self, ConfigError> {
        Self::builder(scheme).secret(secret).build()
    }

    /// A verifier with several keys, another tolerance or a public URL.
    pub fn builder(scheme: impl IntoScheme) -> VerifierBuilder {
        VerifierBuilder::new(scheme)
    }

    pub(crate) fn assemble(setup: VerifierSetup) -> Self {
        let places = Places::of(&setup.scheme, &setup.settings);
        let layout = Layout::of(&setup.scheme);
        let ordinary = Ordinary::of(&setup.scheme);
        Self { inner: Arc::new(Inner { setup, places, layout, ordinary }) }
    }

    /// Judges a whole request. `now` is the time of its arrival, against which its timestamp is checked. If the scheme
    /// signs the decoded body, a body that decodes to more than 16 MiB is refused; [`collect`](Self::collect) takes a
    /// limit of yours.
    ///
    /// # Errors
    ///
    /// The reason for which the request is refused.
    pub fn verify<'r, B: AsRef<[u8]>>(
        &'r self,
        head: impl Into<Head<'r>>,
        body: B,
        now: impl Into<Timestamp>,
    ) -> Result<Verified<'r, B>, Rejection> {
        let (head, now) = (head.into(), now.into());
        self.check_keys(head, now)?;
        if self.inner.layout.needs_whole_body {
            let (maker, mut examined) = self.judge_whole(head, body.as_ref(), None, now)?;
            return Ok(Verified::new(self, head, maker, &mut examined, body));
        }
        let mut ordinary = OrdinaryEvidence::default();
        let is_ordinary = self.examine_ordinary(head, now, &mut ordinary)?;
        if is_ordinary && self.inner.layout.is_plain {
            let (maker, _) = self.judge_ordinary(head, &ordinary, body.as_ref(), None, now)?;
            return Ok(Verified::ordinary(self, head, maker, &ordinary, None, body));
        }
        let mut examined = Examined::default();
        if is_ordinary {
            examined.take(&ordinary);
        } else {
            self.examine_other(head, now, None, &mut examined)?;
        }
        let maker = self.judge_body(head, &examined, body.as_ref(), now)?;
        Ok(Verified::new(self, head, maker, &mut examined, body))
    }

    /// Judges the head of a request; the body follows as it arrives. Use it if you only need a verdict:
    /// [`collect`](Self::collect) also keeps the body, which the replay key is made of.
    ///
    /// It has no limit on the body, which matters if a scheme needs the whole of it; see [`Pending::update`].
    /// [`collect`](Self::collect) takes a limit.
    ///
    /// # Errors
    ///
    /// Every reason that the head alone gives, such as a stale timestamp or a wrong token.
    pub fn begin<'r>(&'r self, head: impl Into<Head<'r>>, now: impl Into<Timestamp>) -> Result<Pending<'r>, Rejection> {
        Pending::begin(self, head.into(), now.into())
    }

    /// The scheme that it verifies.
    pub fn scheme(&self) -> &Scheme {
        &self.inner.setup.scheme
    }

    /// The labels of its keys, in order.
    pub fn key_labels(&self) -> impl Iterator<Item = &str> {
        self.inner.setup.keys.iter().map(|key| &*key.label)
    }

    /// Whether any of its keys is valid at `now`. If none is, every delivery is refused.
    pub fn has_key_at(&self, now: impl Into<Timestamp>) -> bool {
        self.valid_keys(now.into()).next().is_some()
    }

    /// How far a signed timestamp may be from the clock; `None` if the scheme signs none.
    pub fn tolerance(&self) -> Option<Tolerance> {
        self.inner.setup.tolerance
    }

    pub(crate) fn key_label(&self, key: usize) -> &Arc<str> {
        &self.inner.setup.keys[key].label
    }

    pub(crate) fn awaits_secret(&self) -> bool {
        self.inner.setup.awaits_secret
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.setup.settings
    }

    pub(crate) fn places(&self) -> &Places {
        &self.inner.places
    }

    pub(crate) fn allows_legacy(&self) -> bool {
        self.inner.setup.allows_legacy
    }

    /// Its parts, except its keys.
    pub(crate) fn setup(&self) -> VerifierSetup {
        let VerifierSetup { scheme, tolerance, public_url, settings, allows_legacy, .. } = &self.inner.setup;
        VerifierSetup {
            scheme: scheme.clone(),
            keys: Vec::new(),
            tolerance: *tolerance,
            public_url: public_url.clone(),
            settings: settings.clone(),
            awaits_secret: self.inner.setup.awaits_secret,
            allows_legacy: *allows_legacy,
        }
    }

    pub(crate) fn public_url(&self) -> Option<&PublicUrl> {
        self.inner.setup.public_url.as_ref()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    pub(crate) fn content<'a>(&'a self, head: Head<'a>, examined: &'a Examined<'_>) -> Content<'a> {
        let id = examined.id.as_deref().unwrap_or_default();
        self.content_with(head.with_claims(&examined.claims), &examined.time.text, id)
    }

    #[inline]
    fn content_with<'a>(&'a self, head: Head<'a>, timestamp: &'a [u8], id: &'a [u8]) -> Content<'a> {
        Content {
            scheme: &self.inner.setup.scheme,
            head,
            public_url: self.inner.setup.public_url.as_ref(),
            settings: &self.inner.setup.settings,
            timestamp,
            id,
            sorted: SortedParameters::NONE,
        }
    }

    /// The keys that are valid now, with their indices.
    pub(crate) fn valid_keys(&self, now: Timestamp) -> impl Iterator<Item = (usize, &ReadyKey)> {
        self.inner.setup.keys.iter().enumerate().filter(move |(_, key)| key.is_valid_at(now))
    }

    /// The forms in which the URL may have been signed.
    pub(crate) fn url_forms(&self) -> &[UrlForm] {
        &self.inner.setup.scheme.url.forms
    }

    pub(crate) fn key(&self, at: usize) -> &ReadyKey {
        &self.inner.setup.keys[at]
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.inner.setup.scheme.id())
            .field("keys", &self.key_labels().collect::<Vec<_>>())
            .field("tolerance", &self.inner.setup.tolerance)
            .field("public_url", &self.inner.setup.public_url)
            .finish()
    }
}
