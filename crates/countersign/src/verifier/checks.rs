//! The checks of a request besides its signature: the guards of its framing, and the values that its scheme checks.

use std::sync::Arc;

use super::Verifier;
use crate::{
    algorithm::{Tag, texts_are_equal},
    content::{Content, Writing, malformed_value},
    encoding::Encoding,
    head::look_up,
    rejection::{Problem, Rejection},
    scheme::{Check, Equals, Part},
};

impl Verifier {
    #[inline]
    pub(crate) fn check_guards(
        &self,
        content: &Content<'_>,
        body: Option<&[u8]>,
        first: Option<u8>,
    ) -> Result<(), Rejection> {
        self.inner.setup.scheme.guards.iter().try_for_each(|guard| content.check_guard(guard, body, first))
    }

    pub(super) fn check_whole(&self, content: &Content<'_>, body: &[u8]) -> Result<(), Rejection> {
        let digests = self.inner.setup.scheme.checks.iter().filter_map(Check::body_digest);
        self.run_checks(content, Some(body), body.is_empty(), digests.map(|digest| digest.of(body)))
    }

    /// Compares the values that a request must have with those that it has. `hashes` are the hashes of the body, in
    /// order, one for each check that takes one.
    pub(crate) fn run_checks(
        &self,
        content: &Content<'_>,
        body: Option<&[u8]>,
        body_is_empty: bool,
        mut hashes: impl Iterator<Item = Tag>,
    ) -> Result<(), Rejection> {
        for check in self.inner.setup.scheme.checks.iter().filter(|check| !check.is_off(self.settings())) {
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
                (Equals::Body, _) if body.is_some_and(|body| texts_are_equal(body, &told)) => {}
                (Equals::Body, _) => return Err(Rejection::BodyHash { place: Arc::from(check.source.to_string()) }),
                (Equals::Text(texts), _) => self.check_text(content, check, texts, &told)?,
                // The caller always passes a hash for each check of the body's hash.
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
}
