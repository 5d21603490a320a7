//! Parses the URL of a server, or of several nodes of a cluster.

use redis::{ConnectionInfo, IntoConnectionInfo};

use super::RedisStoreError;

/// A parsed URL.
pub(super) struct Url {
    /// One for each host, at least one.
    pub(super) infos: Vec<ConnectionInfo>,
    /// Whether connections use TLS.
    pub(super) is_secure: bool,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, RedisStoreError> {
        let secure = ["rediss://", "valkeys://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        // `#insecure` turns off the verification of certificates.
        if secure.is_some_and(|rest| rest.contains('#')) {
            return Err(RedisStoreError::Url);
        }
        let is_secure = secure.is_some();
        let plain = secure.map_or_else(|| text.to_owned(), |rest| format!("redis://{rest}"));
        let infos = each_host(&plain).into_iter().map(IntoConnectionInfo::into_connection_info);
        Ok(Self { infos: infos.collect::<Result<_, _>>().map_err(|_| RedisStoreError::Url)?, is_secure })
    }
}

/// One URL for each of the hosts, which are separated by commas.
fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

#[cfg(test)]
mod tests {
    use redis::ConnectionAddr;

    use super::*;

    #[test]
    fn each_host_of_a_cluster_has_the_same_user_and_password() {
        let url = Url::parse("rediss://me:p,w@a:1,b,[::1]:3").unwrap();
        let at = |host: &str, port| ConnectionAddr::Tcp(host.to_owned(), port);
        let addresses: Vec<_> = url.infos.iter().map(|info| info.addr().clone()).collect();
        assert_eq!(addresses, [at("a", 1), at("b", 6379), at("::1", 3)]);
        assert!(url.is_secure && url.infos.iter().all(|info| info.redis_settings().password() == Some("p,w")));
        let one = Url::parse("redis://db/2?protocol=resp3").unwrap();
        assert_eq!((one.infos.len(), one.infos[0].redis_settings().db(), one.is_secure), (1, 2, false));
        for wrong in ["redis://a,/0", "redis://a,b:x", "http://a", "redis:", "a"] {
            assert!(matches!(Url::parse(wrong), Err(RedisStoreError::Url)), "{wrong}");
        }
    }
}
