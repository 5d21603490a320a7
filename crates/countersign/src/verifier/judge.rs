//! The verdict on a signature: which key made it, over which form of the URL.

use std::sync::Arc;

use super::{Inner, Verifier, VerifierSetup};
use crate::{
    algorithm::{Digest, Mac},
    content::{Content, Writing},
    evidence::Tags,
    jwt,
    key::Material,
    public_key::{PublicKey, PublicKeyAlgorithm, SignatureForm},
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Choice, Part, Scheme, UrlForm},
    search::{Maker, Search},
    timestamp::Timestamp,
};

/// The content of a request, and the tags that are to prove it.
#[derive(Clone, Copy)]
struct Request<'a> {
    content: &'a Content<'a>,
    tags: &'a Tags<'a>,
    body: &'a [u8],
    /// The signed parts for each form of the URL: as parts of the scheme, or already written as text.
    parts: Parts<'a>,
}

#[derive(Clone, Copy)]
enum Parts<'a> {
    OfScheme(&'a [Part]),
    Written(&'a [Part]),
}

impl<'a> Parts<'a> {
    fn in_form(self, at: usize) -> &'a [Part] {
        match self {
            Self::OfScheme(parts) => parts,
            Self::Written(texts) => &texts[at..=at],
        }
    }
}

impl Verifier {
    /// Computes one tag per valid key and URL form over the whole content, and finds the key that made one of the
    /// request's tags.
    pub(crate) fn judge(
        &self,
        content: &Content<'_>,
        tags: &Tags<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Maker, Rejection> {
        let scheme = &self.inner.setup.scheme;
        let written = self.written_for_several(content, body, now)?;
        let parts = written.as_deref().map_or(Parts::OfScheme(&scheme.signature.parts), Parts::Written);
        let request = Request { content, tags, body, parts };
        let mut search = Search::default();
        if let Some(signature) = tags.http() {
            let base = signature.base(content)?;
            let (named, common) = (signature.key_id(), scheme.http.common_key_id(&self.inner.setup.settings));
            for (at, key) in self.valid_keys(now).filter(|(_, key)| key.is_meant_by(named, common)) {
                search.add(Maker { key: at, form: UrlForm::AsIs }, signature.is_by(&key.material, &base, &scheme.http));
            }
            return search.verdict();
        }
        for (at, key) in self.valid_keys(now) {
            match &key.material {
                Material::Token(expected) => {
                    search.compare(Maker { key: at, form: UrlForm::AsIs }, expected, scheme, tags);
                }
                Material::Keyed(start) => self.compare_tags(&mut search, request, at, (start, &[]))?,
                Material::Signed(start, secret) => {
                    if let Algorithm::Hash(digest) = scheme.signature.algorithm {
                        self.refuse_extension(request, digest, secret.len())?;
                    }
                    self.compare_tags(&mut search, request, at, (start, secret))?;
                }
                material @ (Material::Public(_) | Material::TokenSecret(_)) => {
                    search.add_form(at, self.signed_form(request, material)?);
                }
            }
        }
        let maker = search.verdict()?;
        if matches!(scheme.signature.algorithm, Algorithm::Jwt) {
            jwt::check_parties(&scheme.jwt, content)?;
        }
        Ok(maker)
    }

    /// The signed text for each form of the URL, if several keys are to be tried and writing it is expensive.
    fn written_for_several(
        &self,
        content: &Content<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<Vec<Part>>, Rejection> {
        let Inner { setup: VerifierSetup { scheme, .. }, layout, .. } = &*self.inner;
        let is_copied = matches!(scheme.signature.algorithm, Algorithm::PublicKey(_) | Algorithm::DetachedJws);
        if !(is_copied || layout.needs_whole_body) || scheme.signs_secret() || self.valid_keys(now).nth(1).is_none() {
            return Ok(None);
        }
        let text = |form: &UrlForm| {
            let with = Writing { form: *form, secret: &[], body: Some(body) };
            content.to_vec(&scheme.signature.parts, with).map(|text| Part::Literal(text.into()))
        };
        self.url_forms().iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Compares the tags that a key makes, one for each form of the URL, with those of the request. `hash` is the hash
    /// that takes the content, and the secret if that is part of the content.
    fn compare_tags(
        &self,
        search: &mut Search,
        request: Request<'_>,
        key: usize,
        hash: (&Mac, &[u8]),
    ) -> Result<(), Rejection> {
        let scheme = &self.inner.setup.scheme;
        let (Request { content, tags, body, .. }, (start, secret)) = (request, hash);
        let optional_end = &scheme.signature.optional_end;
        for (at, form) in self.url_forms().iter().enumerate() {
            let maker = Maker { key, form: *form };
            let with = Writing { form: *form, secret, body: Some(body) };
            let parts = request.parts.in_form(at);
            search.compare(maker, &content.tag(start, parts, with)?, scheme, tags);
            if !optional_end.is_empty() {
                let mut mac = start.clone();
                content.write(parts, with, &mut |piece| mac.update(piece))?;
                mac.update(optional_end);
                search.compare(maker, &mac.finish(), scheme, tags);
            }
        }
        Ok(())
    }

    /// Refuses content with the traces of a length extension, which a plain hash does not withstand.
    fn refuse_extension(&self, request: Request<'_>, digest: Digest, secret_len: usize) -> Result<(), Rejection> {
        let Request { content, body, .. } = request;
        // Only the length of the secret matters here, so the secret is not copied.
        let secret = vec![b's'; secret_len];
        for form in self.url_forms() {
            let with = Writing { form: *form, secret: &secret, body: Some(body) };
            if digest.is_extension(&content.to_vec(&self.inner.setup.scheme.signature.parts, with)?) {
                return Err(Rejection::AmbiguousContent { rule: "they contain the padding of a shorter text" });
            }
        }
        Ok(())
    }

    /// The form of the URL for which a public key, or the secret of a token, verifies one of the signatures.
    fn signed_form(&self, request: Request<'_>, material: &Material) -> Result<Option<UrlForm>, Rejection> {
        let scheme = &self.inner.setup.scheme;
        let Request { content, tags, body, parts } = request;
        if matches!(scheme.signature.algorithm, Algorithm::Jwt) {
            return Ok(jwt::is_signed(tags.token(), &scheme.jwt, material).then_some(UrlForm::AsIs));
        }
        for (at, form) in self.url_forms().iter().enumerate() {
            let with = Writing { form: *form, secret: &[], body: Some(body) };
            let signed = content.to_vec(parts.in_form(at), with)?;
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

    /// The algorithm. The request may choose one of those that the scheme allows.
    fn choose(&self, choice: &Choice, content: &Content<'_>, body: &[u8]) -> Result<PublicKeyAlgorithm, Rejection> {
        let (source, named) = match choice {
            Choice::One(algorithm) => return Ok(*algorithm),
            Choice::Named(source, named) => (source, named),
        };
        let malformed =
            || Rejection::MalformedSignature { place: Arc::from(source.to_string()), problem: Problem::UnknownVersion };
        let word = content.value(source, Some(body)).map_err(|_| malformed())?;
        let found = named.iter().find(|(name, _)| name.as_bytes() == &*word).map(|(_, algorithm)| *algorithm);
        let allowed = found.filter(|algorithm| !algorithm.is_legacy() || self.inner.setup.allows_legacy);
        allowed.ok_or_else(malformed)
    }
}

/// Whether the key verifies one of the signatures.
fn is_signed_by(
    key: &PublicKey,
    algorithm: PublicKeyAlgorithm,
    signed: &[u8],
    tags: &Tags<'_>,
    scheme: &Scheme,
) -> bool {
    let mut found = false;
    tags.each_signature(scheme, |signature| found |= key.verify(algorithm, SignatureForm::Usual, signed, signature));
    found
}
