//! A file system that is small enough to fill up in a test.

use std::{
    env,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::replay_faults::run;

/// With this variable, tests that need a small file system pass without testing anything where mounting is not allowed.
const WITHOUT: &str = "COUNTERSIGN_TESTS_WITHOUT_MOUNT";

/// The folder at which the small file system of a test is mounted.
const MOUNTED: &str = "COUNTERSIGN_TESTS_SMALL_DISK";

/// Runs the test of this name again in a child process that has a file system of this size (`5m`) mounted. There it
/// calls `test` with the folder of the mount.
///
/// The user must be allowed to mount a tmpfs: as root, or in a mount namespace. With
/// `COUNTERSIGN_TESTS_WITHOUT_MOUNT=1` the test passes where this is not allowed, and prints that nothing was tested.
///
/// # Panics
///
/// If the test does, or if mounting is not allowed.
pub fn on_a_small_disk<F: Future<Output = ()>>(name: &str, size: &str, test: impl FnOnce(PathBuf) -> F) {
    if let Some(disk) = env::var_os(MOUNTED) {
        return run(test(disk.into()));
    }
    let folder = TempDir::new().expect("a folder can be made");
    if !with_mount(folder.path(), size, &["true"]).is_some_and(|output| output.status.success()) {
        assert!(
            env::var_os(WITHOUT).is_some(),
            "{name} needs to mount a tmpfs, which this system does not allow: run the tests as root or where `unshare` works, or \
             skip this test with {WITHOUT}=1"
        );
        eprintln!("NOT TESTED: {name}, since this system does not allow to mount a tmpfs");
        return;
    }
    let program = env::current_exe().expect("a test is a program");
    let program = program.to_str().expect("cargo's paths are text");
    let output = with_mount(folder.path(), size, &[program, "--exact", name, "--nocapture"]).expect("it has just run");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// Runs a command in a new mount namespace, as the same user as this process: Postgres does not run as root.
fn with_mount(disk: &Path, size: &str, command: &[&str]) -> Option<Output> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let mount = "mount -t tmpfs -o \"size=$1\" tmpfs \"$2\" && shift 2 &&";
    let mut unshare = Command::new("unshare");
    if user.is_root() {
        unshare.args(["--mount", "sh", "-c", &format!("{mount} exec \"$@\"")]);
    } else {
        // Only root of the namespace may mount. A second namespace changes back to the user.
        let back = format!("exec unshare --map-user={} --map-group={}", user.as_raw(), group.as_raw());
        unshare.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mount} {back} \"$@\"")]);
    }
    unshare.args(["sh", size]).arg(disk).args(command).env(MOUNTED, disk).output().ok()
}

/// A file that fills a disk.
#[derive(Debug)]
pub struct Ballast(PathBuf);

impl Ballast {
    /// Fills a disk except for so many bytes.
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

    /// Removes the file.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn remove(self) {
        fs::remove_file(&self.0).expect("one's own file can be removed");
    }
}
