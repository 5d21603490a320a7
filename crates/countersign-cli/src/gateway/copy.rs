//! A file with the last good copy of a list of addresses. Its first line names the list.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{Timestamp, address::MAX_LIST_BYTES};
use http::Uri;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::sources::is_used_up;

/// A file for the copy of the list at a URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ListCopy {
    pub(crate) path: PathBuf,
    pub(crate) url: Uri,
}

/// The content of such a file.
pub(super) enum Found {
    Nothing,
    Content {
        content: Vec<u8>,
        as_of: Timestamp,
    },
    /// The copy of another list, whose addresses may not be meant for this one.
    Another,
    /// Not a copy of any list, but for example a secret, or a file that cannot be read. Says which.
    NoCopy(String),
}

impl ListCopy {
    pub(super) fn find(&self) -> Found {
        let modified = self.path.metadata().and_then(|data| data.modified());
        let (as_of, content) = match modified.and_then(|as_of| Ok((as_of, read(&self.path)?))) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
            Err(error) => {
                return Found::NoCopy(format!("{} cannot be read: {error}; name another file", self.path.display()));
            }
        };
        match content.strip_prefix(self.first_line().as_bytes()) {
            Some(content) => Found::Content { content: content.to_vec(), as_of: as_of.into() },
            None if content.is_empty() => Found::Nothing,
            None if content.starts_with(MARK.as_bytes()) => Found::Another,
            None => Found::NoCopy("the file exists and is not a copy of a list: name another file".to_owned()),
        }
    }

    /// Writes the copy atomically: one that was cut off could not be read at the next start. Never replaces a file that
    /// is not a copy.
    pub(super) fn keep(&self, content: &[u8]) -> io::Result<()> {
        if let Found::NoCopy(problem) = self.find() {
            return Err(io::Error::other(problem));
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(self.first_line().as_bytes())?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }

    /// Names the URL by its hash, since its query may hold a credential.
    fn first_line(&self) -> String {
        let hash = STANDARD.encode(Sha256::digest(self.url.to_string()));
        format!("{MARK}{} ({hash})\n", self.url.host().unwrap_or_default())
    }
}

/// The beginning of every copy.
const MARK: &str = "# countersign: a copy from ";

/// Reads the file of a list, up to one byte more than a list may have, which shows that it is too long.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    if is_used_up(path) {
        // To open a pipe waits for a writer, perhaps for ever.
        return Err(io::Error::other("it is a pipe or a device: use a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take((MAX_LIST_BYTES + FIRST_LINE) as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// In bytes. A host name has 255 at most.
const FIRST_LINE: usize = 512;
