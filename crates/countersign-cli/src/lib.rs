//! The countersign command, as a library for its tests.
