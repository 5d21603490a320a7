//! The verdict on a request that is there as a whole: everything that is held against it, in order.

use std::borrow::Cow;

use super::Verifier;
use crate::{
    algorithm::{Mac, Tag},
    content::{Content, SortedParameters, Writing},
    decoded::decoded,
    evidence::Examined,
    head::Head,
    http_signature::{self, HttpSignature},
    ordinary::OrdinaryEvidence,
    rejection::Rejection,
    replay::{ReplayKey, ReplayScope},
    scheme::{Algorithm, KeyPlace},
    search::{Maker, Search},
    timestamp::Timestamp,
    unkeyed::named_url,
};

/// The longest body for which the replay key is made beside the signature, 16 KiB: most are shorter. Who forges a longer one is not
/// to cost half as much again.
const LONGEST_BESIDE: usize = 16 * 1024;

impl Verifier {
    /// The verdict on a request that is there as a whole, and whose body may have up to `limit` bytes once it is unpacked.
    pub(crate) fn judge_whole<'r>(
        &'r self,
        head: Head<'r>,
        body: &[u8],
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<(Maker, Examined<'r>), Rejection> {
        if !self.inner.setup.scheme.signs_decoded_body() {
            return self.judge_decoded(head, body, now);
        }
        let body = decoded(head, body, limit)?;
        let (maker, mut examined) = self.judge_decoded(head, &body, now)?;
        if let Cow::Owned(body) = body {
            examined.decoded = Some(body.into());
        }
        Ok((maker, examined))
    }

    /// The verdict on an ordinary request of a [plain](super::layout::Layout::is_plain) scheme; and the key of its event under this
    /// scope, where it is made beside the signature.
    #[inline]
    pub(crate) fn judge_ordinary(
        &self,
        head: Head<'_>,
        ordinary: &OrdinaryEvidence<'_>,
        body: &[u8],
        scope: Option<&ReplayScope>,
        now: Timestamp,
    ) -> Result<(Maker, Option<ReplayKey>), Rejection> {
        let time = ordinary.time.map_or(&b""[..], |(text, _)| text);
        let content = self.content_with(head, time, ordinary.id.unwrap_or_default());
        self.obey_guards(&content, Some(body), body.first().copied())?;
        let parts = &self.inner.setup.scheme.signature.parts;
        let scope = scope.filter(|_| self.inner.layout.hashes_replay_key && body.len() <= LONGEST_BESIDE);
        let (mut search, mut replay_key) = (Search::default(), None);
        let mut keys = self.valid_keys(now).filter_map(|(at, key)| Some((at, key.material.keyed()?)));
        // Two hashes beside each other take less time than one after the other: those of two keys, or that of the last one and
        // that of the event.
        while let Some((key, start)) = keys.next() {
            let next = keys.next();
            for form in self.url_forms() {
                let (form, with) = (*form, Writing { form: *form, secret: &[], body: Some(body) });
                let maker = Maker { key, form };
                match (next, start, scope) {
                    (Some((other, second)), ..) => {
                        let [tag, other_tag] = content.two_tags([start, second], parts, with)?;
                        search.compare_only(maker, &tag, &ordinary.tag);
                        search.compare_only(Maker { key: other, form }, &other_tag, &ordinary.tag);
                    }
                    (None, Mac::HmacSha256(keyed), Some(scope)) => {
                        let (event, tag) = scope.key_and_tag(&self.inner.setup.scheme, keyed, body);
                        replay_key = Some(event);
                        search.compare_only(maker, &Tag::new(tag), &ordinary.tag);
                    }
                    _ => search.compare_only(maker, &content.tag(start, parts, with)?, &ordinary.tag),
                }
            }
        }
        Ok((search.verdict()?, replay_key))
    }

    pub(super) fn judge_body(
        &self,
        head: Head<'_>,
        examined: &Examined<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Maker, Rejection> {
        let sorted = SortedParameters::of(&self.inner.setup.scheme, head, body)?;
        let content = Content { sorted: &sorted, ..self.content(head, examined) };
        self.obey_guards(&content, Some(body), body.first().copied())?;
        self.refuse_foreign_keys(head, Some(body))?;
        self.refuse_answers(&content, body)?;
        // What a token claims is worth a look when its signature is proven; anything else is cheaper than the signature.
        let is_token = matches!(self.inner.setup.scheme.signature.algorithm, Algorithm::Jwt);
        if !is_token {
            self.check_whole(&content, body)?;
        }
        if examined.tags.http().is_some_and(HttpSignature::covers_content_digest) {
            http_signature::check_body(head, body)?;
        }
        let maker = self.judge(&content, &examined.tags, body, now)?;
        if is_token {
            self.check_whole(&content, body)?;
        }
        Ok(maker)
    }

    /// A key that was pasted proves nothing for a request that names one from elsewhere.
    pub(crate) fn refuse_foreign_keys(&self, head: Head<'_>, body: Option<&[u8]>) -> Result<(), Rejection> {
        match self.inner.setup.scheme.key_source().map(|keys| &keys.place) {
            Some(KeyPlace::Named { source, hosts, path }) => named_url(source, hosts, path, head, body).map(drop),
            _ => Ok(()),
        }
    }

    fn judge_decoded<'r>(
        &'r self,
        head: Head<'r>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Maker, Examined<'r>), Rejection> {
        let mut examined = Examined::default();
        if self.inner.setup.scheme.evidence_is_in_body() {
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
            let mut timely = Examined::default();
            self.read_time(head, now, Some(body), &mut timely)?;
            examined.time = timely.time.into_owned();
        }
        Ok((maker, examined))
    }
}
