//! Confirms subscriptions, where the configuration says so.

use countersign_tower::Confirm;
use http::Uri;

use crate::client::Client;

/// Fetches the URL that a verified question tells, which is on a host that the scheme allows. It follows no redirect.
pub(super) struct Fetch;

impl Confirm for Fetch {
    type Error = String;

    async fn confirm(&self, url: &str) -> Result<(), String> {
        let url: Uri = url.parse().map_err(|_| "the URL is none".to_owned())?;
        let fetch = move || Client::to(url.host().unwrap_or_default()).get(&url, MAX_ANSWER);
        let fetched = tokio::task::spawn_blocking(fetch).await.map_err(|error| error.to_string())?;
        fetched.map(drop)
    }
}

/// In bytes. SNS answers with less than 1 KiB of XML.
const MAX_ANSWER: usize = 64 * 1024;
