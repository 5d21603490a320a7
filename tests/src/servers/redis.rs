//! `redis-server`.

use std::{net::SocketAddr, process::Command};

use tempfile::TempDir;

use super::process::{Process, free_address};

/// A Redis of its own, on loopback, that writes each change to the disk before it answers.
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    folder: TempDir,
    address: SocketAddr,
    settings: Vec<String>,
}

impl RedisServer {
    /// Starts a server.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more settings, as on its command line.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_with(settings: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let address = free_address();
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let process = run(&folder, address, &settings);
        Self { process, folder, address, settings }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again, with its files and at its address, after it was killed.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = run(&self.folder, self.address, &self.settings);
    }

    /// What `redis-cli` prints for a command.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let port = self.address.port().to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output();
        String::from_utf8_lossy(&output.expect("redis-cli runs").stdout).trim().to_owned()
    }
}

fn run(folder: &TempDir, address: SocketAddr, settings: &[String]) -> Process {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--dir"])
        .arg(folder.path())
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--loglevel", "warning"])
        .args(["--logfile", "redis.log"])
        .args(settings);
    let mut process = Process::start(&mut command);
    process.wait_until_it_listens(address);
    process
}
