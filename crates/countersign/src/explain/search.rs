//! Tries what may have been meant, under a limit.

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

/// A refused request, the set-up that refused it, and what is left of the work that may be spent on it.
pub(super) struct Search<'r> {
    pub(super) setup: &'r Setup,
    /// The scheme, made so that the bytes of a secret are the key.
    pub(super) scheme: Scheme,
    pub(super) head: Head<'r>,
    pub(super) body: &'r [u8],
    pub(super) now: Timestamp,
    /// The keys as they are configured, as far as the scheme can make any of the secrets.
    pub(super) keys: Vec<Candidate>,
    bodies: OnceCell<Vec<BodyVariant>>,
    heads: OnceCell<Vec<HeadVariant>>,
    urls: OnceCell<Vec<UrlVariant>>,
    secrets: OnceCell<Vec<Candidate>>,
    left: Cell<u64>,
    reserve: Cell<u64>,
    in_pairs: Cell<bool>,
    untried: Cell<Option<Untried>>,
}

/// What was left untried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Untried {
    /// What takes more work than may be spent.
    Work,
    /// Those of a body that is too large.
    Body,
    /// Those of headers that are too many.
    Headers,
    /// Those of a URL that is too long.
    Url,
}

impl Untried {
    /// What that means where no cause was found.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Work => "trying every mistake would be too much work; those that were tried do not explain it",
            Self::Body => "the body is too large to try every mistake; the others do not explain it",
            Self::Headers => "there are too many headers to try their mistakes; nothing else explains it",
            Self::Url => "the URL is too long to try its mistakes; nothing else explains it",
        }
    }
}

/// Bytes that may be the key, and the mistakes by which they came to be other than configured.
pub(super) struct Candidate {
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) mistakes: Vec<Mistake>,
}

/// What may have been meant.
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
            left: Cell::new(WORK),
            reserve: Cell::new(0),
            in_pairs: Cell::new(false),
            untried: Cell::new(None),
        }
    }

    /// What is configured and came.
    pub(super) fn as_it_is(&self) -> Trial<'_> {
        Trial {
            scheme: &self.scheme,
            public_url: self.setup.public_url.as_deref(),
            keys: &self.keys,
            head: self.head,
            body: self.body,
        }
    }

    /// Whether the signature is right for what may have been meant, be it ever so old.
    pub(super) fn attempt<'t>(&self, trial: Trial<'t>) -> Option<Found<'t>> {
        let overhead = if has_secret_bytes(trial.scheme) { OVERHEAD } else { OVERHEAD_OF_PUBLIC_KEYS };
        // Not every text is a key or `user:password`, and one that is none must not keep the others from being tried.
        let any_is_a_key =
            matches!(trial.scheme.signature.algorithm, Algorithm::Hmac(_) | Algorithm::Hash(_) | Algorithm::Token);
        let together = if any_is_a_key { MAX_KEYS } else { 1 };
        trial.keys.chunks(together).find_map(|keys| {
            let work = (trial.body.len() as u64 + overhead) * keys.len() as u64;
            let Some(left) = self.left.get().checked_sub(work).filter(|left| *left >= self.reserve.get()) else {
                // There are too many pairs to try all of them, so that a missing one says nothing.
                if !self.in_pairs.get() {
                    self.leave(Untried::Work);
                }
                return None;
            };
            self.left.set(left);
            let verifier = verifier(self.setup, trial, keys)?;
            let verified = verifier.verify(trial.head, trial.body, self.now).ok()?;
            let candidate = keys.get(verified.key_label().parse::<usize>().ok()?)?;
            Some(Found { candidate, at: verified.timestamp() })
        })
    }

    /// Makes trials that may spend no more than half of the work that is left.
    pub(super) fn with_half<T>(&self, trials: impl FnOnce() -> T) -> T {
        self.reserve.set(self.left.get() / 2);
        let result = trials();
        self.reserve.set(0);
        result
    }

    /// Makes trials of two mistakes at once.
    pub(super) fn in_pairs<T>(&self, trials: impl FnOnce() -> T) -> T {
        self.in_pairs.set(true);
        trials()
    }

    /// What was left untried, pairs apart; of several things one.
    pub(super) fn untried(&self) -> Option<Untried> {
        self.untried.get()
    }

    pub(super) fn leave(&self, untried: Untried) {
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

/// The scheme with keys for secrets, if its keys are bytes at all.
pub(super) fn verbatim(scheme: &Scheme) -> Scheme {
    if has_secret_bytes(scheme) {
        scheme.altered(|description| description.secret = SecretRule::default())
    } else {
        scheme.clone()
    }
}

/// Whether the key is made of the secret's bytes alone, so that other bytes can be tried.
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
    // Another provider's scheme has other settings, and is verified without them or not at all.
    let builder = if trial.scheme.id() == setup.scheme().id() { setup.complete(builder) } else { builder };
    builder.build().ok()
}

/// How many bytes of bodies are tried at most, under one key each. They are hashed once for each form in which the
/// scheme lets them be signed.
const WORK: u64 = 32 << 20;

/// What an attempt costs beyond its body, in bytes: the set-up of the key, and the parts in front of the body.
const OVERHEAD: u64 = 512;

/// The same where a public key is read and computed with, which takes as long as it takes to hash this.
const OVERHEAD_OF_PUBLIC_KEYS: u64 = 32 << 10;
