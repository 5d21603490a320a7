//! A file system that is small enough to be full.

use std::{
    env,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::replay_faults::run;

/// Has what needs a small file system pass without one, where nobody may mount: its tests then test nothing.
const WITHOUT: &str = "COUNTERSIGN_TESTS_WITHOUT_MOUNT";

/// Tells a test that it runs where a small file system is mounted, and in which folder.
const MOUNTED: &str = "COUNTERSIGN_TESTS_SMALL_DISK";

/// Runs the test of this name a second time, in a process that has a file system of this size (`5m`) at a folder of its own, and
/// there has `test` do what it does.
///
/// It needs a system on which this user may mount what is in memory: root, or anybody in a space of mounts of their own. With
/// `COUNTERSIGN_TESTS_WITHOUT_MOUNT=1` it goes without where nobody may, and says that nothing was tested.
///
/// # Panics
///
/// If the test does, or if nobody may mount.
pub fn on_a_small_disk<F: Future<Output = ()>>(name: &str, size: &str, test: impl FnOnce(PathBuf) -> F) {
    if let Some(disk) = env::var_os(MOUNTED) {
        return run(test(disk.into()));
    }
    let folder = TempDir::new().expect("a folder can be made");
    if !with_mount(folder.path(), size, &["true"]).is_some_and(|output| output.status.success()) {
        assert!(
            env::var_os(WITHOUT).is_some(),
            "{name} needs a disk of its own, and this system lets nobody mount one: run the tests where root or a user with \
             `unshare` may, or go without this test with {WITHOUT}=1"
        );
        eprintln!("NOT TESTED: {name}, for this system lets nobody mount a disk of their own");
        return;
    }
    let program = env::current_exe().expect("a test is a program");
    let program = program.to_str().expect("cargo's paths are text");
    let output = with_mount(folder.path(), size, &[program, "--exact", name, "--nocapture"]).expect("it has just run");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// Runs a command in a space of mounts of its own, as the user that this process is: Postgres does not run as root.
fn with_mount(disk: &Path, size: &str, command: &[&str]) -> Option<Output> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let mount = "mount -t tmpfs -o \"size=$1\" tmpfs \"$2\" && shift 2 &&";
    let mut unshare = Command::new("unshare");
    if user.is_root() {
        unshare.args(["--mount", "sh", "-c", &format!("{mount} exec \"$@\"")]);
    } else {
        // Only who is root there may mount, and only in a further space can they be themselves again.
        let back = format!("exec unshare --map-user={} --map-group={}", user.as_raw(), group.as_raw());
        unshare.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mount} {back} \"$@\"")]);
    }
    unshare.args(["sh", size]).arg(disk).args(command).env(MOUNTED, disk).output().ok()
}

/// A file that takes what room there is.
#[derive(Debug)]
pub struct Ballast(PathBuf);

impl Ballast {
    /// Takes all room on a disk but so many bytes.
    ///
    /// # Panics
    ///
    /// If the disk cannot be written to.
    pub fn leaving(bytes: u64, disk: &Path) -> Self {
        let path = disk.join("ballast");
        let mut file = File::create(&path).expect("a file can be made");
        let mut length = 0;
        loop {
            match file.write(&[1; 16 << 10]) {
                Ok(written) => length += written as u64,
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
        assert!(length > bytes, "there were only {length} bytes left");
        file.set_len(length - bytes).expect("a file can be made shorter");
        Self(path)
    }

    /// Makes room again.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn remove(self) {
        fs::remove_file(&self.0).expect("one's own file can be removed");
    }
}
