//! The deadline of a call.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::RedisStoreError;

/// The time by which a call must have its answer.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    limit: Duration,
    end: Instant,
}

/// Thirty years: for timeouts that the clock cannot represent.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, end: now.checked_add(limit).unwrap_or(now + FAR) }
    }

    /// An earlier deadline, for a step that other steps may follow: a quarter of the timeout.
    pub(super) fn of_a_step(self) -> Self {
        let limit = self.limit / 4;
        Self { limit, end: Self::after(limit).end.min(self.end) }
    }

    /// The output of a step, or [`RedisStoreError::Timeout`] if it takes too long.
    pub(super) async fn limit<T>(self, step: impl Future<Output = T>) -> Result<T, RedisStoreError> {
        timeout_at(self.end, step).await.map_err(|_| RedisStoreError::Timeout { limit: self.limit })
    }
}
