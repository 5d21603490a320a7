//! Reads one case from a vector file: its request, and what it says about the endpoint.

use std::path::Path;

use bytes::Bytes;
use countersign::Timestamp;

use super::{Saved, SavedEndpoint};
use crate::vectors::{self, Case};

/// The case called `name`, or number `entry`, counted from 1; without both, the only one.
pub(super) fn parse(bytes: &[u8], folder: &Path, entry: Option<usize>, name: Option<&str>) -> Result<Saved, String> {
    let mut file = vectors::parse(bytes, folder)?;
    let count = file.cases.len();
    let at = match (name, entry) {
        (Some(name), _) => {
            file.cases.iter().position(|case| case.name == name).ok_or("the vector file has no case with this name")?
        }
        (None, Some(entry)) if (1..=count).contains(&entry) => entry - 1,
        (None, Some(_)) => return Err(format!("the vector file has {count} cases, and none with this number")),
        (None, None) if count == 1 => 0,
        (None, None) => {
            return Err(format!(
                "the vector file has {count} cases: choose one by name with --case, or by number, from 1, with --entry"
            ));
        }
    };
    let Case { keys, now, request, config, .. } = file.cases.swap_remove(at);
    let parts = request
        .head()
        .map_err(|what| format!("an HTTP server would refuse this request: it does not accept {what}"))?;
    file.config.extend(config);
    let endpoint = SavedEndpoint {
        now: Some(Timestamp::from_unix_seconds(now)),
        public_url: Some(request.public_url().to_owned()),
        secrets: keys,
        settings: file.config.into_iter().map(|(name, value)| (name, value.as_text())).collect(),
    };
    Ok(Saved { parts, body: Bytes::from(request.body), endpoint })
}
