//! Which of several hosts is connected to.

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

/// Connects to the host that answered last, and if that fails to the others in turn. Each may take half of the call's time, the
/// last whatever is left. A host that stayed silent for its share is tried last by the next connection; the driver would try it
/// first each time, and give it all the time.
pub(super) struct Hosts<T> {
    tls: T,
    limit: Duration,
    good: Arc<AtomicUsize>,
}

/// What part of its host's time an address has to be connected to, where the URL does not say: a name may have several
/// addresses, and the driver would wait for the first of them all the time.
const OF_A_HOST: u32 = 2;

impl<T> Hosts<T> {
    pub(super) fn new(tls: T, limit: Duration) -> Self {
        Self { tls, limit, good: Arc::default() }
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
        let hosts = each_alone(config, self.limit);
        Box::pin(async move {
            let (count, first) = (hosts.len(), self.good.load(Ordering::Relaxed));
            for at in (first..first + count - 1).map(|at| at % count) {
                match timeout(self.limit / 2, connect_to(&hosts[at], self.tls.clone())).await {
                    Ok(Ok(connected)) => {
                        self.good.store(at, Ordering::Relaxed);
                        return Ok(connected);
                    }
                    Ok(Err(_)) => {}
                    Err(_) => self.good.store((at + 1) % count, Ordering::Relaxed),
                }
            }
            let last = (first + count - 1) % count;
            let connected = connect_to(&hosts[last], self.tls.clone()).await?;
            self.good.store(last, Ordering::Relaxed);
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
    // That it has ended, and why, each call that it had under way is told.
    Ok((client, tokio::spawn(async move { drop(connection.await) })))
}

/// The same configuration for each of its hosts, one at least.
fn each_alone(config: &Config, limit: Duration) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    // With one there is nothing to choose, and what does not fit together the driver refuses.
    let fits = |len: usize| len <= 1 || len == count;
    if count <= 1 || !fits(ports.len()) || ![0, count].contains(&addresses.len()) || ![0, count].contains(&hosts.len())
    {
        return vec![with_address_limit(config.clone(), limit / OF_A_HOST)];
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
            with_address_limit(alone, limit / 2 / OF_A_HOST)
        })
        .collect()
}

fn with_address_limit(mut config: Config, limit: Duration) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(limit);
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
    fn each_host_has_its_own_port_and_all_that_the_others_have() {
        let url = "postgresql://me:secret@a:1,b:2/db?application_name=x&keepalives_idle=7&sslmode=require";
        let config: Config = url.parse().unwrap();
        let alone = each_alone(&config, Duration::from_secs(1));
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
    fn no_address_may_take_all_the_time() {
        let limits = |url: &str| {
            let alone = each_alone(&url.parse().unwrap(), Duration::from_secs(1));
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
