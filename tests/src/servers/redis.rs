//! A Redis server: `redis-server`, or the program in `REDIS_SERVER`, such as `valkey-server`.

use std::{env, fs, net::SocketAddr, path::Path, process::Command};

use tempfile::TempDir;

use super::{
    authority::Identity,
    process::{Process, free_address},
};

/// A new Redis server on loopback, which writes each change to the disk before it answers.
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    folder: TempDir,
    address: SocketAddr,
    settings: Vec<String>,
    is_secure: bool,
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
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self::run(folder, settings, false)
    }

    /// Starts a server that has its files on this disk, with more settings.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_on(disk: &Path, settings: &[&str]) -> Self {
        let folder = TempDir::new_in(disk).expect("a folder can be made");
        Self::run(folder, settings.iter().map(|setting| (*setting).to_owned()).collect(), false)
    }

    /// Starts a server that accepts only TLS, with this identity.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_secure(identity: &Identity) -> Self {
        Self::start_secure_with(identity, &[])
    }

    /// As [`start_secure`](Self::start_secure), with more settings.
    pub(super) fn start_secure_with(identity: &Identity, more: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let mut settings = vec!["--tls-auth-clients".to_owned(), "no".to_owned()];
        let files = [("cert", &identity.certificate), ("key", &identity.key), ("ca-cert", &identity.authority)];
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("a folder of one's own can be written to");
            settings.extend([format!("--tls-{name}-file"), path.display().to_string()]);
        }
        settings.extend(more.iter().map(|setting| (*setting).to_owned()));
        Self::run(folder, settings, true)
    }

    fn run(folder: TempDir, settings: Vec<String>, is_secure: bool) -> Self {
        let address = free_address();
        let process = run(&folder, address, &settings, is_secure);
        Self { process, folder, address, settings, is_secure }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_secure { "rediss" } else { "redis" }, self.address)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Restarts it after it was killed, with the same files and address.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = run(&self.folder, self.address, &self.settings, self.is_secure);
    }

    /// What `redis-cli` prints for a command.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let port = self.address.port().to_string();
        let secure: &[_] = if self.is_secure { &["--tls", "--insecure"] } else { &[] };
        let output = Command::new("redis-cli").args(["-p", &port]).args(secure).args(arguments).output();
        String::from_utf8_lossy(&output.expect("redis-cli runs").stdout).trim().to_owned()
    }
}

fn run(folder: &TempDir, address: SocketAddr, settings: &[String], is_secure: bool) -> Process {
    let port = address.port().to_string();
    let mut command = Command::new(env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into()));
    command.args(if is_secure { ["--port", "0", "--tls-port", &port] } else { ["--tls-port", "0", "--port", &port] });
    command
        .args(["--bind", "127.0.0.1", "--dir"])
        .arg(folder.path())
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--loglevel", "warning"])
        .args(["--logfile", "redis.log"])
        .args(settings);
    let mut process = Process::start(&mut command);
    process.wait_until_it_listens(address);
    process
}
