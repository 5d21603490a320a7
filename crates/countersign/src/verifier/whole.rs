//! The verdict on a whole request: every check, in order.

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

/// The longest body for which the replay key is computed along with the signature, 16 KiB: most bodies are shorter. For
/// a longer one, a forged request would cost half as much again.
const MAX_SIDE_BY_SIDE: usize = 16 * 1024;

impl Verifier {
    /// The verdict on a whole request. `limit` is the limit of its body once it is decoded.
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

    /// The verdict on an ordinary request of a [plain](super::layout::Layout::is_plain) scheme. Also the replay key
    /// under this scope, if it is computed along with the signature.
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
        self.check_guards(&content, Some(body), body.first().copied())?;
        let parts = &self.inner.setup.scheme.signature.parts;
        let scope = scope.filter(|_| self.inner.layout.hashes_replay_key && body.len() <= MAX_SIDE_BY_SIDE);
        let (mut search, mut replay_key) = (Search::default(), None);
        let mut keys = self.valid_keys(now).filter_map(|(at, key)| Some((at, key.material.keyed()?)));
        // Two hashes side by side take less time than one after the other: those of two keys, or that of the last key
        // and that of the event.
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
        self.check_guards(&content, Some(body), body.first().copied())?;
        self.refuse_foreign_keys(head, Some(body))?;
        self.refuse_answers(&content, body)?;
        // The claims of a token are checked after its signature is proven; every other check is cheaper than the
        // signature.
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

    /// Refuses a request that names a key from elsewhere: a pasted key proves nothing for it.
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
            // The head first, so that a whole request is refused for the same reason as one that arrives in parts.
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
