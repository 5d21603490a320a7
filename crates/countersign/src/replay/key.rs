//! Replay keys, and the scopes that separate those of different endpoints.

use std::fmt;

use crate::{
    hmac_sha256::HmacSha256,
    sha256::{BLOCK, Sha256, state_after},
};

/// The name under which an event is claimed: a hash of the endpoint, the scheme and what the signature covers.
///
/// The key is made of the first of these that the delivery has:
///
/// 1. its [signed id](crate::scheme#the-id);
/// 2. its event's id, if the [signature covers](crate::scheme::Field::is_covered) it;
/// 3. the signed content without the signed time, which changes from retry to retry. Two events with equal content then
///    count as one. A time in the signed JSON body is left out. A time in the signed URL is not, so a retry with
///    another time counts as another event.
///
/// An id that the signature does not cover is never used: anyone who relays a delivery can change it, and make a replay
/// look new. Where the parts of the signed content run into each other, the time stays in, because it cannot be told
/// from its neighbours.
///
/// A scheme can say that [more or less than that tells its events apart](crate::scheme::ToldApartBy). It must do so if
/// the signature does not cover the body. Unsigned values may then be part of the key, and anyone who changes one turns
/// a recorded delivery into a new event. The same holds for the body of a request with a token, because the token does
/// not sign it.
///
/// The key of an HTTP message signature is made of the components that the scheme demands, except `date` and the
/// signature's own parameters. The key of a JSON Web Token is made of the claims that the scheme checks against the
/// request.
///
/// The parts are framed by their lengths, so the content of one endpoint cannot make the key of another. The hash is
/// SHA-256, truncated to 128 bits. To find content with the key of a given event takes 2¹²⁸ attempts. To find two
/// contents with one key takes 2⁶⁴, and a provider that signs both for the attacker; the attacker then has an event of
/// their own counted as handled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey([u8; 16]);

impl ReplayKey {
    /// The bytes of the key, evenly distributed: what a store keeps.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A key that no delivery has.
    #[cfg(test)]
    pub(super) fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for ReplayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplayKey({:032x})", u128::from_be_bytes(self.0))
    }
}

/// The endpoint, or the tenant of an endpoint, that separates its events in a store from all others.
///
/// Do not derive it from what an attacker can change, such as the path: a replay to another path would be a new event.
///
/// ```
/// use countersign::replay::ReplayScope;
///
/// let endpoint = ReplayScope::new("billing");
/// assert_ne!(endpoint.within("tenant-a"), endpoint.within("tenant-b"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayScope {
    /// The hash after the one block that names the scope, so that the text of a key begins a block of its own.
    state: [u32; 8],
}

impl ReplayScope {
    /// The scope of the endpoint with this name.
    pub fn new(endpoint: impl AsRef<[u8]>) -> Self {
        Self::named(&hash_of(&[&[Domain::Endpoint as u8], endpoint.as_ref()]))
    }

    /// The scope of one part of this scope, such as a tenant.
    #[must_use]
    pub fn within(&self, part: impl AsRef<[u8]>) -> Self {
        let own = self.state.map(u32::to_be_bytes);
        Self::named(&hash_of(&[&[Domain::Part as u8], own.as_flattened(), part.as_ref()]))
    }

    fn named(name: &[u8; 32]) -> Self {
        let mut block = [0; BLOCK];
        block[0] = Domain::Key as u8;
        block[1..=name.len()].copy_from_slice(name);
        Self { state: *state_after(&block) }
    }

    #[inline]
    pub(super) fn begin(&self) -> KeyHash {
        KeyHash(Sha256::after_block(&self.state))
    }
}

fn hash_of(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finish()
}

/// The first byte of each hash, which says what is hashed.
enum Domain {
    Endpoint = 1,
    Part = 2,
    Key = 3,
}

/// What a key is made of.
#[derive(Clone, Copy)]
pub(super) enum Basis {
    DeliveryId = 1,
    EventId = 2,
    Content = 3,
}

/// The running hash of a key.
pub(super) struct KeyHash(Sha256);

impl KeyHash {
    pub(super) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Hashes the data with this hash and with a keyed one, and returns the tag of the keyed one.
    pub(super) fn update_side_by_side(&mut self, keyed: &HmacSha256, data: &[u8]) -> [u8; 32] {
        keyed.of_side_by_side(data, &mut self.0)
    }

    /// Ends the hash with the scheme, its length, and what the key is made of. These come last so that the text begins
    /// a block. Each has a known length when read backwards, so it is unambiguous where the text ends.
    pub(super) fn finish(mut self, scheme: &str, basis: Basis) -> ReplayKey {
        // No scheme has an id of 4 GiB.
        let length = u32::try_from(scheme.len()).unwrap_or(u32::MAX).to_le_bytes();
        for piece in [scheme.as_bytes(), &length, &[basis as u8]] {
            self.0.update(piece);
        }
        let digest = self.0.finish();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        ReplayKey(key)
    }
}
