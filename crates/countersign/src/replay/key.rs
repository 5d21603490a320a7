use std::fmt;

use crate::{
    hmac_sha256::HmacSha256,
    sha256::{BLOCK, Sha256, behind},
};

/// The name under which an event is claimed: a hash of the endpoint, the scheme and what the signature covers.
///
/// What of a delivery goes in, the first of these that it has:
///
/// 1. its [signed id](crate::scheme#the-id);
/// 2. its event's id, if the [signature covers](crate::scheme::Field::is_covered) it;
/// 3. the signed content without the signed time, which changes from retry to retry. Two events with equal content then
///    count as one. A time that stands in the signed JSON body is left out, one in the signed URL is not, and so a retry
///    with another counts as another event.
///
/// An id that the signature does not cover is never used: whoever relays a delivery can change it, and make a replay look
/// new. Where the parts of the signed content run into each other, the time stays in, because it cannot be told from its
/// neighbours. A scheme can say that
/// [more or less than that tells its events apart](crate::scheme::ToldApartBy), and must where the signature leaves the body
/// out: what is not signed may go in as well, and then whoever changes it makes a new event of a recorded delivery. So it is
/// with the body of a request that brings a token, which signs nothing. Of an HTTP message
/// signature the components that the scheme demands go in, but for `date` and the signature's own parameters; of a JSON Web
/// Token those claims that the scheme holds against the request.
///
/// The parts are framed by their lengths, so that those of one endpoint cannot make the key of another. The hash is SHA-256,
/// of which 128 bits are kept: to find content with the key of another's event takes 2¹²⁸ attempts. To find two contents
/// with one key takes 2⁶⁴ and a provider that signs both for whoever found them, who then has one of his own events counted
/// as handled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey([u8; 16]);

impl ReplayKey {
    /// The bytes, evenly distributed: what a store keeps.
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

/// The endpoint, or the tenant of an endpoint, whose events are told apart from those of all others in a store.
///
/// It must not be taken from what an attacker can change, such as the path: the same delivery would be new on another one.
///
/// ```
/// use countersign::replay::ReplayScope;
///
/// let endpoint = ReplayScope::new("billing");
/// assert_ne!(endpoint.within("tenant-a"), endpoint.within("tenant-b"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayScope {
    /// The hash behind the one block that names the scope, so that what goes into a key begins a block of its own.
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
        Self { state: *behind(&block) }
    }

    #[inline]
    pub(super) fn begin(&self) -> KeyHash {
        KeyHash(Sha256::behind_a_block(&self.state))
    }
}

fn hash_of(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finish()
}

/// What is hashed, in front of everything else.
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

/// A key in the making.
pub(super) struct KeyHash(Sha256);

impl KeyHash {
    pub(super) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Takes this data while a keyed hash takes the same, and gives the tag of that.
    pub(super) fn update_beside(&mut self, keyed: &HmacSha256, data: &[u8]) -> [u8; 32] {
        keyed.of_beside(data, &mut self.0)
    }

    /// Ends the text with what it is. That stands at the end, so that the text begins a block, and the end can be read backwards
    /// without a doubt about where the text stops.
    pub(super) fn finish(mut self, scheme: &str, basis: Basis) -> ReplayKey {
        // Nobody has a scheme whose id takes 4 GiB.
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
