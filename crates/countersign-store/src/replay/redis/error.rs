//! Why a store in Redis refuses, and which answers of the server mean what.

use std::{error::Error, fmt, time::Duration};

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

/// Why the store in Redis could not be opened or asked.
///
/// No text of it shows the URL or the password.
#[derive(Debug)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// The server cannot write to its disk, and takes no changes until it can. Nothing was done.
    CannotWrite {
        /// What it says.
        answer: String,
    },
    /// The server is a node of a cluster, and tells nobody where the others are.
    Clustered,
    /// The server may evict keys to make room.
    Evicts {
        /// Its `maxmemory-policy`.
        policy: String,
    },
    /// The server tells nobody whether it may evict keys.
    EvictionUnknown,
    /// The server has no memory left.
    Full,
    /// Several servers were named that are no cluster.
    NotClustered,
    /// Authorities were given for a connection that is not to be encrypted.
    NotSecure,
    /// The server serves nobody now: it is cut off from the other nodes of its cluster or from its master, takes no writes, is
    /// still loading, or busy with a script. Nothing was done.
    NotServing {
        /// What it says.
        answer: String,
    },
    /// No node of the cluster has this slot, as far as those know that were asked.
    NoNode {
        /// The slot.
        slot: u16,
    },
    /// The URL asks for TLS, which is not compiled in.
    NoTls,
    /// The system has no randomness to give.
    Randomness,
    /// The server does not do what it was asked.
    Refused {
        /// What it says.
        answer: String,
    },
    /// There are no certificates of authorities in what was given as such.
    Roots,
    /// There was no answer in time. Whether the call was carried out is unknown.
    Timeout {
        /// How long that is.
        limit: Duration,
    },
    /// The server could not be reached, or the connection broke. Whether the call was carried out is unknown.
    Unreachable {
        /// What the system says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server has not proved that it is the one that was meant. It was told nothing.
    Untrusted {
        /// What is wrong with its certificate.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The URL is malformed.
    Url,
}

impl RedisStoreError {
    pub(super) fn unexpected(answer: &Value) -> Self {
        Self::Refused { answer: format!("a script answered {answer:?}, which none of them does") }
    }

    /// Whether it is about what the user may do, what the server knows or who it is, and so will not be over by itself.
    pub(super) fn is_for_good(&self) -> bool {
        match self {
            Self::Untrusted { .. } => true,
            // A script hands the server's word on within its own.
            Self::Refused { answer } => DENIALS.iter().any(|words| answer.contains(words)),
            _ => false,
        }
    }
}

/// How a server says that a user may not do something, or that nobody may: within a script, a command that is not there is an
/// `Unknown Redis command`, in Valkey an `Unknown command`, and elsewhere an `unknown command` in both.
const DENIALS: [&str; 6] = [
    "NOPERM",
    "no permissions",
    "can't run this command",
    "unknown command",
    "Unknown command",
    "Unknown Redis command",
];

impl From<RedisError> for RedisStoreError {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io => Self::Unreachable { source: Box::new(error) },
            _ if says(&error, "OOM") => Self::Full,
            _ if says(&error, "MISCONF") => Self::CannotWrite { answer: error.to_string() },
            // Somebody's script takes long; the connection is as good as before.
            _ if is_not_serving(&error) || error.code() == Some("BUSY") => {
                Self::NotServing { answer: error.to_string() }
            }
            _ => Self::Refused { answer: error.to_string() },
        }
    }
}

/// Whether the server gives this reason; within a script it may say it in the text alone.
fn says(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code) || error.detail().is_some_and(|detail| detail.contains(&format!("{code} ")))
}

/// Whether the connection is of no more use: it is broken, or leads to a server that does not serve now.
pub(super) fn ends_connection(error: &RedisError) -> bool {
    // `redis` counts some errors of the system as recoverable, such as that there is no route to the host.
    matches!(error.kind(), ErrorKind::Io) || error.is_unrecoverable_error() || is_not_serving(error)
}

fn is_not_serving(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    matches!(error.kind(), ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly))
}

impl fmt::Display for RedisStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotWrite { answer } => write!(
                f,
                "Redis cannot write to its disk, and takes no changes until it can ({answer}): make room on the disk, or see the \
                 server's log"
            ),
            Self::Clustered => f.write_str(
                "Redis is a cluster and does not say where its other nodes are: allow the user `CLUSTER SLOTS`, and connect \
                 anew",
            ),
            Self::Evicts { policy } => write!(
                f,
                "Redis may evict keys (`maxmemory-policy` is `{policy}`), which lets replays through: set it to `noeviction`"
            ),
            Self::EvictionUnknown => f.write_str(
                "Redis allows neither `INFO` nor `CONFIG GET`, so that nobody knows whether it may evict keys: allow one of \
                 them, or make sure that its `maxmemory-policy` is `noeviction` and use `dangerous_trust_eviction_policy`",
            ),
            Self::Full => f.write_str("Redis is out of memory: raise its `maxmemory` or keep events shorter"),
            Self::NotClustered => {
                f.write_str("the URL of Redis names several servers, which are no cluster: name the one that takes writes")
            }
            Self::NotSecure => f.write_str(
                "authorities are given, but the URL of Redis does not ask for TLS: begin it with `rediss://`",
            ),
            Self::NotServing { answer } => write!(f, "Redis does not serve now: {answer}"),
            Self::NoNode { slot } => write!(
                f,
                "no node of the Redis cluster has slot {slot}: name nodes of the cluster in the URL, and see with \
                 `CLUSTER SLOTS` that one of them serves each slot"
            ),
            Self::NoTls => f.write_str(
                "the URL of Redis asks for TLS, which is not compiled in: turn on the feature `tls` of `countersign-store`",
            ),
            Self::Randomness => f.write_str("the system has no randomness to give"),
            Self::Refused { answer } => write!(f, "Redis refused: {answer}"),
            Self::Roots => f.write_str("expected certificates of authorities, in PEM, to know Redis by"),
            Self::Timeout { limit } => write!(f, "Redis has not answered within {limit:?}"),
            Self::Unreachable { source } => write!(f, "Redis could not be reached: {source}"),
            Self::Untrusted { source } => write!(
                f,
                "Redis does not prove that it is the server of the URL ({source}): name it as its certificate does, and if \
                 its authority is not a public one, give the authority's certificate"
            ),
            Self::Url => f.write_str(
                "the URL of Redis is malformed: expected `redis://[user:password@]host[:port][/database]`, the same with \
                 `rediss://` for TLS, or `unix:///path`",
            ),
        }
    }
}

impl Error for RedisStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source } | Self::Untrusted { source } => Some(&**source),
            _ => None,
        }
    }
}
