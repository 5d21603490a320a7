//! Reads a request from a HAR file (HTTP Archive 1.2, <http://www.softwareishard.com/blog/har-12-spec/>).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::request::Parts;
use serde::Deserialize;

use crate::file_error::without_values;

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Entry {
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Field>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Field {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct PostData {
    /// Exporters may leave it out and write only the parsed `params`, from which the bytes cannot be restored.
    text: Option<String>,
    /// Not in the specification, but exporters write it for a body that is not text.
    #[serde(alias = "_encoding")]
    encoding: Option<String>,
}

/// The request number `entry`, counted from 1; without a number, the only one.
pub(super) fn parse(bytes: &[u8], entry: Option<usize>) -> Result<(Parts, Bytes), String> {
    let har: Har = serde_json::from_slice(bytes)
        .map_err(|error| format!("this is not a HAR file: {}", without_values(&error.to_string())))?;
    let mut entries = har.log.entries;
    let count = entries.len();
    let at = match entry {
        Some(entry) if (1..=count).contains(&entry) => entry - 1,
        Some(_) => return Err(format!("the HAR file has {count} requests, and none with this number")),
        None if count == 1 => 0,
        None => return Err(format!("the HAR file has {count} requests: choose one with --entry, counted from 1")),
    };
    let Request { method, url, headers, post_data } = entries.swap_remove(at).request;
    let parts = super::head(&method, &url, headers.into_iter().map(|Field { name, value }| (name, value)))?;
    let body = match post_data {
        None => Vec::new(),
        Some(PostData { text: None, .. }) => return Err(NO_TEXT.to_owned()),
        Some(PostData { text: Some(text), encoding: Some(encoding) }) if encoding == "base64" => STANDARD
            .decode(text)
            .map_err(|_| "the file says that the body of the request is base64, and it is not".to_owned())?,
        Some(PostData { text: Some(text), .. }) => text.into_bytes(),
    };
    Ok((parts, body.into()))
}

const NO_TEXT: &str = "the HAR file does not have the body of the request (`postData.text`), and a signature covers its bytes: \
                       save the request in another way";
