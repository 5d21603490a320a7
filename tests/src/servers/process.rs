//! The process of a server.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A server's process, which is killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

/// How long a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

impl Process {
    /// Starts a program.
    ///
    /// # Panics
    ///
    /// If it is not there: `tests/run.sh` installs it.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name}: {error}; tests/run.sh installs what the tests need"));
        Self { child, name }
    }

    /// Waits until the server listens.
    pub fn wait_until_it_listens(&mut self, at: SocketAddr) {
        self.wait_until(|| TcpStream::connect(at).is_ok());
    }

    /// Waits until the server is ready.
    ///
    /// # Panics
    ///
    /// If the process ends before, or takes a minute.
    pub fn wait_until(&mut self, is_ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_ready() {
            self.assert_alive();
            assert!(start.elapsed() < START, "{} is not ready", self.name);
            sleep(Duration::from_millis(10));
        }
        self.assert_alive();
    }

    /// # Panics
    ///
    /// If the process has ended.
    fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
            panic!("{} has ended: {status}", self.name);
        }
    }

    /// `kill -9` to it and to the processes that it started, and waits for their end.
    pub fn kill(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let children = children(self.id());
        self.signal(Signal::KILL);
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Postgres does not start while one of its old processes still has the shared memory.
        let start = Instant::now();
        while children.iter().any(|id| is_running(*id)) && start.elapsed() < START {
            sleep(Duration::from_millis(1));
        }
    }

    /// Pauses the process (`SIGSTOP`): it neither answers nor closes its connections.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes the process.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    fn signal(&self, signal: Signal) {
        let id = self.id();
        for id in children(id).into_iter().chain([id]).filter_map(Pid::from_raw) {
            // A process that has ended needs no signal.
            let _ = kill_process(id, signal);
        }
    }
}

/// The processes that this one started and that still run.
fn children(parent: i32) -> Vec<i32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(id: i32) -> Option<i32> {
    stat(id)?.1.parse().ok()
}

/// Whether a process is running, and not a zombie.
fn is_running(id: i32) -> bool {
    stat(id).is_some_and(|(state, _)| !matches!(&*state, "Z" | "X"))
}

/// The state and the parent of a process.
fn stat(id: i32) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // They follow the name, which may contain any character.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().map(str::to_owned);
    Some((fields.next()?, fields.next()?))
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A free address on loopback. Its port is below the ephemeral ports, so that the system gives it to no other process.
///
/// # Panics
///
/// If the system has no port left.
pub fn free_address() -> SocketAddr {
    // Each process begins at another port.
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let start = std::process::id() % u32::from(PORTS);
        AtomicU16::new(u16::try_from(start).unwrap_or_default())
    });
    let ports = (0..PORTS).map(|_| FIRST_PORT + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS);
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a port is free")
}

const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;
