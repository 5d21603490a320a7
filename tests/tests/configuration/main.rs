//! The configuration of endpoints and signers: what is refused, with which hint, and what is never shown.

mod hidden;
mod keys;
mod secrets;
mod settings;
