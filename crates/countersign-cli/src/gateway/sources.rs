//! The files that a configuration was read from, and a fingerprint of their content to detect changes.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The files that were read, or could not be.
#[derive(Default)]
pub(crate) struct Sources(RefCell<BTreeSet<PathBuf>>);

/// A hash of the content of files. It follows links and ignores the times of files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Sources {
    pub(crate) fn add(&self, path: &Path) {
        self.0.borrow_mut().insert(path.to_owned());
    }

    pub(crate) fn into_files(self) -> BTreeSet<PathBuf> {
        self.0.into_inner()
    }
}

impl Fingerprint {
    pub(crate) fn of(files: &BTreeSet<PathBuf>) -> Self {
        let mut hash = Sha256::new();
        for file in files {
            hash.update(content(file));
        }
        Self(hash.finalize().into())
    }
}

/// Whether this is a pipe or a device, which can be read only once.
pub(crate) fn is_used_up(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The hash of a file's content, or zeros if there is no file. It does not read pipes, which can be read only once.
fn content(file: &Path) -> [u8; 32] {
    let is_file = fs::metadata(file).is_ok_and(|metadata| metadata.is_file());
    let content = if is_file { fs::read(file).ok() } else { None };
    content.map(|content| Sha256::digest(content).into()).unwrap_or_default()
}
