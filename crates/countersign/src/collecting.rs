//! A verification that collects the body: hashed as it arrives, returned without a copy if it came in one chunk.

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::{
    evidence::Examined,
    head::Head,
    ordinary::OrdinaryEvidence,
    pending::{Awaited, Running},
    rejection::Rejection,
    replay::ReplayScope,
    search::Maker,
    timestamp::Timestamp,
    verified::Verified,
    verifier::Verifier,
};

/// How many announced bytes are allocated at once, 256 KiB. A longer buffer grows as the body arrives.
const TRUSTED_ANNOUNCEMENT: u64 = 256 * 1024;

/// Hashes the chunks of a body as they arrive and keeps them, up to a limit. Made by [`Verifier::collect`].
///
/// This is what an HTTP layer needs: the accepted body is exactly the one that was hashed.
#[must_use = "a delivery is neither accepted nor refused before `finish`"]
pub struct Collecting<'r> {
    verifier: &'r Verifier,
    head: Head<'r>,
    now: Timestamp,
    state: State<'r>,
    limit: u64,
    /// The announced length of the body, or 0: a hint, not a fact.
    announced: u64,
    /// The scope of the replay key that will be asked for: also a hint.
    scope: Option<&'r ReplayScope>,
    received: u64,
    /// The chunk, if there is only one: it is returned as it came.
    only: Bytes,
    joined: BytesMut,
}

/// Boxed, except for the usual case: the variants are large, and an HTTP layer moves them.
enum State<'r> {
    /// Nothing is hashed yet. If the body comes in one chunk, it is hashed when it is judged.
    Ordinary(OrdinaryEvidence<'r>),
    /// The head alone decides.
    Decided(Maker, Box<Examined<'r>>),
    /// What has arrived is hashed.
    Running(Box<(Examined<'r>, Running)>),
    /// The body is judged when it is whole.
    Whole,
}

impl Verifier {
    /// Like [`begin`](Self::begin), but also keeps the chunks of the body, up to `limit` bytes in all. If the scheme
    /// signs the decoded body, `limit` also holds for the length after decoding.
    ///
    /// # Errors
    ///
    /// Every reason that the head alone gives.
    #[inline]
    pub fn collect<'r>(
        &'r self,
        head: impl Into<Head<'r>>,
        limit: u64,
        now: impl Into<Timestamp>,
    ) -> Result<Collecting<'r>, Rejection> {
        let (head, now) = (head.into(), now.into());
        let state = State::of(self, head, now)?;
        let (only, joined) = (Bytes::new(), BytesMut::new());
        Ok(Collecting { verifier: self, head, now, state, limit, announced: 0, scope: None, received: 0, only, joined })
    }
}

impl<'r> State<'r> {
    #[inline]
    fn of(verifier: &'r Verifier, head: Head<'r>, now: Timestamp) -> Result<Self, Rejection> {
        if verifier.layout().is_plain {
            verifier.check_keys(head, now)?;
            let mut ordinary = OrdinaryEvidence::default();
            if verifier.examine_ordinary(head, now, &mut ordinary)? {
                return Ok(Self::Ordinary(ordinary));
            }
            let mut examined = Examined::default();
            verifier.examine_other(head, now, None, &mut examined)?;
            return Self::running(verifier, head, examined, now);
        }
        let mut examined = Box::default();
        Ok(match verifier.await_body(head, now, &mut examined)? {
            Awaited::Nothing(maker) => Self::Decided(maker, examined),
            // If the head lacks a signed value, that is found now.
            Awaited::Body => Self::running(verifier, head, *examined, now)?,
            Awaited::WholeBody => Self::Whole,
        })
    }

    fn running(
        verifier: &'r Verifier,
        head: Head<'r>,
        examined: Examined<'r>,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let mut pair = Box::new((examined, Running::default()));
        let (examined, running) = &mut *pair;
        running.start(verifier, head, examined, now)?;
        Ok(Self::Running(pair))
    }
}

impl<'r> Collecting<'r> {
    /// Announces that the body has `length` bytes: a hint without further effect. A body in several chunks is then
    /// allocated at once, and a body in one chunk is hashed in one pass.
    #[inline]
    pub fn announce_length(&mut self, length: u64) {
        self.announced = length;
    }

    /// Announces that the [`replay_key`](Verified::replay_key) under this scope will be asked for: a hint, the key is
    /// the same without it. If the key is a hash of the signed body, it is computed along with the signature's hash, in
    /// a third of the time that it takes later. This applies to bodies of up to 16 KiB in a single chunk, on a
    /// processor with instructions for SHA-256, if the number of valid keys is odd. A forged request also costs that
    /// time.
    #[inline]
    pub fn announce_replay_key(&mut self, scope: &'r ReplayScope) {
        self.scope = Some(scope);
    }

    /// Takes the next chunk of the body.
    ///
    /// # Errors
    ///
    /// [`Rejection::BodyTooLarge`] as soon as more than the limit has arrived.
    #[inline]
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Rejection> {
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > self.limit {
            return Err(Rejection::BodyTooLarge { limit: Some(self.limit) });
        }
        let is_all = self.only.is_empty() && self.received == self.announced;
        if let State::Ordinary(ordinary) = self.state
            && !is_all
        {
            let mut examined = Examined::default();
            examined.take(&ordinary);
            self.state = State::running(self.verifier, self.head, examined, self.now)?;
            let before = self.only.clone();
            self.hash(&before);
        }
        self.hash(&chunk);
        self.keep(chunk);
        Ok(())
    }

    fn hash(&mut self, chunk: &[u8]) {
        if let State::Running(pair) = &mut self.state {
            pair.1.update(self.verifier, chunk);
        }
    }

    fn keep(&mut self, chunk: Bytes) {
        if !self.joined.is_empty() {
            self.joined.extend_from_slice(&chunk);
        } else if self.only.is_empty() {
            self.only = chunk;
        } else if !chunk.is_empty() {
            let announced = self.announced.min(self.limit).min(TRUSTED_ANNOUNCEMENT);
            self.joined.reserve((self.only.len() + chunk.len()).max(usize::try_from(announced).unwrap_or(0)));
            self.joined.extend_from_slice(&self.only);
            self.joined.extend_from_slice(&chunk);
        }
    }

    /// How many bytes have arrived.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Ends the body and returns the verdict.
    ///
    /// # Errors
    ///
    /// The reason for which the delivery is refused.
    #[inline]
    pub fn finish(self) -> Result<Verified<'r, Bytes>, Rejection> {
        let Self { verifier, head, now, state, limit, scope, received, only, joined, .. } = self;
        // The excess was neither kept nor hashed, so the kept bytes are not what arrived.
        if received > limit {
            return Err(Rejection::BodyTooLarge { limit: Some(limit) });
        }
        let body = if joined.is_empty() { only } else { joined.freeze() };
        let (maker, mut examined) = match state {
            State::Ordinary(ordinary) => {
                let (maker, replay_key) = verifier.judge_ordinary(head, &ordinary, &body, scope, now)?;
                return Ok(Verified::ordinary(verifier, head, maker, &ordinary, scope.zip(replay_key), body));
            }
            State::Decided(maker, examined) => (maker, *examined),
            State::Running(pair) => {
                let (examined, mut running) = *pair;
                (running.finish(verifier, head, &examined)?, examined)
            }
            State::Whole => verifier.judge_whole(head, &body, Some(limit), now)?,
        };
        Ok(Verified::new(verifier, head, maker, &mut examined, body))
    }
}

impl fmt::Debug for Collecting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collecting")
            .field("scheme", &self.verifier.scheme().id())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
