//! What an endpoint and a signer are made of: what is refused, with a hint, and what never comes out again.

mod hidden;
mod keys;
mod secrets;
mod settings;
