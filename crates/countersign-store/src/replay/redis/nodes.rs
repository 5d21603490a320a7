//! Sends requests to the one server, or to the node of a cluster that has the key.

use std::{sync::Arc, time::Duration};

use redis::Value;

use super::{
    super::attempt::Attempt,
    RedisOptions, RedisStoreError,
    cluster::Cluster,
    deadline::Deadline,
    link::{Link, Redirection, RequestError},
    request::Request,
};

/// One server, or the nodes of a cluster.
pub(super) struct Nodes {
    topology: Topology,
    timeout: Duration,
}

enum Topology {
    One(Arc<Link>),
    Cluster(Box<Cluster>),
}

/// The node to ask for a key.
pub(super) struct Route {
    pub(super) link: Arc<Link>,
    /// Whether the slot is moving to that node, and this key has moved already.
    pub(super) is_moving: bool,
}

/// An answer, and the error of the first attempt if that may have succeeded.
type Answer = (Value, Option<RedisStoreError>);

/// How many requests a call sends at most. Nodes redirect while a slot moves, and while they learn of it.
const MAX_REQUESTS: usize = 6;

impl Nodes {
    /// Connects to one server, or to each node of a cluster.
    pub(super) async fn open(options: RedisOptions) -> Result<Self, RedisStoreError> {
        let RedisOptions { servers, timeout, may_evict, .. } = options;
        let seeds: Vec<_> = servers.into_iter().map(|server| Arc::new(Link::new(server, may_evict))).collect();
        let mut last = RedisStoreError::Url;
        for seed in &seeds {
            match seed.slots(Deadline::after(timeout)).await {
                Ok(None) if seeds.len() > 1 => return Err(RedisStoreError::NotClustered),
                Ok(None) => return Ok(Self { topology: Topology::One(Arc::clone(seed)), timeout }),
                Ok(Some(slots)) if slots.is_empty() => last = RedisStoreError::NoNode { slot: 0 },
                Ok(Some(slots)) => {
                    let cluster = Cluster::open(seeds, slots, may_evict, timeout).await?;
                    return Ok(Self { topology: Topology::Cluster(Box::new(cluster)), timeout });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The deadline of a call that begins now, for all its requests.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }

    /// Sends a request for a key. Follows redirections, and repeats the request once if the connection breaks.
    pub(super) async fn ask<'s>(
        &self,
        key: &str,
        time: Deadline,
        request: impl Fn(Attempt) -> Request<'s>,
    ) -> Result<Answer, RedisStoreError> {
        let (mut attempt, mut lost) = (Attempt::First, None);
        let mut route = self.route(key, time).await?;
        for _ in 0..MAX_REQUESTS {
            match route.link.ask(&request(attempt), route.is_moving, time).await {
                Ok(answer) => return Ok((answer, lost)),
                Err(RequestError::Redirected(redirection)) => route = self.follow(&route, &redirection)?,
                Err(RequestError::Failed(error)) => {
                    self.mark_stale(&error);
                    if attempt == Attempt::Second || !matches!(error, RedisStoreError::Unreachable { .. }) {
                        return Err(error);
                    }
                    (attempt, lost) = (Attempt::Second, Some(error));
                    route = self.route(key, time).await?;
                }
            }
        }
        Err(RedisStoreError::Refused {
            answer: "the nodes of the cluster redirect to each other for one key".to_owned(),
        })
    }

    async fn route(&self, key: &str, time: Deadline) -> Result<Route, RedisStoreError> {
        let link = match &self.topology {
            Topology::One(link) => Arc::clone(link),
            Topology::Cluster(cluster) => cluster.link(key, time).await?,
        };
        Ok(Route { link, is_moving: false })
    }

    fn follow(&self, route: &Route, redirection: &Redirection) -> Result<Route, RedisStoreError> {
        match &self.topology {
            Topology::One(_) => Err(RedisStoreError::Clustered),
            Topology::Cluster(cluster) => cluster.follow(route, redirection),
        }
    }

    /// Has the next call refresh the slots if this error may mean that the node was replaced.
    fn mark_stale(&self, error: &RedisStoreError) {
        use RedisStoreError::{NotServing, Timeout, Unreachable};
        if let (Topology::Cluster(cluster), NotServing { .. } | Timeout { .. } | Unreachable { .. }) =
            (&self.topology, error)
        {
            cluster.mark_stale();
        }
    }
}
