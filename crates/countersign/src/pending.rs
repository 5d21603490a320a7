//! A verification in progress: the head is checked, the body is still to come.

use std::fmt;

use crate::{
    algorithm::{Digest, Mac},
    content::Writing,
    evidence::Examined,
    head::Head,
    rejection::Rejection,
    scheme::{Check, UrlForm},
    search::{Maker, Search},
    timestamp::Timestamp,
    verified::Verified,
    verifier::Verifier,
};

/// A request whose head passed every check, and whose body is hashed as it arrives. Made by [`Verifier::begin`].
///
/// ```
/// use countersign::{Timestamp, Verifier, providers};
///
/// let verifier = Verifier::new(providers::GITHUB, "It's a Secret to Everybody")?;
/// let (parts, ()) = http::Request::post("/hooks")
///     .header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
///     .body(())?
///     .into_parts();
///
/// let mut pending = verifier.begin(&parts, Timestamp::from_unix_seconds(1_767_225_600))?;
/// pending.update(b"Hello, ");
/// pending.update(b"World!");
/// assert_eq!(pending.finish()?.key_label(), "key-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Only a verdict makes a [`Verified`]:
///
/// ```compile_fail
/// fn forge<'r>(verified: countersign::Verified<'r, &'static [u8]>) -> countersign::Verified<'r, &'static [u8]> {
///     countersign::Verified { body: b"another", ..verified }
/// }
/// ```
#[must_use = "a delivery is neither accepted nor refused before `finish`"]
pub struct Pending<'r> {
    verifier: &'r Verifier,
    head: Head<'r>,
    now: Timestamp,
    examined: Examined<'r>,
    state: State,
}

#[expect(clippy::large_enum_variant, reason = "boxing the common case would cost it the allocation that it avoids")]
enum State {
    /// The head alone decides.
    Decided(Maker),
    /// The body is hashed as it arrives.
    Running(Running),
    /// The body is kept until it is complete.
    Whole(Vec<u8>),
}

/// What a request whose head passed every check still needs for its verdict.
pub(crate) enum Awaited {
    /// Nothing: the head alone decides, by a token or password.
    Nothing(Maker),
    /// Its body, to be hashed.
    Body,
    /// Its whole body, because a value in it takes part in the verdict.
    WholeBody,
}

impl Verifier {
    /// Makes every check of the head. Fills `examined` in place: it is large.
    pub(crate) fn await_body<'r>(
        &'r self,
        head: Head<'r>,
        now: Timestamp,
        examined: &mut Examined<'r>,
    ) -> Result<Awaited, Rejection> {
        let scheme = self.scheme();
        self.check_keys(head, now)?;
        if scheme.evidence_is_in_body() {
            self.examine_what_the_head_has(head)?;
            return Ok(Awaited::WholeBody);
        }
        self.examine(head, now, None, examined)?;
        if self.layout().needs_whole_body {
            return Ok(Awaited::WholeBody);
        }
        self.refuse_foreign_keys(head, None)?;
        if scheme.signature.parts.is_empty() {
            return self.judge(&self.content(head, examined), &examined.tags, &[], now).map(Awaited::Nothing);
        }
        Ok(Awaited::Body)
    }
}

/// One running hash per valid key and URL form. Up to two, as in the usual rotation, do not allocate.
#[derive(Default)]
pub(crate) struct Running {
    first: Option<KeyedMac>,
    second: Option<KeyedMac>,
    rest: Vec<KeyedMac>,
    /// The hashes of the body that the scheme's checks compare.
    hashes: Vec<Mac>,
    first_byte: Option<u8>,
}

struct KeyedMac {
    key: usize,
    form: UrlForm,
    mac: Mac,
}

impl<'r> Pending<'r> {
    pub(crate) fn begin(verifier: &'r Verifier, head: Head<'r>, now: Timestamp) -> Result<Self, Rejection> {
        let mut examined = Examined::default();
        let state = match verifier.await_body(head, now, &mut examined)? {
            Awaited::Nothing(maker) => State::Decided(maker),
            Awaited::Body => State::Running(Running::default()),
            Awaited::WholeBody => State::Whole(Vec::new()),
        };
        let mut pending = Self { verifier, head, now, examined, state };
        if let State::Running(running) = &mut pending.state {
            running.start(verifier, head, &pending.examined, now)?;
        }
        Ok(pending)
    }

    /// Takes the next bytes of the body.
    ///
    /// Some schemes need the whole body, such as those that sign a value in it. For them the body is kept, whatever its
    /// length. Limit what you pass, or use [`collect`](Verifier::collect), which has a limit.
    pub fn update(&mut self, chunk: &[u8]) {
        match &mut self.state {
            State::Decided(_) => {}
            State::Running(running) => running.update(self.verifier, chunk),
            State::Whole(body) => body.extend_from_slice(chunk),
        }
    }

    /// Ends the body and returns the verdict.
    ///
    /// If the scheme signs the decoded body, a body that decodes to more than 16 MiB is refused;
    /// [`collect`](Verifier::collect) takes a limit of yours.
    ///
    /// # Errors
    ///
    /// The reason for which the delivery is refused.
    pub fn finish(mut self) -> Result<Verified<'r, ()>, Rejection> {
        let (verifier, head) = (self.verifier, self.head);
        let maker = match &mut self.state {
            State::Decided(maker) => *maker,
            State::Running(running) => running.finish(verifier, head, &self.examined)?,
            State::Whole(body) => {
                let (maker, examined) = verifier.judge_whole(head, body, None, self.now)?;
                self.examined = examined;
                maker
            }
        };
        Ok(Verified::new(verifier, head, maker, &mut self.examined, ()))
    }
}

impl Running {
    pub(crate) fn start(
        &mut self,
        verifier: &Verifier,
        head: Head<'_>,
        examined: &Examined<'_>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let scheme = verifier.scheme();
        let content = verifier.content(head, examined);
        let before = &scheme.signature.parts[..verifier.layout().before];
        self.hashes.extend(scheme.checks.iter().filter_map(Check::body_digest).map(Digest::start));
        for (key, ready) in verifier.valid_keys(now) {
            let Some((start, secret)) = ready.material.start() else { continue };
            for form in verifier.url_forms() {
                let mut keyed = KeyedMac { key, form: *form, mac: start.clone() };
                let with = Writing { form: *form, secret, body: None };
                content.write(before, with, &mut |piece| keyed.mac.update(piece))?;
                self.push(keyed);
            }
        }
        Ok(())
    }

    fn push(&mut self, keyed: KeyedMac) {
        if self.first.is_none() {
            self.first = Some(keyed);
        } else if self.second.is_none() {
            self.second = Some(keyed);
        } else {
            self.rest.push(keyed);
        }
    }

    pub(crate) fn update(&mut self, verifier: &Verifier, chunk: &[u8]) {
        self.first_byte = self.first_byte.or(chunk.first().copied());
        if verifier.layout().body {
            match (&mut self.first, &mut self.second) {
                (Some(first), Some(second)) => Mac::update_both(&mut first.mac, &mut second.mac, chunk),
                (first, _) => first.iter_mut().for_each(|keyed| keyed.mac.update(chunk)),
            }
            self.rest.iter_mut().for_each(|keyed| keyed.mac.update(chunk));
        }
        self.hashes.iter_mut().for_each(|hash| hash.update(chunk));
    }

    pub(crate) fn finish(
        &mut self,
        verifier: &Verifier,
        head: Head<'_>,
        examined: &Examined<'_>,
    ) -> Result<Maker, Rejection> {
        let content = verifier.content(head, examined);
        verifier.check_guards(&content, None, self.first_byte)?;
        verifier.run_checks(&content, None, self.first_byte.is_none(), self.hashes.iter_mut().map(Mac::finish))?;
        let scheme = verifier.scheme();
        let after = scheme.signature.parts.get(verifier.layout().before + 1..).unwrap_or_default();
        let mut search = Search::default();
        for KeyedMac { key, form, mac } in self.first.iter_mut().chain(&mut self.second).chain(&mut self.rest) {
            let secret = verifier.key(*key).material.start().map_or(&b""[..], |(_, secret)| secret);
            let with = Writing { form: *form, secret, body: None };
            content.write(after, with, &mut |piece| mac.update(piece))?;
            search.compare(Maker { key: *key, form: *form }, &mac.finish(), scheme, &examined.tags);
        }
        search.verdict()
    }
}

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("scheme", &self.verifier.scheme().id()).finish_non_exhaustive()
    }
}
