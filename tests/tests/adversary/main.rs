//! Attacks on real sockets: on an axum app with every layer, and on `countersign serve`.
//!
//! After each attack the server must be as if nothing had happened: see [`Server::is_unharmed`]. `ADVERSARY.md` lists
//! every known attack, and the tests against it.

mod audit;
mod audit_transport;
mod bodies;
mod connections;
mod content;
mod floods;
mod framing;
mod handlers;
mod heads;
mod table;
mod under_load;
