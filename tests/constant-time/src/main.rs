//! Verifies with secrets that are marked as undefined, so that valgrind finds each branch and address that depends on
//! them.
//!
//! `tests/constant_time.rs` runs this program and reads its output. A line per trial has, separated by tabs, a word, a
//! name and the number of errors that valgrind found.

mod cases;
mod controls;
mod memcheck;
mod trial;

use std::hint::black_box;

fn main() {
    assert!(memcheck::is_running(), "this program is for valgrind: see tests/tests/constant_time.rs");
    for (name, control) in controls::ALL {
        let (mut secret, guess) = (*b"f3b1c0d15f6e4d0c", *b"f3b1c0d15f6e4d0d");
        memcheck::make_undefined(&mut secret);
        let before = memcheck::errors();
        black_box(control(&secret, &guess));
        println!("control\t{name}\t{}", memcheck::errors() - before);
    }
    println!("case\ta question with a token\t{}", trial::errors_when_asked());
    for case in cases::all() {
        for (signed_by, signer) in trial::SIGNED_BY {
            println!("case\t{}, signed by {signed_by}\t{}", case.name, trial::errors(&case, signer));
        }
    }
}
