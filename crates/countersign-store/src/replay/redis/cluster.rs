//! The nodes of a cluster, and which of them has which events.
//!
//! `redis` has a client for clusters. It repeats by itself what was lost on the way, so that nobody knows whether the answer
//! is that to the first attempt, and it does not look at the eviction policy of a node that takes over.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Mutex as AsyncMutex;

use super::{
    RedisStoreError,
    deadline::Deadline,
    link::{Elsewhere, Link},
    nodes::Route,
    options::MayEvict,
    server::Server,
    slots::{Address, Slots, slot},
};

pub(super) struct Cluster {
    /// The nodes that the URL names.
    seeds: Vec<Arc<Link>>,
    /// How to connect to any.
    server: Server,
    may_evict: MayEvict,
    known: Mutex<Known>,
    /// Whoever holds it asks the nodes for their slots, while the others wait.
    asking: AsyncMutex<()>,
}

/// What is known of the nodes.
struct Known {
    slots: Slots,
    links: HashMap<Address, Arc<Link>>,
    /// How often the nodes were asked for it.
    asked: usize,
    /// Whether they are to be asked again.
    is_doubtful: bool,
}

/// How many nodes are asked for the slots at a time. Each gets a quarter of the time of a call.
const ASKED: usize = 3;

impl Cluster {
    /// Connects to each node. The replicas are looked at as well: one that may evict keys is better refused before it takes
    /// over.
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
        let known = Known { slots: Slots::default(), links: HashMap::new(), asked: 0, is_doubtful: false };
        let cluster = Self { seeds, server, may_evict, known: Mutex::new(known), asking: AsyncMutex::new(()) };
        cluster.learn(slots);
        let masters: Vec<_> = cluster.lock().links.values().cloned().collect();
        for master in masters {
            match master.open(Deadline::after(timeout)).await {
                // It may be back, or replaced, before it matters.
                Err(Unreachable { .. } | Timeout { .. } | NotServing { .. }) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        for replica in replicas {
            let opened = replica.open(Deadline::after(timeout)).await;
            // Anything else is looked at when it takes over.
            if let Err(error @ (Evicts { .. } | EvictionUnknown)) = opened {
                return Err(error);
            }
        }
        Ok(cluster)
    }

    /// The node that has a key.
    pub(super) async fn link(&self, key: &str, time: Deadline) -> Result<Arc<Link>, RedisStoreError> {
        let slot = slot(key);
        let asked = {
            let known = self.lock();
            match known.link(slot) {
                Some(link) if !known.is_doubtful => return Ok(link),
                _ => known.asked,
            }
        };
        time.keep(Box::pin(self.ask_again(slot, asked, time))).await??;
        self.lock().link(slot).ok_or(RedisStoreError::NoNode { slot })
    }

    /// The node that another one names.
    pub(super) fn follow(&self, route: &Route, elsewhere: &Elsewhere) -> Result<Route, RedisStoreError> {
        let (host, port) = elsewhere.to.rsplit_once(':').unwrap_or_default();
        let host = if host.is_empty() { route.link.server().host() } else { host };
        let nowhere = || RedisStoreError::Refused { answer: format!("the event is at `{}`", elsewhere.to) };
        let address = (host.to_owned(), port.parse().map_err(|_| nowhere())?);
        let mut known = self.lock();
        known.is_doubtful |= !elsewhere.is_moving;
        let new = || Arc::new(Link::new(self.server.node(&address), self.may_evict));
        let link = Arc::clone(known.links.entry(address.clone()).or_insert_with(new));
        Ok(Route { link, is_moving: elsewhere.is_moving })
    }

    /// Asks the nodes again before the next call.
    pub(super) fn doubt(&self) {
        self.lock().is_doubtful = true;
    }

    /// Asks the nodes who has a slot, unless somebody has done so since. One that knows of none may have been taken out of
    /// the cluster, and then knows nothing: the next one is asked.
    async fn ask_again(&self, slot: u16, seen: usize, time: Deadline) -> Result<(), RedisStoreError> {
        let _one = self.asking.lock().await;
        let nodes: Vec<_> = {
            let mut known = self.lock();
            if known.asked != seen && !known.is_doubtful {
                return Ok(());
            }
            // Not the same first each time, for it may be the one that does not answer.
            known.asked = known.asked.wrapping_add(1);
            let all: Vec<_> = self.seeds.iter().chain(known.links.values()).cloned().collect();
            let start = known.asked % all.len().max(1);
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
        known.is_doubtful = false;
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
