//! Whether each event is handled once: deliveries with duplicates, workers that fail, are cancelled and killed, and a checker
//! that reads what really happened.
//!
//! [`run`] is the sender: it sends each delivery until it is answered with 2xx, as a provider does. Its workers are
//! processes where the store is shared, and tasks where it is in memory. What they do they write to one file, each line with
//! one write, so that the file has it in the order in which it happened and keeps it when a worker is killed. They ask the store
//! themselves, or have it all done by the layer ([`Through`]). [`check`] proves from the file alone that
//!
//! - no event was handled zero times,
//! - none was handled by two at a time,
//! - none was handled again after a commit that was acknowledged,
//! - none was called done that nobody had handled.

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
