//! The errors of the store in Postgres, and what the errors of the server mean.

use std::{error::Error, fmt, time::Duration};

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

/// Why the store in Postgres could not be opened, or a call of it failed.
///
/// Its texts never show the URL or the password.
#[derive(Debug)]
#[non_exhaustive]
pub enum PostgresStoreError {
    /// Too many calls wait for a connection. Nothing was done.
    Busy {
        /// The limit.
        waiting: usize,
    },
    /// Other calls claimed and settled the event at the same moment, so often that no attempt could read its state.
    Contended,
    /// The server has no disk or memory left.
    Full,
    /// Too many sessions still run statements that have timed out. Nothing was done.
    Hung {
        /// The limit.
        sessions: usize,
    },
    /// Root certificates were given, but the URL does not ask for TLS.
    NotSecure,
    /// The URL asks for TLS, but the feature `tls` is off.
    NoTls,
    /// The role of the URL lacks privileges on the table.
    Privileges {
        /// The missing privileges, such as `UPDATE, DELETE`.
        missing: String,
    },
    /// The system has no randomness.
    Randomness,
    /// The server answered with an error.
    Refused {
        /// The server's error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The PEM text has no certificates, or one that cannot be read.
    Roots,
    /// The URL has `sslmode=prefer`, with which the server chooses whether to use TLS.
    SslMode,
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
    /// The server's certificate is not valid for the URL. No statement was sent.
    Untrusted {
        /// What is wrong with the certificate.
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
            // The timeout of a statement is that of the call.
            &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => Self::Timeout { limit },
            &SqlState::DISK_FULL | &SqlState::OUT_OF_MEMORY => Self::Full,
            _ if may_work_elsewhere(code) => Self::Unreachable { source: Box::new(error) },
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

/// Whether another connection may succeed: the server is shutting down or starting, has no free session, has become a
/// replica, or has lost a prepared statement, which can happen behind a pooler.
fn may_work_elsewhere(code: &SqlState) -> bool {
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
            Self::Busy { waiting } => write!(
                f,
                "{waiting} calls wait for a connection to Postgres, which is the limit: raise `with_connections`"
            ),
            Self::Contended => f.write_str("too many calls claim and settle one event at the same moment: try again"),
            Self::Full => f.write_str(
                "Postgres has no disk or memory left: free disk space on its server, or give it memory; new claims \
                 are refused until then",
            ),
            Self::Hung { sessions } => write!(
                f,
                "{sessions} sessions of Postgres hang, which is the limit: see in `pg_stat_activity` what they wait \
                 for, such as a synchronous standby that is down"
            ),
            Self::NotSecure => f.write_str(
                "authorities are given, but the URL of Postgres does not ask for TLS: add `sslmode=verify-full` to it",
            ),
            Self::NoTls => f.write_str(
                "the URL of Postgres asks for TLS, which is not compiled in: enable the feature `tls` of \
                 `countersign-store`",
            ),
            Self::Privileges { missing } => write!(
                f,
                "the role of the URL of Postgres lacks {missing} on `countersign_replay_1`: grant it SELECT, INSERT, \
                 UPDATE and DELETE"
            ),
            Self::Randomness => f.write_str("the system has no randomness"),
            Self::Refused { source } => write!(f, "Postgres refused: {}", Chain(&**source)),
            Self::Roots => f.write_str(
                "the certificates of authorities for Postgres cannot be read: expected one or more certificates \
                 in PEM",
            ),
            Self::SslMode => f.write_str(
                "the URL of Postgres has `sslmode=prefer`, with which an attacker can turn TLS off: choose \
                 `verify-full` or `disable`",
            ),
            Self::Timeout { limit } => write!(f, "Postgres has not answered within {limit:?}"),
            Self::Unreachable { source } => write!(f, "Postgres could not be reached: {}", Chain(&**source)),
            Self::Untrusted { source } => write!(
                f,
                "the certificate of Postgres is not valid for its URL ({}): use the host name that the certificate \
                 has, and if its authority is not a public one, give the authority's certificate",
                Chain(&**source)
            ),
            Self::Url => f.write_str(
                "the URL of Postgres is malformed: expected `postgresql://[user[:password]@]host[:port]/database`, \
                 with `?sslmode=verify-full` for TLS",
            ),
        }
    }
}

/// An error with its causes: the driver's error says little by itself.
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
