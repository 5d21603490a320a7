//! What follows from a description: what must be configured, and which parts of a request verification needs.

use super::{Algorithm, Check, Choice, Description, Expected, HandshakeRule, KeyPlace, Part, Source};
use crate::{jws::JwsKey, public_key::PublicKeyAlgorithm};

impl Description {
    /// Whether a secret of this scheme is the provider's public key.
    pub fn takes_public_key(&self) -> bool {
        self.public_key_algorithms().next().is_some()
    }

    /// The algorithms for which a secret of this scheme is a public key.
    pub(crate) fn public_key_algorithms(&self) -> impl Iterator<Item = PublicKeyAlgorithm> {
        let choice = match &self.signature.algorithm {
            Algorithm::PublicKey(choice) => Some(choice),
            _ => None,
        };
        // Both are empty for schemes with other algorithms.
        let of_tokens = self.jwt.algorithms.iter().filter_map(|algorithm| match algorithm.key() {
            JwsKey::Public(algorithm) => Some(algorithm),
            JwsKey::Secret(_) => None,
        });
        choice.into_iter().flat_map(Choice::algorithms).chain(of_tokens).chain(self.http.public_key_algorithms())
    }

    /// An algorithm of the scheme and the cargo feature that it needs, if all of its public-key algorithms need missing
    /// features.
    pub(crate) fn missing_feature(&self) -> Option<(PublicKeyAlgorithm, &'static str)> {
        let first = self.public_key_algorithms().next()?;
        let feature = first.missing_feature()?;
        self.public_key_algorithms().all(|other| other.missing_feature().is_some()).then_some((first, feature))
    }

    /// Whether the scheme relies on an algorithm that is broken or too weak for new uses. An endpoint must allow it
    /// with [`VerifierBuilder::allow_legacy`](crate::VerifierBuilder::allow_legacy).
    pub fn is_legacy(&self) -> bool {
        self.weakness().is_some()
    }

    /// The algorithm that makes the scheme [legacy](Self::is_legacy): its own, or a hash without collision resistance
    /// in the signed content or a check.
    pub(crate) fn weakness(&self) -> Option<String> {
        let is_weak = match &self.signature.algorithm {
            Algorithm::Hmac(digest) => !digest.is_safe_for_hmac(),
            Algorithm::Hash(digest) => !digest.is_collision_resistant(),
            Algorithm::PublicKey(choice) => choice.algorithms().all(PublicKeyAlgorithm::is_legacy),
            Algorithm::Jwt
            | Algorithm::DetachedJws
            | Algorithm::HttpSignature
            | Algorithm::Token
            | Algorithm::Basic => false,
        };
        if is_weak {
            return Some(self.algorithm());
        }
        let in_checks = self.checks.iter().filter_map(Check::body_digest).find(|hash| !hash.is_collision_resistant());
        let weak = self.signature.parts.iter().find_map(Part::weak_hash).or(in_checks);
        weak.map(|hash| hash.name().to_owned())
    }

    /// Whether the signature covers the URL, so that a verifier needs the public URL.
    pub fn needs_public_url(&self) -> bool {
        let audience = matches!(self.jwt.audience, Some(Expected::Url));
        let checks = self.checks.iter().any(Check::needs_public_url);
        let url = self.http.needs_public_url();
        audience || checks || url || self.signature.parts.iter().any(Part::needs_public_url)
    }

    /// Whether the secret is a user name and password, as in RFC 7617.
    pub fn takes_password(&self) -> bool {
        matches!(self.signature.algorithm, Algorithm::Basic)
    }

    /// Whether the secret is part of the signed content.
    pub(crate) fn signs_secret(&self) -> bool {
        self.signature.parts.iter().any(|part| part.any(&|part| *part == Part::Secret))
    }

    /// Whether verification needs the whole body at once, instead of hashing it as it arrives.
    pub(crate) fn needs_whole_body(&self) -> bool {
        let bodies = self.signature.parts.iter().filter(|part| matches!(part, Part::Body)).count();
        bodies > 1
            || self.decoded
            || !self.signature.optional_end.is_empty()
            || self.evidence_is_in_body()
            // The content of a plain hash is searched for traces of a length extension, and a public key needs the
            // whole content.
            || matches!(
                self.signature.algorithm,
                Algorithm::Hash(_) | Algorithm::PublicKey(_) | Algorithm::DetachedJws | Algorithm::HttpSignature
            )
            || self.signature.parts.iter().any(Part::needs_whole_body)
            || self.checks.iter().any(|check| check.source.is_in_body())
            || self.names_key_in_body()
            // The signed content is compared with what anybody can get signed in a handshake.
            || self.handshakes.iter().any(HandshakeRule::signs_for_anybody)
            // A token is verified with the head alone, unless there are checks as well.
            || (self.signature.parts.is_empty() && !self.checks.is_empty())
    }

    /// Whether the signature, its timestamp or the delivery's id is in the body.
    pub(crate) fn evidence_is_in_body(&self) -> bool {
        let timestamp = self.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        [Some(&self.signature.source), timestamp, self.delivery_id.as_ref()]
            .into_iter()
            .flatten()
            .any(Source::is_in_body)
    }

    /// Whether the URL of the key is in the body.
    fn names_key_in_body(&self) -> bool {
        let place = self.key_source().map(|keys| &keys.place);
        matches!(place, Some(KeyPlace::Named { source, .. }) if source.is_in_body())
    }

    /// Whether the timestamp is in the signed body, so that it is read after the signature is verified.
    pub(crate) fn reads_time_after_signature(&self) -> bool {
        let source = self.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        let signed = self.signature.parts.iter().any(|part| part.any(&|part| *part == Part::Timestamp));
        source.is_some_and(Source::is_in_body) && !signed
    }
}
