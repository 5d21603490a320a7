//! `countersign serve`, as a separate process.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::{BODY_LIMIT, BODY_TIME, HEAD_TIME, PROVIDERS, SECRET, Server, delivery, resident, soon};
use crate::program::program;

/// The process, which is killed on drop.
#[derive(Debug)]
pub struct Gateway {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
    files: usize,
    memory: usize,
}

impl Gateway {
    /// Starts a gateway with [`PROVIDERS`].
    pub fn start() -> Self {
        Self::start_with("", &endpoints())
    }

    /// Starts a gateway with these settings and endpoints in its configuration.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_with(settings: &str, endpoints: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is a place for it");
        let config = format!(
            "listen = \"127.0.0.1:0\"\nbody_limit = {BODY_LIMIT}\nbody_timeout = \"{}s\"\nhead_timeout = \"{}s\"\n\
             {settings}\n{endpoints}",
            BODY_TIME.as_secs(),
            HEAD_TIME.as_secs()
        );
        let path = |name: &str| folder.path().join(name);
        fs::write(path("countersign.toml"), config).expect("the folder is new");
        let file = |name| File::options().create(true).append(true).open(path(name)).expect("the folder is new");
        let process = Command::new(program())
            .args(["serve", "--bodies", "--config"])
            .arg(path("countersign.toml"))
            .env("SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("the program runs");
        let mut gateway = Self { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), folder, files: 0, memory: 0 };
        assert!(soon(|| gateway.listening().is_some()), "it does not listen: {}", gateway.log());
        gateway.address = gateway.listening().expect("it listens");
        gateway.warm_up();
        gateway
    }

    /// Sends some deliveries, so that one-time allocations such as the stacks of threads do not count as growth.
    fn warm_up(&mut self) {
        if self.config().contains("path = \"/github\"") {
            for _ in 0..64 {
                self.status_of(&delivery());
            }
            File::options().write(true).truncate(true).open(self.path("out")).expect("it is there");
        }
        self.files = 0;
        assert!(soon(|| self.open_files() < 40), "{} files are open", self.open_files());
        self.files = self.open_files();
        self.memory = resident(self.id());
    }

    /// The text of its configuration.
    ///
    /// # Panics
    ///
    /// If it is gone.
    pub fn config(&self) -> String {
        fs::read_to_string(self.path("countersign.toml")).expect("it is there")
    }

    /// A file beside its configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines on its standard output: accepted deliveries.
    ///
    /// # Panics
    ///
    /// If there are none to be read.
    pub fn accepted(&self) -> String {
        fs::read_to_string(self.path("out")).expect("it is there")
    }

    /// The lines on its standard error: refused requests.
    ///
    /// # Panics
    ///
    /// If there are none to be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("err")).expect("it is there")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn listening(&self) -> Option<SocketAddr> {
        let log = self.log();
        let (_, address) = log.split_once("listening on http://")?;
        address.split_once(' ')?.0.parse().ok()
    }

    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).expect("it runs").count()
    }
}

/// The endpoints of [`PROVIDERS`].
fn endpoints() -> String {
    let endpoint = |id| format!("[[endpoint]]\npath = \"/{id}\"\nprovider = \"{id}\"\nsecrets = [\"env:SECRET\"]\n");
    PROVIDERS.iter().map(|provider| endpoint(provider.id())).collect()
}

impl Server for Gateway {
    fn name(&self) -> &'static str {
        "countersign serve"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn handled(&self) -> usize {
        self.accepted().lines().count()
    }

    fn left_over(&self) -> usize {
        self.open_files().saturating_sub(self.files)
    }

    fn growth(&self) -> usize {
        resident(self.id()).saturating_sub(self.memory)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        assert!(std::thread::panicking() || !self.log().contains("panicked"), "{}", self.log());
    }
}
