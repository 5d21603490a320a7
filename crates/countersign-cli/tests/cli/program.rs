//! Helpers: runs the program, and checks what it printed.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use countersign::{Provider, Signer, Timestamp};
use http::Request;
use tempfile::TempDir;

/// The secret of every test. No output may contain it.
pub(crate) const SECRET: &str = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHM=";

/// The time at which saved requests were sent.
pub(crate) const NOW: &str = "2026-01-01T00:00:00Z";

/// The program with a clean environment, in which `SECRET` holds the secret.
pub(crate) fn countersign() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.env_clear().env("SECRET", SECRET).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Asserts that the run ended with status 2, and that standard error is one line with these words.
    #[track_caller]
    pub(crate) fn is_mistake(&self, words: &[&str]) {
        assert_eq!((self.code, &*self.out), (2, ""), "{self:?}");
        assert!(self.err.starts_with("countersign: ") && self.err.trim_end().lines().count() == 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {}", self.err);
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

pub(crate) fn run<S: AsRef<str>>(args: &[S]) -> Ran {
    run_with(args, b"")
}

pub(crate) fn run_with<S: AsRef<str>>(args: &[S], stdin: &[u8]) -> Ran {
    let mut command = countersign();
    command.args(args.iter().map(AsRef::as_ref)).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    ran(child.wait_with_output().unwrap())
}

#[track_caller]
pub(crate) fn ran(output: Output) -> Ran {
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for text in [&out, &err] {
        assert!(!text.contains(SECRET) && !text.contains(&SECRET[6..20]), "the secret was printed: {text}");
        assert!(!text.contains('\x1b'), "there are colours in a pipe: {text:?}");
        assert!(!text.contains("panicked"), "{text}");
    }
    Ran { code: output.status.code().unwrap(), out, err }
}

/// A process that is killed when this is dropped, so that a failed test leaves nothing behind.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder for one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// A signed request as it is on the wire.
pub(crate) fn signed(provider: Provider, body: &[u8]) -> Vec<u8> {
    let signer = Signer::with_public_url(provider, SECRET, "https://example.com/in").unwrap();
    let request = Request::post("/in").body(body.to_vec()).unwrap();
    let (parts, body) = signer.sign(request, Timestamp::from_unix_seconds(1_767_225_600)).unwrap().into_parts();
    let mut text = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri).into_bytes();
    for (name, value) in &parts.headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    [&text, &b"\r\n"[..], &body].concat()
}

/// The folder with the vectors of the workspace.
pub(crate) fn vectors() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors"))
}
