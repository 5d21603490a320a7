//! The URL of a server.

use redis::{ConnectionInfo, IntoConnectionInfo};

use super::RedisStoreError;

/// What a URL says.
pub(super) struct Url {
    pub(super) info: ConnectionInfo,
    /// Whether the connection is to be encrypted.
    pub(super) is_secure: bool,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, RedisStoreError> {
        let secure = ["rediss://", "valkeys://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        // `#insecure` would mean that the server need not prove anything.
        if secure.is_some_and(|rest| rest.contains('#')) {
            return Err(RedisStoreError::Url);
        }
        let is_secure = secure.is_some();
        let plain = secure.map_or_else(|| text.to_owned(), |rest| format!("redis://{rest}"));
        let info = plain.into_connection_info().map_err(|_| RedisStoreError::Url)?;
        Ok(Self { info, is_secure })
    }
}
