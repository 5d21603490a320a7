//! The nodes of a cluster, and the connections to them.
//!
//! The `redis` crate has a client for clusters. It repeats lost requests by itself, so that the caller cannot tell
//! which attempt an answer belongs to. It does not check the eviction policy of a node that takes over.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Mutex as AsyncMutex;

use super::{
    RedisStoreError,
    deadline::Deadline,
    link::{Link, Redirection},
    nodes::Route,
    options::MayEvict,
    server::Server,
    slots::{Address, Slots, slot},
};

pub(super) struct Cluster {
    /// The nodes that the URL names.
    seeds: Vec<Arc<Link>>,
    /// A template for connections to other nodes.
    server: Server,
    may_evict: MayEvict,
    known: Mutex<Known>,
    /// Held by the call that asks the nodes for their slots, while other calls wait.
    refreshing: AsyncMutex<()>,
}

/// The known nodes and their slots.
struct Known {
    slots: Slots,
    links: HashMap<Address, Arc<Link>>,
    /// How many times the slots were refreshed.
    refreshes: usize,
    /// Whether the slots may have changed, so that the next call refreshes them.
    is_stale: bool,
}

/// How many nodes a refresh asks for the slots. Each gets a quarter of the call's time.
const ASKED: usize = 3;

impl Cluster {
    /// Connects to each node, replicas included: a replica that may evict keys should be found before it takes over.
    pub(super) async fn open(
        seeds: Vec<Arc<Link>>,
        slots: Slots,
        may_evict: MayEvict,
        timeout: Duration,
    ) -> Result<Self, RedisStoreError> {
        use RedisStoreError::{EvictionUnknown, Evicts, NotServing, Timeout, Unreachable};
        let server = seeds.first().ok_or(RedisStoreError::Url)?.server().clone();
        let replicas: Vec<_> =
            slots.replicas.iter().map(|replica| Link::new(server.node(replica), may_evict)).collect();
        let known = Known { slots: Slots::default(), links: HashMap::new(), refreshes: 0, is_stale: false };
        let cluster = Self { seeds, server, may_evict, known: Mutex::new(known), refreshing: AsyncMutex::new(()) };
        cluster.learn(slots);
        let masters: Vec<_> = cluster.lock().links.values().cloned().collect();
        for master in masters {
            match master.open(Deadline::after(timeout)).await {
                // The failure may be temporary.
                Err(Unreachable { .. } | Timeout { .. } | NotServing { .. }) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        for replica in replicas {
            let opened = replica.open(Deadline::after(timeout)).await;
            // Other errors do not matter until it takes over.
            if let Err(error @ (Evicts { .. } | EvictionUnknown)) = opened {
                return Err(error);
            }
        }
        Ok(cluster)
    }

    /// The connection to the node that has a key.
    pub(super) async fn link(&self, key: &str, time: Deadline) -> Result<Arc<Link>, RedisStoreError> {
        let slot = slot(key);
        let seen = {
            let known = self.lock();
            match known.link(slot) {
                Some(link) if !known.is_stale => return Ok(link),
                _ => known.refreshes,
            }
        };
        time.limit(Box::pin(self.refresh(slot, seen, time))).await??;
        self.lock().link(slot).ok_or(RedisStoreError::NoNode { slot })
    }

    /// The route to the node that another node redirects to.
    pub(super) fn follow(&self, route: &Route, redirection: &Redirection) -> Result<Route, RedisStoreError> {
        let (host, port) = redirection.to.rsplit_once(':').unwrap_or_default();
        let host = if host.is_empty() { route.link.server().host() } else { host };
        let nowhere = || RedisStoreError::Refused {
            answer: format!("the event is at `{}`, which is no address", redirection.to),
        };
        let address = (host.to_owned(), port.parse().map_err(|_| nowhere())?);
        let mut known = self.lock();
        known.is_stale |= !redirection.is_moving;
        let new = || Arc::new(Link::new(self.server.node(&address), self.may_evict));
        let link = Arc::clone(known.links.entry(address.clone()).or_insert_with(new));
        Ok(Route { link, is_moving: redirection.is_moving })
    }

    /// Has the next call refresh the slots.
    pub(super) fn mark_stale(&self) {
        self.lock().is_stale = true;
    }

    /// Asks the nodes for the slots, unless another call has done so since the refresh number `seen`. A node that has
    /// left the cluster knows no slots: then the next node is asked.
    async fn refresh(&self, slot: u16, seen: usize, time: Deadline) -> Result<(), RedisStoreError> {
        let _guard = self.refreshing.lock().await;
        let nodes: Vec<_> = {
            let mut known = self.lock();
            if known.refreshes != seen && !known.is_stale {
                return Ok(());
            }
            // Each refresh begins with another node, since the first one may not answer.
            known.refreshes = known.refreshes.wrapping_add(1);
            let all: Vec<_> = self.seeds.iter().chain(known.links.values()).cloned().collect();
            let start = known.refreshes % all.len().max(1);
            all.iter().cycle().skip(start).take(all.len().min(ASKED)).cloned().collect()
        };
        let mut last = RedisStoreError::Clustered;
        for node in nodes {
            match node.slots(time.of_a_step()).await {
                Ok(Some(slots)) if slots.master(slot).is_some() => {
                    self.learn(slots);
                    return Ok(());
                }
                Ok(Some(_)) => last = RedisStoreError::NoNode { slot },
                Ok(None) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn learn(&self, slots: Slots) {
        let mut known = self.lock();
        let links = slots.masters().map(|master| {
            let link = known.links.get(master).cloned();
            let new = || Arc::new(Link::new(self.server.node(master), self.may_evict));
            (master.clone(), link.unwrap_or_else(new))
        });
        known.links = links.collect();
        known.slots = slots;
        known.is_stale = false;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn link(&self, slot: u16) -> Option<Arc<Link>> {
        self.links.get(self.slots.master(slot)?).cloned()
    }
}
