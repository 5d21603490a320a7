//! The `countersign` command as a library: [`run`] runs a command, [`vectors`] is for tests with signed requests.
//!
//! - `demo` runs a server and simulated providers on loopback;
//! - `serve` is a gateway: endpoints from a file, one JSON line for each delivery;
//! - `send` signs and sends as a provider would, `verify` verifies a saved request, `explain` says why it
//!   is refused;
//! - `audit` sends a receiver what a forger would;
//! - `providers` shows the catalogue, `vectors` runs files of signed requests.
//!
//! The exit status is 0 for done or accepted, 1 for refused or failed, and 2 for a mistake in the command line or its
//! input, or a gateway that cannot start.

mod cli;
mod client;
mod cmd;
mod endpoint_args;
mod failure;
mod file_error;
mod gateway;
mod log_line;
mod moment;
mod output;
mod random;
mod saved_request;
mod scheme_source;
mod secrets;
mod tamper;
pub mod vectors;

pub use cli::run;
