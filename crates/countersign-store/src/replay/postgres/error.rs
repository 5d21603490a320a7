//! Why a store in Postgres refuses, and which errors of the server mean what.

use std::{error::Error, fmt, time::Duration};

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

/// Why the store in Postgres could not be opened or asked.
///
/// No text of it shows the URL or the password.
#[derive(Debug)]
#[non_exhaustive]
pub enum PostgresStoreError {
    /// As many calls wait for a connection as may.
    Busy {
        /// How many that are.
        waiting: usize,
    },
    /// So many others claimed and settled the event at the same moment that none of the attempts showed its state.
    Contended,
    /// The server has no disk or memory left.
    Full,
    /// As many sessions as are allowed are still busy with statements that did not finish in time. Nothing was asked.
    Hung {
        /// How many that are.
        sessions: usize,
    },
    /// Authorities were given for connections that are not to be encrypted.
    NotSecure,
    /// The URL asks for TLS, which is not compiled in.
    NoTls,
    /// The role of the URL may not do with the table what the store has to.
    Privileges {
        /// Those that it lacks, such as `UPDATE, DELETE`.
        missing: String,
    },
    /// The system has no randomness to give.
    Randomness,
    /// The server does not do what it was asked.
    Refused {
        /// What it says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There are no certificates of authorities in what was given as such.
    Roots,
    /// The URL leaves it to whoever answers whether connections are encrypted.
    SslMode,
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

impl PostgresStoreError {
    pub(super) fn of(error: tokio_postgres::Error, limit: Duration) -> Self {
        let Some(code) = error.code() else {
            #[cfg(feature = "tls")]
            if crate::replay::tls::is_untrusted(&error) {
                return Self::Untrusted { source: Box::new(error) };
            }
            return Self::Unreachable { source: Box::new(error) };
        };
        match code {
            // The statement's time, which is the call's.
            &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => Self::Timeout { limit },
            &SqlState::DISK_FULL | &SqlState::OUT_OF_MEMORY => Self::Full,
            _ if is_elsewhere(code) => Self::Unreachable { source: Box::new(error) },
            _ => Self::Refused { source: Box::new(error) },
        }
    }

    pub(super) fn of_pool(error: PoolError, limit: Duration) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => Self::of(error, limit),
            PoolError::Timeout(_) => Self::Timeout { limit },
            other => Self::Refused { source: Box::new(other) },
        }
    }
}

/// Whether the server is going, coming, full or a replica by now, or has lost what was prepared, which a pooler in between can bring
/// about: so that another connection may do better.
fn is_elsewhere(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::TOO_MANY_CONNECTIONS,
    ]
    .contains(code)
}

impl fmt::Display for PostgresStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { waiting } => write!(f, "{waiting} calls are waiting for a connection to Postgres, which is the limit"),
            Self::Contended => f.write_str("too many claim and settle one event at the same moment"),
            Self::Full => f.write_str(
                "Postgres has no disk or memory left: free disk space on its server, or give it memory; new claims are refused \
                 until then",
            ),
            Self::Hung { sessions } => write!(
                f,
                "{sessions} sessions of Postgres hang, which is the limit: see in `pg_stat_activity` what they wait for, such as a \
                 synchronous standby that is away"
            ),
            Self::NotSecure => f.write_str(
                "authorities are given, but the URL of Postgres does not ask for TLS: add `sslmode=verify-full` to it",
            ),
            Self::NoTls => f.write_str(
                "the URL of Postgres asks for TLS, which is not compiled in: turn on the feature `tls` of \
                 `countersign-store`",
            ),
            Self::Privileges { missing } => write!(
                f,
                "the role of the URL of Postgres lacks {missing} on `countersign_replay_1`: grant it SELECT, INSERT, UPDATE and \
                 DELETE"
            ),
            Self::Randomness => f.write_str("the system has no randomness to give"),
            Self::Refused { source } => write!(f, "Postgres refused: {}", Chain(&**source)),
            Self::Roots => f.write_str("expected certificates of authorities, in PEM, to know Postgres by"),
            Self::SslMode => f.write_str(
                "the URL of Postgres says `sslmode=prefer`, which goes without TLS if whoever answers says so: choose \
                 `verify-full` or `disable`",
            ),
            Self::Timeout { limit } => write!(f, "Postgres has not answered within {limit:?}"),
            Self::Unreachable { source } => write!(f, "Postgres could not be reached: {}", Chain(&**source)),
            Self::Untrusted { source } => write!(
                f,
                "Postgres does not prove that it is the server of the URL ({}): name it as its certificate does, and if its \
                 authority is not a public one, give the authority's certificate",
                Chain(&**source)
            ),
            Self::Url => f.write_str(
                "the URL of Postgres is malformed: expected `postgresql://[user[:password]@]host[:port]/database`, with \
                 `?sslmode=verify-full` for TLS",
            ),
        }
    }
}

/// An error with its causes: that of the driver says little by itself.
struct Chain<'e>(&'e (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(cause) => write!(f, ": {}", Self(cause)),
            None => Ok(()),
        }
    }
}

impl Error for PostgresStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused { source } | Self::Unreachable { source } | Self::Untrusted { source } => Some(&**source),
            _ => None,
        }
    }
}
