//! `Stack`, the layer with all checks.

use std::{fmt, sync::Arc};

use countersign::{ReplayStore, replay::MemoryStore};
use tower_layer::Layer;

use super::{StackBuilder, StackError, StackService, service::Checks};
use crate::{AddressLayer, Keys, ReplayLayer, VerifyLayer, meter::Meter, replay::NoAnswers};

/// All checks in one layer. See the [module docs](crate::stack) and the example there.
///
/// Its clones and all its services share one replay guard: all of them together handle each event once, whatever its URL. If a
/// provider sends the same event to several URLs, such as two webhooks of one repository, make a stack with a name of its own for
/// each. Otherwise the first route handles the event, and the others take it for a replay.
pub struct Stack<K, St = MemoryStore, A = NoAnswers> {
    checks: Arc<Checks<K, St, A>>,
}

impl<K: Keys> Stack<K> {
    /// A stack with safe defaults for most endpoints: bodies of up to 1 MiB, within 10 s; handlers of up to 30 s; each event
    /// once, by a replay guard in the memory of this process (a million events); requests from any address.
    ///
    /// `name` is the endpoint's name in metrics, in the log, and for the replay guard: two endpoints that share a store need two
    /// names; one endpoint that several processes serve has one.
    ///
    /// # Errors
    ///
    /// If the name is empty.
    pub fn new(name: &str, keys: K) -> Result<Self, StackError> {
        Self::builder(name, keys).build()
    }

    /// A builder with the same defaults. `keys` are a [`Verifier`](countersign::Verifier), [`TenantKeys`](crate::TenantKeys) or
    /// [`FetchedKeys`](crate::FetchedKeys).
    pub fn builder(name: &str, keys: K) -> StackBuilder<K> {
        StackBuilder::new(name, keys)
    }
}

impl<K, St: ReplayStore, A> Stack<K, St, A> {
    pub(super) fn assemble(
        name: &str,
        addresses: Option<AddressLayer>,
        verify: VerifyLayer<K>,
        replay: Option<ReplayLayer<St, A>>,
    ) -> Self {
        let (keys, mut verify) = verify.into_parts();
        verify.meter = Meter::of(name);
        verify.endpoint = Some(name.into());
        verify.replay_scope = replay.as_ref().map(ReplayLayer::scope);
        let replay = replay.map(|layer| layer.metered(verify.meter.clone()).after(verify.body_timeout).into_parts());
        let addresses = addresses.map(|addresses| addresses.named(name));
        Self { checks: Arc::new(Checks { addresses, keys, verify, replay }) }
    }
}

impl<S, K, St, A> Layer<S> for Stack<K, St, A> {
    type Service = StackService<S, K, St, A>;

    fn layer(&self, inner: S) -> StackService<S, K, St, A> {
        StackService::new(inner, Arc::clone(&self.checks))
    }
}

impl<K, St, A> Clone for Stack<K, St, A> {
    fn clone(&self) -> Self {
        Self { checks: Arc::clone(&self.checks) }
    }
}

impl<K, St, A> fmt::Debug for Stack<K, St, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("checks", &self.checks).finish()
    }
}
