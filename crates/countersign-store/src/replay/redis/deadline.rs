//! How long a call may take.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::RedisStoreError;

/// When a call has to have an answer.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    limit: Duration,
    end: Instant,
}

/// For limits that the clock cannot hold: thirty years.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, end: now.checked_add(limit).unwrap_or(now + FAR) }
    }

    /// An earlier one, for a step after which others may be taken.
    pub(super) fn of_a_step(self) -> Self {
        let limit = self.limit / 4;
        Self { limit, end: Self::after(limit).end.min(self.end) }
    }

    /// What comes of a step, or the error that it took too long.
    pub(super) async fn keep<T>(self, step: impl Future<Output = T>) -> Result<T, RedisStoreError> {
        timeout_at(self.end, step).await.map_err(|_| RedisStoreError::Timeout { limit: self.limit })
    }
}
