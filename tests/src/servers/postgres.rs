//! `postgres`.

use std::{
    fs,
    net::SocketAddr,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::process::{Process, free_address};

/// A Postgres of its own, on loopback.
#[derive(Debug)]
pub struct PostgresServer {
    process: Process,
    folder: TempDir,
    address: SocketAddr,
}

impl PostgresServer {
    /// Makes a cluster and starts its server.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        if let Some((user, group)) = unprivileged() {
            chown(folder.path(), Some(user), Some(group)).expect("root may give folders away");
        }
        let mut initdb = program("initdb");
        initdb.arg("--pgdata").arg(folder.path().join("data"));
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C"]);
        let output = initdb.current_dir(folder.path()).output();
        let output = output.expect("initdb is there: tests/run.sh installs what the tests need");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let address = free_address();
        Self { process: run(&folder, address), folder, address }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        url(self.address, database)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again, with its files and at its address, after it was killed.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = run(&self.folder, self.address);
    }

    /// What `psql` prints for a statement.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn psql(&self, database: &str, statement: &str) -> String {
        let output = Command::new(bin().join("psql"))
            .args([
                "--no-psqlrc",
                "--tuples-only",
                "--no-align",
                "--quiet",
                &self.url(database),
                "--command",
                statement,
            ])
            .output()
            .expect("psql runs");
        assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// The URL of a database at an address, which may be that of a proxy.
pub fn url(address: SocketAddr, database: &str) -> String {
    format!("postgresql://postgres@{address}/{database}")
}

fn run(folder: &TempDir, address: SocketAddr) -> Process {
    let data = folder.path().join("data");
    // That of a server that was killed stays behind, and another process may have its number by now.
    let _ = fs::remove_file(data.join("postmaster.pid"));
    let mut command = program("postgres");
    command.arg("-D").arg(&data).current_dir(folder.path());
    for setting in [
        "listen_addresses=127.0.0.1",
        &format!("port={}", address.port()),
        &format!("unix_socket_directories={}", folder.path().display()),
        "logging_collector=on",
        "max_connections=100",
    ] {
        command.args(["-c", setting]);
    }
    let mut process = Process::start(&mut command);
    process.wait_until_it_listens(address);
    wait_until_it_serves(&mut process, address);
    process
}

/// Waits until the server has read its files, which takes longer than to listen.
fn wait_until_it_serves(process: &mut Process, address: SocketAddr) {
    let port = address.port().to_string();
    process.wait_until(|| {
        let ready =
            Command::new(bin().join("pg_isready")).args(["--quiet", "--host=127.0.0.1", "--port", &port]).status();
        ready.is_ok_and(|status| status.success())
    });
}

/// A program of Postgres, run by whom it lets run it: not by root.
fn program(name: &str) -> Command {
    let mut command = Command::new(bin().join(name));
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

/// The user and the group `postgres`, or else `nobody`, if this is root.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the system has users");
    let of = |name: &str| {
        let mut fields = users.lines().find(|line| line.starts_with(&format!("{name}:")))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("the system has a user without rights"))
}

/// Where the newest Postgres is.
fn bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = versions.max_by_key(|path| version(path));
    newest.expect("Postgres is there: tests/run.sh installs what the tests need").join("bin")
}

fn version(path: &Path) -> u32 {
    path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}
