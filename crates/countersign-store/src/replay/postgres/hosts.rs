//! Connects to one of several hosts.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Connect;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    Client, Config, Error, Socket,
    config::Host,
    tls::{MakeTlsConnect, TlsConnect},
};

/// Connects to the host that answered last, and if that fails to the others in turn. Each may take half of the call's
/// timeout, the last one the rest. The next connection tries a host last that did not answer in its share. The driver
/// would try that host first every time, for the whole timeout.
pub(super) struct Hosts<T> {
    tls: T,
    timeout: Duration,
    /// The index of the host to try first.
    preferred: Arc<AtomicUsize>,
}

/// An address may take this fraction of its host's time, unless the URL has a `connect_timeout`: a name may have
/// several addresses, and the driver would wait for the first one the whole time.
const ADDRESS_SHARE: u32 = 2;

impl<T> Hosts<T> {
    pub(super) fn new(tls: T, timeout: Duration) -> Self {
        Self { tls, timeout, preferred: Arc::default() }
    }
}

type Connected = Result<(Client, JoinHandle<()>), Error>;

impl<T> Connect for Hosts<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + Sync,
    T::TlsConnect: Send + Sync,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let hosts = one_config_per_host(config, self.timeout);
        Box::pin(async move {
            let (count, first) = (hosts.len(), self.preferred.load(Ordering::Relaxed));
            for at in (first..first + count - 1).map(|at| at % count) {
                match timeout(self.timeout / 2, connect_to(&hosts[at], self.tls.clone())).await {
                    Ok(Ok(connected)) => {
                        self.preferred.store(at, Ordering::Relaxed);
                        return Ok(connected);
                    }
                    Ok(Err(_)) => {}
                    Err(_) => self.preferred.store((at + 1) % count, Ordering::Relaxed),
                }
            }
            let last = (first + count - 1) % count;
            let connected = connect_to(&hosts[last], self.tls.clone()).await?;
            self.preferred.store(last, Ordering::Relaxed);
            Ok(connected)
        })
    }
}

async fn connect_to<T>(config: &Config, tls: T) -> Connected
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    // The error is dropped here, since every call in flight on the connection gets it as well.
    Ok((client, tokio::spawn(async move { drop(connection.await) })))
}

/// A copy of the configuration for each of its hosts, at least one.
fn one_config_per_host(config: &Config, timeout: Duration) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    // A single host needs no copy. The driver reports lists whose lengths do not match.
    let fits = |len: usize| len <= 1 || len == count;
    if count <= 1 || !fits(ports.len()) || ![0, count].contains(&addresses.len()) || ![0, count].contains(&hosts.len())
    {
        return vec![with_address_timeout(config.clone(), timeout / ADDRESS_SHARE)];
    }
    (0..count)
        .map(|at| {
            let mut alone = without_hosts(config);
            match hosts.get(at) {
                Some(Host::Tcp(host)) => drop(alone.host(host)),
                #[cfg(unix)]
                Some(Host::Unix(folder)) => drop(alone.host_path(folder)),
                None => {}
            }
            addresses.get(at).map(|address| alone.hostaddr(*address));
            ports.get(at).or(ports.first()).map(|port| alone.port(*port));
            with_address_timeout(alone, timeout / 2 / ADDRESS_SHARE)
        })
        .collect()
}

fn with_address_timeout(mut config: Config, timeout: Duration) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(timeout);
    }
    config
}

fn without_hosts(config: &Config) -> Config {
    let mut alone = Config::new();
    config.get_user().map(|user| alone.user(user));
    config.get_password().map(|password| alone.password(password));
    config.get_dbname().map(|name| alone.dbname(name));
    config.get_options().map(|options| alone.options(options));
    config.get_application_name().map(|name| alone.application_name(name));
    config.get_connect_timeout().map(|limit| alone.connect_timeout(*limit));
    config.get_tcp_user_timeout().map(|limit| alone.tcp_user_timeout(*limit));
    config.get_keepalives_interval().map(|interval| alone.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| alone.keepalives_retries(retries));
    alone
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_keeps_its_own_port_and_all_other_settings() {
        let url = "postgresql://me:secret@a:1,b:2/db?application_name=x&keepalives_idle=7&sslmode=require";
        let config: Config = url.parse().unwrap();
        let alone = one_config_per_host(&config, Duration::from_secs(1));
        let of = |config: &Config| (config.get_hosts().to_vec(), config.get_ports().to_vec());
        let hosts: Vec<_> = alone.iter().map(of).collect();
        let host = |name: &str| vec![Host::Tcp(name.to_owned())];
        assert_eq!(hosts, [(host("a"), vec![1]), (host("b"), vec![2])]);
        for config in &alone {
            let one: Config =
                "postgresql://me:secret@h/db?application_name=x&keepalives_idle=7&sslmode=require&connect_timeout=1"
                    .parse()
                    .unwrap();
            let [mut ours, theirs] = [config, &one].map(without_hosts);
            ours.connect_timeout(Duration::from_secs(1));
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn no_address_may_take_the_whole_timeout() {
        let limits = |url: &str| {
            let alone = one_config_per_host(&url.parse().unwrap(), Duration::from_secs(1));
            alone.iter().map(|config| config.get_connect_timeout().copied()).collect::<Vec<_>>()
        };
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(limits("postgresql://a/db"), [millis(500)]);
        assert_eq!(limits("host=a hostaddr=127.0.0.1"), [millis(500)]);
        assert_eq!(limits("postgresql://a,b/db"), [millis(250), millis(250)]);
        assert_eq!(limits("postgresql://a/db?connect_timeout=3"), [millis(3000)]);
        assert_eq!(limits("postgresql://a,b/db?connect_timeout=3"), [millis(3000), millis(3000)]);
    }
}
