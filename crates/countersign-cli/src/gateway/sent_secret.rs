//! Stores the secret that a provider sends in its first handshake.

use std::{
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_tower::{HandshakeSecrets, Stored};
use http::request::Parts;
use tempfile::NamedTempFile;
use tokio::{task::spawn_blocking, time::timeout};

use super::reload::Reload;

/// The file for a secret that has not arrived yet.
#[derive(Clone)]
pub(crate) struct SentSecret {
    path: PathBuf,
    reload: Reload,
}

impl SentSecret {
    /// A file that does not exist yet. The error says why it could not be created.
    pub(super) fn new(path: PathBuf, reload: Reload) -> Result<Self, String> {
        if !folder(&path).is_dir() {
            return Err(format!("there is no folder for {}: create it first", path.display()));
        }
        Ok(Self { path, reload })
    }
}

impl HandshakeSecrets for SentSecret {
    type Error = io::Error;

    /// Writes the secret to the file, and returns when deliveries are verified with it.
    async fn store(&self, _: &Parts, secret: &str) -> io::Result<Stored> {
        let (path, secret) = (self.path.clone(), secret.to_owned());
        let stored = spawn_blocking(move || keep(&path, &secret)).await.map_err(io::Error::other)??;
        if stored == Stored::New {
            // Even if the reload takes longer, the secret is stored, and the provider has to be told so.
            let _ = timeout(RELOAD_LIMIT, self.reload.now()).await;
        }
        Ok(stored)
    }
}

/// Creates the file with the secret, which only its owner can read. It is created atomically: of several calls at once,
/// exactly one succeeds.
fn keep(path: &Path, secret: &str) -> io::Result<Stored> {
    let folder = folder(path);
    let mut file = NamedTempFile::new_in(folder)?;
    writeln!(file, "{secret}")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return Ok(Stored::AlreadyThere),
        Err(error) => return Err(error.error),
    }
    // The provider does not send the secret again, so the name of the file has to survive a loss of power, too.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(Stored::New)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How long a handshake waits for the reload. Providers wait 3 s to 10 s for the answer.
const RELOAD_LIMIT: Duration = Duration::from_secs(2);
