//! `SharedAddresses`: a set of addresses that can be replaced while layers use it.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use countersign::address::AddressSet;

/// A set of addresses that can be replaced while layers use it. Its clones share the set.
///
/// ```
/// use countersign_tower::{AddressLayer, SharedAddresses, countersign::address::AddressSet};
///
/// let addresses = SharedAddresses::new(AddressSet::parse(["203.0.113.0/24"])?);
/// let layer = AddressLayer::new(addresses.clone());
/// addresses.replace(AddressSet::parse(["203.0.113.0/24", "198.51.100.0/24"])?); // for the next request
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedAddresses {
    set: Arc<ArcSwap<AddressSet>>,
}

impl SharedAddresses {
    /// Shares this set.
    pub fn new(set: AddressSet) -> Self {
        Self { set: Arc::new(ArcSwap::from_pointee(set)) }
    }

    /// Replaces the set. Requests that are being judged keep the old one.
    pub fn replace(&self, set: AddressSet) {
        self.set.store(Arc::new(set));
    }

    /// The current set.
    pub fn snapshot(&self) -> Arc<AddressSet> {
        self.set.load_full()
    }

    pub(super) fn load(&self) -> Guard<Arc<AddressSet>> {
        self.set.load()
    }
}

impl From<AddressSet> for SharedAddresses {
    fn from(set: AddressSet) -> Self {
        Self::new(set)
    }
}
