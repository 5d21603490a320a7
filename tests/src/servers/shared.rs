//! A server that tests share.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A value that exists as long as a test of the program needs it.
#[derive(Debug)]
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    /// Empty, until a test needs the value.
    #[expect(clippy::new_without_default, reason = "it stands in a static, where only a constant can")]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The existing value, or a new one.
    pub fn or_start(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let new = Arc::new(start());
            *shared = Arc::downgrade(&new);
            new
        })
    }
}
