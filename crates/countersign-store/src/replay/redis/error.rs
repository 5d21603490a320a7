//! The errors of the store in Redis, and what the errors of the server mean.

use std::{error::Error, fmt, time::Duration};

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

/// Why the store in Redis could not be opened, or a call of it failed.
///
/// Its texts never show the URL or the password.
#[derive(Debug)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// The server cannot write to its disk, and accepts no changes until it can. Nothing was done.
    CannotWrite {
        /// The server's answer.
        answer: String,
    },
    /// The server is a node of a cluster, and does not tell where the other nodes are.
    Clustered,
    /// The server may evict keys to make room.
    Evicts {
        /// Its `maxmemory-policy`.
        policy: String,
    },
    /// The server does not tell whether it may evict keys.
    EvictionUnknown,
    /// The server has no memory left.
    Full,
    /// The URL names several servers that are no cluster.
    NotClustered,
    /// Root certificates were given, but the URL does not ask for TLS.
    NotSecure,
    /// The server is not available now: it is cut off from the other nodes of its cluster or from its master, accepts
    /// no writes, is loading its data, or is busy with a script. Nothing was done.
    NotServing {
        /// The server's answer.
        answer: String,
    },
    /// None of the nodes that were asked knows a node with this slot.
    NoNode {
        /// The slot.
        slot: u16,
    },
    /// The URL asks for TLS, but the feature `tls` is off.
    NoTls,
    /// The system has no randomness.
    Randomness,
    /// The server answered with an error.
    Refused {
        /// The server's answer.
        answer: String,
    },
    /// The PEM text has no certificates, or one that cannot be read.
    Roots,
    /// The server did not answer in time. Whether the call was carried out is unknown.
    Timeout {
        /// The timeout.
        limit: Duration,
    },
    /// The server could not be reached, or the connection broke. Whether the call was carried out is unknown.
    Unreachable {
        /// The error of the system.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server's certificate is not valid for the URL. Nothing was sent.
    Untrusted {
        /// What is wrong with the certificate.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The URL is malformed.
    Url,
}

impl RedisStoreError {
    pub(super) fn unexpected(answer: &Value) -> Self {
        Self::Refused { answer: format!("a script gave an unknown answer: {answer:?}") }
    }

    /// Whether the cause is permanent: a permission, an unknown command or an invalid certificate.
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Untrusted { .. } => true,
            // A script includes the server's error in its own.
            Self::Refused { answer } => DENIALS.iter().any(|words| answer.contains(words)),
            _ => false,
        }
    }
}

/// How a server says that the user may not run a command, or that the command does not exist. Within a script, that is
/// an `Unknown Redis command` in Redis and an `Unknown command` in Valkey. Elsewhere it is an `unknown command` in
/// both.
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
            // Another client's script takes long. The connection still works.
            _ if is_not_serving(&error) || error.code() == Some("BUSY") => {
                Self::NotServing { answer: error.to_string() }
            }
            _ => Self::Refused { answer: error.to_string() },
        }
    }
}

/// Whether the server gives this error code. Within a script, the code may be in the text only.
fn says(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code) || error.detail().is_some_and(|detail| detail.contains(&format!("{code} ")))
}

/// Whether to close the connection: it is broken, or its server is not available now.
pub(super) fn ends_connection(error: &RedisError) -> bool {
    // `redis` counts some I/O errors as recoverable, such as "no route to host".
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
                "Redis cannot write to its disk, and accepts no changes until it can ({answer}): free disk space, or \
                 see the server's log"
            ),
            Self::Clustered => f.write_str(
                "Redis is a cluster and does not say where its other nodes are: allow the user `CLUSTER SLOTS`, and \
                 open the store again",
            ),
            Self::Evicts { policy } => write!(
                f,
                "Redis may evict keys (`maxmemory-policy` is `{policy}`), which lets replays through: set it to \
                 `noeviction`"
            ),
            Self::EvictionUnknown => f.write_str(
                "Redis allows neither `INFO` nor `CONFIG GET`, so that it is unknown whether it may evict keys: allow \
                 one of them, or make sure that its `maxmemory-policy` is `noeviction` and use \
                 `dangerous_trust_eviction_policy`",
            ),
            Self::Full => {
                f.write_str("Redis is out of memory: raise its `maxmemory`, or keep events for a shorter time")
            }
            Self::NotClustered => f.write_str(
                "the URL of Redis names several servers, which are no cluster: name the one that takes writes",
            ),
            Self::NotSecure => f.write_str(
                "authorities are given, but the URL of Redis does not ask for TLS: begin it with `rediss://`",
            ),
            Self::NotServing { answer } => write!(f, "Redis is not available now: {answer}"),
            Self::NoNode { slot } => write!(
                f,
                "no node of the Redis cluster has slot {slot}: name nodes of the cluster in the URL, and check with \
                 `CLUSTER SLOTS` that a node serves each slot"
            ),
            Self::NoTls => f.write_str(
                "the URL of Redis asks for TLS, which is not compiled in: enable the feature `tls` of \
                 `countersign-store`",
            ),
            Self::Randomness => f.write_str("the system has no randomness"),
            Self::Refused { answer } => write!(f, "Redis refused: {answer}"),
            Self::Roots => f.write_str(
                "the certificates of authorities for Redis cannot be read: expected one or more certificates in \
                 PEM",
            ),
            Self::Timeout { limit } => write!(f, "Redis has not answered within {limit:?}"),
            Self::Unreachable { source } => write!(f, "Redis could not be reached: {source}"),
            Self::Untrusted { source } => write!(
                f,
                "the certificate of Redis is not valid for its URL ({source}): use the host name that the certificate \
                 has, and if its authority is not a public one, give the authority's certificate"
            ),
            Self::Url => f.write_str(
                "the URL of Redis is malformed: expected `redis://[user:password@]host[:port][/database]`, the same \
                 with `rediss://` for TLS, or `unix:///path`",
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
