//! A Redis Cluster.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{authority::Authority, process::free_address, redis::RedisServer};

/// Three new masters on loopback, with or without a replica for each.
#[derive(Debug)]
pub struct RedisCluster {
    /// The masters come first, then the replicas in the same order.
    nodes: Vec<RedisServer>,
}

const MASTERS: usize = 3;

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

impl RedisCluster {
    /// Starts three masters.
    pub fn start() -> Self {
        Self::of(MASTERS, RedisServer::start_with)
    }

    /// Starts three masters and a replica for each.
    pub fn start_with_replicas() -> Self {
        Self::of(2 * MASTERS, RedisServer::start_with)
    }

    /// Starts three masters that accept only TLS, also from each other, with certificates for their addresses.
    pub fn start_secure(authority: &Authority) -> Self {
        let identity = authority.vouch_for("127.0.0.1");
        Self::of(MASTERS, |settings| {
            let settings = [settings, &["--tls-cluster", "yes"]].concat();
            RedisServer::start_secure_with(&identity, &settings)
        })
    }

    fn of(count: usize, start: impl Fn(&[&str]) -> RedisServer) -> Self {
        let nodes: Vec<_> = (0..count)
            .map(|_| {
                let bus = free_address().port().to_string();
                start(&["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1000"])
            })
            .collect();
        for (number, master) in nodes.iter().take(MASTERS).enumerate() {
            let (first, end) = (number * SLOTS / MASTERS, (number + 1) * SLOTS / MASTERS);
            assert_eq!(master.cli(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]), "OK");
        }
        for node in &nodes[1..] {
            let (port, bus) = (node.address().port().to_string(), node.cli(&["CONFIG", "GET", "cluster-port"]));
            let bus = bus.lines().last().unwrap_or_default();
            assert_eq!(nodes[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]), "OK");
        }
        let cluster = Self { nodes };
        cluster.wait_until("all have met", |node| {
            node.cli(&["CLUSTER", "INFO"]).contains(&format!("cluster_known_nodes:{count}"))
        });
        for number in MASTERS..count {
            let master = cluster.id(number - MASTERS);
            assert_eq!(cluster.nodes[number].cli(&["CLUSTER", "REPLICATE", &master]), "OK");
        }
        cluster.wait_until_well();
        cluster
    }

    /// The nodes: the masters first, then the replicas in the same order.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// One of them.
    pub fn node(&mut self, number: usize) -> &mut RedisServer {
        &mut self.nodes[number]
    }

    /// A node's name in the cluster.
    pub fn id(&self, number: usize) -> String {
        self.nodes[number].cli(&["CLUSTER", "MYID"])
    }

    /// Waits until all nodes agree that every slot has a master, and every master its replicas.
    pub fn wait_until_well(&self) {
        let replicas = self.nodes.len() - MASTERS;
        self.wait_until("the cluster is well", |node| {
            let nodes = node.cli(&["CLUSTER", "NODES"]);
            node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
                && nodes.matches("slave ").count() == replicas
                && !nodes.contains("fail")
        });
        let linked = |node: &RedisServer| {
            let replication = node.cli(&["INFO", "replication"]);
            replication.contains("role:master") || replication.contains("master_link_status:up")
        };
        self.wait_until("the replicas follow", linked);
    }

    /// Moves so many slots from one node to another, with their keys.
    ///
    /// # Panics
    ///
    /// If it does not work.
    pub fn move_slots(&self, count: usize, from: usize, to: usize) {
        let output = Command::new("redis-cli")
            .args(["--cluster", "reshard", &self.nodes[0].address().to_string(), "--cluster-yes"])
            .args(["--cluster-from", &self.id(from), "--cluster-to", &self.id(to)])
            .args(["--cluster-slots", &count.to_string()])
            .output()
            .expect("redis-cli runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Begins to move all slots of a master to another, and does not finish: new keys go to the other master.
    pub fn begin_to_move_all(&self, from: usize, to: usize) {
        let slots = from * SLOTS / MASTERS..(from + 1) * SLOTS / MASTERS;
        for (node, state, other) in [(to, "IMPORTING", from), (from, "MIGRATING", to)] {
            let other = self.id(other);
            let commands = slots.clone().map(|slot| format!("CLUSTER SETSLOT {slot} {state} {other}"));
            run_all(&self.nodes[node], &commands.collect::<Vec<_>>().join("\n"));
        }
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&RedisServer) -> bool) {
        let start = Instant::now();
        while !self.nodes.iter().all(&is_so) {
            assert!(start.elapsed() < Duration::from_secs(60), "it takes too long until {what}");
            sleep(Duration::from_millis(50));
        }
    }
}

/// Runs commands on a node, one per line.
fn run_all(node: &RedisServer, commands: &str) {
    let port = node.address().port().to_string();
    let mut child = Command::new("redis-cli").args(["-p", &port]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().expect("redis-cli runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(commands.as_bytes()).expect("redis-cli reads");
    drop(stdin);
    assert!(child.wait().is_ok_and(|status| status.success()), "redis-cli failed");
}
