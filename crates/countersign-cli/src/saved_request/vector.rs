//! Takes one case out of a vector file: its request, and what it tells of the endpoint.

use std::path::Path;

use bytes::Bytes;
use countersign::Timestamp;

use super::{Saved, Told};
use crate::vectors::{self, Case};

/// The case called `name`, or at place `entry`, counted from 1; the only one if neither is given.
pub(super) fn parse(bytes: &[u8], folder: &Path, entry: Option<usize>, name: Option<&str>) -> Result<Saved, String> {
    let mut file = vectors::parse(bytes, folder)?;
    let count = file.cases.len();
    let at = match (name, entry) {
        (Some(name), _) => {
            file.cases.iter().position(|case| case.name == name).ok_or("the file has no case of this name")?
        }
        (None, Some(entry)) if (1..=count).contains(&entry) => entry - 1,
        (None, Some(_)) => return Err(format!("the vector file has {count} cases, and none of this number")),
        (None, None) if count == 1 => 0,
        (None, None) => {
            return Err(format!(
                "the vector file has {count} cases: name one with --case, or with --entry by its number, from 1 on"
            ));
        }
    };
    let Case { keys, now, request, config, .. } = file.cases.swap_remove(at);
    let parts = request.head().map_err(|what| format!("no HTTP server hands such a request on: {what}"))?;
    file.config.extend(config);
    let told = Told {
        now: Some(Timestamp::from_unix_seconds(now)),
        public_url: Some(request.public_url().to_owned()),
        secrets: keys,
        settings: file.config.into_iter().map(|(name, value)| (name, value.as_text())).collect(),
    };
    Ok(Saved { parts, body: Bytes::from(request.body), told })
}
