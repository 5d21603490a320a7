//! A Postgres server.

use std::{
    fs,
    net::SocketAddr,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;

use super::{
    authority::Identity,
    process::{Process, free_address},
};

/// A new Postgres server on loopback.
#[derive(Debug)]
pub struct PostgresServer {
    process: Process,
    folder: TempDir,
    address: SocketAddr,
}

impl PostgresServer {
    /// Creates a database cluster, and starts its server.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start() -> Self {
        Self::run(make_cluster(&[]))
    }

    /// Creates a database cluster whose write-ahead log is on this disk, in files of 1 MiB, and starts its server.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_with_log_on(disk: &Path) -> Self {
        let log = own_folder(disk, "log");
        Self::run(make_cluster(&["--wal-segsize=1", "--waldir", log.to_str().expect("the path is text")]))
    }

    /// Creates a database cluster, and starts its server, which supports TLS with this identity.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_secure(identity: &Identity) -> Self {
        let folder = make_cluster(&[]);
        for (name, content) in [("server.crt", &identity.certificate), ("server.key", &identity.key)] {
            let path = folder.path().join("data").join(name);
            fs::write(&path, content).expect("a folder of one's own can be written to");
            give_away(&path);
            fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("root or the owner may do so");
        }
        Self::run(folder)
    }

    fn run(folder: TempDir) -> Self {
        let address = free_address();
        Self { process: run(&folder, address), folder, address }
    }

    /// Adds a rule for clients before all others, as in `pg_hba.conf`.
    ///
    /// # Panics
    ///
    /// If the server does not take it.
    pub fn admit(&self, rule: &str) {
        let path = self.folder.path().join("data/pg_hba.conf");
        let rules = fs::read_to_string(&path).expect("every cluster has rules");
        fs::write(&path, format!("{rule}\n{rules}")).expect("root or the owner may do so");
        assert_eq!(self.psql("postgres", "SELECT pg_reload_conf()"), "t");
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        url(self.address, database)
    }

    /// The URL of a new, empty database.
    ///
    /// # Panics
    ///
    /// If the server does not make one.
    pub fn new_database(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("replays_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a new, empty database whose tables are on this disk.
    ///
    /// # Panics
    ///
    /// If the server does not make one.
    pub fn new_database_on(&self, disk: &Path) -> String {
        let folder = own_folder(disk, "tables");
        self.psql("postgres", &format!("CREATE TABLESPACE disk LOCATION '{}'", folder.display()));
        let url = self.new_database();
        let name = url.rsplit('/').next().expect("a URL has a path");
        self.psql("postgres", &format!("ALTER DATABASE {name} SET default_tablespace = disk"));
        url
    }

    /// Writes to the write-ahead log until its files are nearly full.
    pub fn use_up_log(&self) {
        self.psql(
            "postgres",
            "DO $$ BEGIN
                 WHILE EXISTS (
                     SELECT FROM pg_ls_waldir()
                     WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_insert_lsn())
                 ) LOOP
                     PERFORM pg_logical_emit_message(false, 'spare', '');
                     PERFORM pg_switch_wal();
                 END LOOP;
             END $$",
        );
        self.psql("postgres", "SELECT pg_logical_emit_message(false, 'spare', repeat('x', 700000))");
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Restarts it after it was killed, with the same files and address.
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

/// A new folder that belongs to the user of Postgres.
fn own_folder(disk: &Path, name: &str) -> PathBuf {
    let folder = disk.join(name);
    fs::create_dir(&folder).expect("a folder can be made");
    give_away(&folder);
    folder
}

/// A folder with a new database cluster in its subfolder `data`.
fn make_cluster(more: &[&str]) -> TempDir {
    let folder = TempDir::new().expect("a folder can be made");
    give_away(folder.path());
    let mut initdb = program("initdb");
    initdb.arg("--pgdata").arg(folder.path().join("data"));
    initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C"]).args(more);
    let output = initdb.current_dir(folder.path()).output();
    let output = output.expect("initdb is there: tests/run.sh installs what the tests need");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// Changes the owner of a file to the user of Postgres.
fn give_away(path: &Path) {
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).expect("root may give files away");
    }
}

fn run(folder: &TempDir, address: SocketAddr) -> Process {
    let data = folder.path().join("data");
    // A killed server leaves this file behind, and another process may have its id by now.
    let _ = fs::remove_file(data.join("postmaster.pid"));
    let mut command = program("postgres");
    command.arg("-D").arg(&data).current_dir(folder.path());
    for setting in [
        "listen_addresses=127.0.0.1",
        &format!("port={}", address.port()),
        &format!("unix_socket_directories={}", folder.path().display()),
        "logging_collector=on",
        "max_connections=100",
        if data.join("server.key").exists() { "ssl=on" } else { "ssl=off" },
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

/// A program of Postgres, which does not run as root.
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

/// The folder of the newest version of Postgres.
fn bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = versions.max_by_key(|path| version(path));
    newest.expect("Postgres is there: tests/run.sh installs what the tests need").join("bin")
}

fn version(path: &Path) -> u32 {
    path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}
