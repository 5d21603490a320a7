//! The checks that need no body: the request's method, its evidence and its time.

use std::borrow::Cow;

use super::{Inner, Verifier};
use crate::{
    evidence::{Examined, Tags, delivery_id, timestamp},
    head::Head,
    http_signature::{HttpSignature, KeyIds},
    jwt,
    ordinary::OrdinaryEvidence,
    rejection::Rejection,
    scheme::{Algorithm, Source},
    timestamp::Timestamp,
};

impl Verifier {
    /// Makes every check that needs no body, if the request is [ordinary](crate::ordinary). If it is not, only its
    /// method is checked.
    #[inline]
    pub(crate) fn examine_ordinary<'r>(
        &self,
        head: Head<'r>,
        now: Timestamp,
        examined: &mut OrdinaryEvidence<'r>,
    ) -> Result<bool, Rejection> {
        self.check_method(head)?;
        let Inner { setup, places, ordinary, .. } = &*self.inner;
        match ordinary {
            Some(ordinary) => ordinary.examine(places, setup.tolerance, head, now, examined),
            None => Ok(false),
        }
    }

    /// Makes every check that needs no body and, if the whole body is given, the rest of them. Fills `examined` in
    /// place: it is large.
    pub(crate) fn examine<'r>(
        &'r self,
        head: Head<'r>,
        now: Timestamp,
        body: Option<&'r [u8]>,
        examined: &mut Examined<'r>,
    ) -> Result<(), Rejection> {
        let mut ordinary = OrdinaryEvidence::default();
        if self.examine_ordinary(head, now, &mut ordinary)? {
            examined.take(&ordinary);
            return Ok(());
        }
        self.examine_other(head, now, body, examined)
    }

    /// The same for a request that was found [not to be ordinary](Self::examine_ordinary).
    pub(crate) fn examine_other<'r>(
        &'r self,
        head: Head<'r>,
        now: Timestamp,
        body: Option<&'r [u8]>,
        examined: &mut Examined<'r>,
    ) -> Result<(), Rejection> {
        let inner = &*self.inner;
        let (scheme, places) = (&inner.setup.scheme, &inner.places);
        if matches!(scheme.signature.algorithm, Algorithm::HttpSignature) {
            let ids = KeyIds { common: scheme.http.common_key_id(&inner.setup.settings), keys: &inner.setup.keys };
            let signature = HttpSignature::read(head, &scheme.http, ids, inner.setup.tolerance, now)?;
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

    /// Checks the evidence in the head, if the rest of it is in the body: the early half of
    /// [`judge_whole`](Self::judge_whole).
    pub(crate) fn examine_what_the_head_has(&self, head: Head<'_>) -> Result<(), Rejection> {
        let inner = &*self.inner;
        self.check_method(head)?;
        if inner.setup.scheme.signature.source.is_in_body() {
            return Ok(());
        }
        let mut tags = Tags::default();
        tags.find(&inner.setup.scheme, &inner.places, head, None)?;
        tags.decode(&inner.setup.scheme, &inner.places)
    }

    /// Refuses a request that no key could prove, before anything but its method is checked.
    pub(crate) fn check_keys(&self, head: Head<'_>, now: Timestamp) -> Result<(), Rejection> {
        if self.has_key_at(now) {
            return Ok(());
        }
        self.check_method(head)?;
        Err(Rejection::UnknownKey)
    }

    #[inline]
    fn check_method(&self, head: Head<'_>) -> Result<(), Rejection> {
        let scheme = &self.inner.setup.scheme;
        let is_asked = || scheme.handshakes.iter().any(|rule| rule.signed && rule.method == *head.method);
        if scheme.methods.contains(head.method) || (head.is_question && is_asked()) {
            Ok(())
        } else {
            Err(Rejection::Method)
        }
    }

    fn read_token(&self, now: Timestamp, examined: &mut Examined<'_>) -> Result<(), Rejection> {
        let inner = &*self.inner;
        let (rule, place, token) = (&inner.setup.scheme.jwt, &inner.places.signature, examined.tags.token());
        if matches!(inner.setup.scheme.signature.algorithm, Algorithm::DetachedJws) {
            return jwt::check_detached(token, rule, place);
        }
        let token = jwt::read(token, rule, inner.setup.tolerance, place, now)?;
        examined.time.at = token.issued;
        examined.claims = token.claims;
        Ok(())
    }

    /// Reads the signed timestamp, if the scheme has one, and checks it against the clock.
    #[inline]
    pub(super) fn read_time<'r>(
        &'r self,
        head: Head<'r>,
        now: Timestamp,
        body: Option<&'r [u8]>,
        examined: &mut Examined<'r>,
    ) -> Result<(), Rejection> {
        let inner = &*self.inner;
        let (Some(rule), Some(tolerance)) = (&inner.setup.scheme.timestamp, inner.setup.tolerance) else {
            return Ok(());
        };
        examined.time = timestamp(rule, &inner.places, head, &examined.tags, body)?;
        examined.time.at.map_or(Ok(()), |at| tolerance.check(at, now))
    }
}
