//! Who is asked: the one server, or the node of a cluster that has the event.

use std::{sync::Arc, time::Duration};

use redis::Value;

use super::{
    super::attempt::Attempt,
    RedisOptions, RedisStoreError,
    cluster::Cluster,
    deadline::Deadline,
    link::{Elsewhere, Link, Trouble},
    request::Request,
};

/// The servers.
pub(super) struct Nodes {
    of: Kind,
    timeout: Duration,
}

enum Kind {
    One(Arc<Link>),
    Cluster(Box<Cluster>),
}

/// Who has an event.
pub(super) struct Route {
    pub(super) link: Arc<Link>,
    /// Whether it has this event already, and the others of its slot not yet.
    pub(super) is_moving: bool,
}

/// An answer, and the error of an earlier attempt that may have been carried out.
type Answer = (Value, Option<RedisStoreError>);

/// How many nodes are asked for one event: one has it, but it may be on its way, and so may be what others know of it.
const HOPS: usize = 6;

impl Nodes {
    /// Connects, to one server or to each node of a cluster.
    pub(super) async fn open(options: RedisOptions) -> Result<Self, RedisStoreError> {
        let RedisOptions { servers, timeout, may_evict, .. } = options;
        let seeds: Vec<_> = servers.into_iter().map(|server| Arc::new(Link::new(server, may_evict))).collect();
        let mut last = RedisStoreError::Url;
        for seed in &seeds {
            match seed.slots(Deadline::after(timeout)).await {
                Ok(None) if seeds.len() > 1 => return Err(RedisStoreError::NotClustered),
                Ok(None) => return Ok(Self { of: Kind::One(Arc::clone(seed)), timeout }),
                Ok(Some(slots)) if slots.is_empty() => last = RedisStoreError::NoNode { slot: 0 },
                Ok(Some(slots)) => {
                    let cluster = Cluster::open(seeds, slots, may_evict, timeout).await?;
                    return Ok(Self { of: Kind::Cluster(Box::new(cluster)), timeout });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// That of a call which begins now, however often it asks.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }

    /// Has something done to a key, once more if the connection breaks.
    pub(super) async fn ask<'s>(
        &self,
        key: &str,
        time: Deadline,
        request: impl Fn(Attempt) -> Request<'s>,
    ) -> Result<Answer, RedisStoreError> {
        let (mut attempt, mut lost) = (Attempt::First, None);
        let mut route = self.route(key, time).await?;
        for _ in 0..HOPS {
            match route.link.ask(&request(attempt), route.is_moving, time).await {
                Ok(answer) => return Ok((answer, lost)),
                Err(Trouble::Elsewhere(elsewhere)) => route = self.follow(&route, &elsewhere)?,
                Err(Trouble::Failed(error)) => {
                    self.doubt(&error);
                    if attempt == Attempt::Second || !matches!(error, RedisStoreError::Unreachable { .. }) {
                        return Err(error);
                    }
                    (attempt, lost) = (Attempt::Second, Some(error));
                    route = self.route(key, time).await?;
                }
            }
        }
        Err(RedisStoreError::Refused { answer: "the nodes of the cluster send each other for the event".to_owned() })
    }

    async fn route(&self, key: &str, time: Deadline) -> Result<Route, RedisStoreError> {
        let link = match &self.of {
            Kind::One(link) => Arc::clone(link),
            Kind::Cluster(cluster) => cluster.link(key, time).await?,
        };
        Ok(Route { link, is_moving: false })
    }

    fn follow(&self, route: &Route, elsewhere: &Elsewhere) -> Result<Route, RedisStoreError> {
        match &self.of {
            Kind::One(_) => Err(RedisStoreError::Clustered),
            Kind::Cluster(cluster) => cluster.follow(route, elsewhere),
        }
    }

    /// A node that does not answer, or does not serve, may have been replaced.
    fn doubt(&self, error: &RedisStoreError) {
        use RedisStoreError::{NotServing, Timeout, Unreachable};
        if let (Kind::Cluster(cluster), NotServing { .. } | Timeout { .. } | Unreachable { .. }) = (&self.of, error) {
            cluster.doubt();
        }
    }
}
