//! Checks that each event is handled once, with duplicate deliveries and with workers that fail, are cancelled and are
//! killed.
//!
//! [`run`] is the sender: it sends each delivery until it is answered with 2xx, as a provider does. Its workers are
//! processes if the store is shared, and tasks if it is in memory. They record each step in one file with one write, so
//! that the file has the steps in order, and keeps them when a worker is killed. They call the store themselves, or go
//! through the layer ([`Through`]). [`check`] proves from the file alone that
//!
//! - every event was handled,
//! - no event was handled by two workers at the same time,
//! - no event was handled again after an acknowledged commit,
//! - no claim was answered "done" before the event was handled.

mod check;
mod layer;
mod record;
mod sender;
mod stores;
mod worker;

pub use self::{
    check::{Found, check},
    record::{Kind, Record},
    sender::{Plan, Summary, run},
    stores::{Kept, StoreKind},
    worker::{Through, work_on_stdin},
};
