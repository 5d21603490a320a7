//! Keeps the secret that a provider sends in the handshake with which it begins.

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

/// The file for a secret that is not there yet.
#[derive(Clone)]
pub(crate) struct SentSecret {
    path: PathBuf,
    reload: Reload,
}

impl SentSecret {
    /// A file that is not there. The error says why it cannot be.
    pub(super) fn new(path: PathBuf, reload: Reload) -> Result<Self, String> {
        if !folder(&path).is_dir() {
            return Err(format!("there is no folder for {}: make it first", path.display()));
        }
        Ok(Self { path, reload })
    }
}

impl HandshakeSecrets for SentSecret {
    type Error = io::Error;

    /// Keeps the secret, and answers when deliveries are verified with it.
    async fn store(&self, _: &Parts, secret: &str) -> io::Result<Stored> {
        let (path, secret) = (self.path.clone(), secret.to_owned());
        let stored = spawn_blocking(move || keep(&path, &secret)).await.map_err(io::Error::other)??;
        if stored == Stored::New {
            // However long that takes, the secret is kept, and the provider has to be told so.
            let _ = timeout(RELOAD_LIMIT, self.reload.now()).await;
        }
        Ok(stored)
    }
}

/// Puts the secret into a file that was not there, and that only its owner can read. The file is there as a whole or not at
/// all, and of several who try at once exactly one succeeds.
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
    // The provider will not send it again, so its name has to outlast a loss of power too.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(Stored::New)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Providers wait 3 s to 10 s for the answer to a handshake.
const RELOAD_LIMIT: Duration = Duration::from_secs(2);
