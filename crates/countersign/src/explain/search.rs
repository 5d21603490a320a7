//! `Search`: verifies variants of a refused request, within a limit of work.

use std::{
    cell::{Cell, OnceCell},
    time::Duration,
};

use zeroize::Zeroizing;

use super::{
    body::{self, BodyVariant},
    headers::{self, HeadVariant},
    mistake::Mistake,
    secrets,
    setup::Setup,
    url::{self, UrlVariant},
};
use crate::{
    builder::MAX_KEYS,
    head::Head,
    key::Key,
    scheme::{Algorithm, Scheme, SecretRule},
    secret::Secret,
    timestamp::Timestamp,
    verifier::Verifier,
};

/// A refused request, the set-up that refused it, and the remaining limit of work.
pub(super) struct Search<'r> {
    pub(super) setup: &'r Setup,
    /// The scheme, changed so that the bytes of a secret are the key.
    pub(super) scheme: Scheme,
    pub(super) head: Head<'r>,
    pub(super) body: &'r [u8],
    pub(super) now: Timestamp,
    /// The configured keys: of those secrets from which the scheme can make one.
    pub(super) keys: Vec<Candidate>,
    bodies: OnceCell<Vec<BodyVariant>>,
    heads: OnceCell<Vec<HeadVariant>>,
    urls: OnceCell<Vec<UrlVariant>>,
    secrets: OnceCell<Vec<Candidate>>,
    /// The remaining work, in bytes.
    work: Cell<u64>,
    /// The work that the current trials must leave, in bytes.
    reserve: Cell<u64>,
    /// Whether the current trials are of two mistakes at once.
    in_pairs: Cell<bool>,
    untried: Cell<Option<Untried>>,
}

/// The mistakes that were left untried; a later one takes precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Untried {
    /// Those that exceed the limit of work.
    Work,
    /// Those of a body that is too large.
    Body,
    /// Those of too many headers.
    Headers,
    /// Those of a URL that is too long.
    Url,
}

impl Untried {
    /// What that means if no cause was found.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Work => "trying every mistake would be too much work; those that were tried do not explain it",
            Self::Body => "the body is too large to try every mistake; the others do not explain it",
            Self::Headers => "there are too many headers to try their mistakes; nothing else explains it",
            Self::Url => "the URL is too long to try its mistakes; nothing else explains it",
        }
    }
}

/// Bytes that may be the key, and the mistakes by which the configured secret differs from them.
pub(super) struct Candidate {
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) mistakes: Vec<Mistake>,
}

/// One variant of the request and the set-up.
#[derive(Clone, Copy)]
pub(super) struct Trial<'t> {
    pub(super) scheme: &'t Scheme,
    pub(super) public_url: Option<&'t str>,
    pub(super) keys: &'t [Candidate],
    pub(super) head: Head<'t>,
    pub(super) body: &'t [u8],
}

/// The candidate that made the signature, and the signed time.
pub(super) struct Found<'t> {
    pub(super) candidate: &'t Candidate,
    pub(super) at: Option<Timestamp>,
}

impl<'r> Search<'r> {
    pub(super) fn new(setup: &'r Setup, head: Head<'r>, body: &'r [u8], now: Timestamp) -> Self {
        Self {
            setup,
            scheme: verbatim(&setup.scheme),
            head,
            body,
            now,
            keys: secrets::as_configured(&setup.secrets, &setup.scheme),
            bodies: OnceCell::new(),
            heads: OnceCell::new(),
            urls: OnceCell::new(),
            secrets: OnceCell::new(),
            work: Cell::new(WORK),
            reserve: Cell::new(0),
            in_pairs: Cell::new(false),
            untried: Cell::new(None),
        }
    }

    /// The request and the set-up without changes.
    pub(super) fn as_it_is(&self) -> Trial<'_> {
        Trial {
            scheme: &self.scheme,
            public_url: self.setup.public_url.as_deref(),
            keys: &self.keys,
            head: self.head,
            body: self.body,
        }
    }

    /// Verifies a variant, whatever the age of its timestamp.
    pub(super) fn attempt<'t>(&self, trial: Trial<'t>) -> Option<Found<'t>> {
        let overhead = if has_secret_bytes(trial.scheme) { OVERHEAD } else { OVERHEAD_OF_PUBLIC_KEYS };
        // Other algorithms cannot make a key of every text, and one invalid key must not prevent the others from being
        // tried.
        let any_is_a_key =
            matches!(trial.scheme.signature.algorithm, Algorithm::Hmac(_) | Algorithm::Hash(_) | Algorithm::Token);
        let together = if any_is_a_key { MAX_KEYS } else { 1 };
        trial.keys.chunks(together).find_map(|keys| {
            let work = (trial.body.len() as u64 + overhead) * keys.len() as u64;
            let Some(left) = self.work.get().checked_sub(work).filter(|left| *left >= self.reserve.get()) else {
                // There are too many pairs to try all of them, so an untried pair is not worth reporting.
                if !self.in_pairs.get() {
                    self.note_untried(Untried::Work);
                }
                return None;
            };
            self.work.set(left);
            let verifier = verifier(self.setup, trial, keys)?;
            let verified = verifier.verify(trial.head, trial.body, self.now).ok()?;
            let candidate = keys.get(verified.key_label().parse::<usize>().ok()?)?;
            Some(Found { candidate, at: verified.timestamp() })
        })
    }

    /// Makes trials that may use at most half of the remaining work.
    pub(super) fn with_half<T>(&self, trials: impl FnOnce() -> T) -> T {
        self.reserve.set(self.work.get() / 2);
        let result = trials();
        self.reserve.set(0);
        result
    }

    /// Makes trials of two mistakes at once.
    pub(super) fn in_pairs<T>(&self, trials: impl FnOnce() -> T) -> T {
        self.in_pairs.set(true);
        trials()
    }

    /// What was left untried, apart from pairs; only the last kind of several.
    pub(super) fn untried(&self) -> Option<Untried> {
        self.untried.get()
    }

    pub(super) fn note_untried(&self, untried: Untried) {
        self.untried.set(self.untried.get().max(Some(untried)));
    }

    pub(super) fn bodies(&self) -> &[BodyVariant] {
        self.bodies.get_or_init(|| body::variants(self))
    }

    pub(super) fn heads(&self) -> &[HeadVariant] {
        self.heads.get_or_init(|| headers::variants(self, &self.scheme))
    }

    pub(super) fn urls(&self) -> &[UrlVariant] {
        self.urls.get_or_init(|| url::variants(self))
    }

    pub(super) fn secrets(&self) -> &[Candidate] {
        self.secrets.get_or_init(|| secrets::candidates(self))
    }
}

/// The scheme with its keys as secrets, if its keys are bytes.
pub(super) fn verbatim(scheme: &Scheme) -> Scheme {
    if has_secret_bytes(scheme) {
        scheme.altered(|description| description.secret = SecretRule::default())
    } else {
        scheme.clone()
    }
}

/// Whether the key is made from the secret's bytes alone, so that other bytes can be tried.
pub(super) fn has_secret_bytes(scheme: &Scheme) -> bool {
    use Algorithm::{Basic, Hash, Hmac, Token};
    matches!(scheme.signature.algorithm, Hmac(_) | Hash(_) | Token | Basic)
}

fn verifier(setup: &Setup, trial: Trial<'_>, keys: &[Candidate]) -> Option<Verifier> {
    let mut builder = Verifier::builder(trial.scheme);
    for (at, candidate) in keys.iter().enumerate() {
        builder = builder.key(Key::new(at.to_string(), Secret::guess(&candidate.key)));
    }
    if let Some(url) = trial.public_url {
        builder = builder.public_url(url);
    }
    if trial.scheme.tolerance().is_some() {
        builder = builder.tolerance(Duration::MAX);
    }
    // Another provider's scheme has other settings. It is verified without settings, or not at all.
    let builder = if trial.scheme.id() == setup.scheme().id() { setup.complete(builder) } else { builder };
    builder.build().ok()
}

/// The limit of work, in bytes of bodies, each under one key. A body is hashed once for each form in which the scheme
/// allows it to be signed.
const WORK: u64 = 32 << 20;

/// The work of an attempt in addition to its body, in bytes: the set-up of the key, and the parts before the body.
const OVERHEAD: u64 = 512;

/// The same for a public key, whose reading and computation take as long as hashing this many bytes.
const OVERHEAD_OF_PUBLIC_KEYS: u64 = 32 << 10;
