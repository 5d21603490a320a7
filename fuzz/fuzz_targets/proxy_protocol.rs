#![no_main]
//! Any beginning of a connection: no panic, and the same header whether it is read at once or in the requested pieces.

use countersign::address::proxy_protocol::{Header, HeaderError, MAX_LENGTH, Progress, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = parse(data);
    match whole {
        Ok(Progress::Done { length, .. }) => {
            assert!((15..=MAX_LENGTH.min(data.len())).contains(&length));
            assert_eq!(parse(&data[..length]), whole);
        }
        Ok(Progress::Needs(more)) => assert!(more > 0 && data.len() + more <= MAX_LENGTH),
        Err(_) => {}
    }
    match (as_asked(data), whole) {
        (Some(Ok((length, header))), whole) => assert_eq!(whole, Ok(Progress::Done { length, header })),
        (Some(Err(_)), whole) => assert!(!matches!(whole, Ok(Progress::Done { .. }))),
        (None, whole) => assert!(!matches!(whole, Ok(Progress::Done { .. }))),
    }
});

/// The header for a reader that never reads more than requested. `None` if the data ends first.
fn as_asked(data: &[u8]) -> Option<Result<(usize, Header), HeaderError>> {
    let mut end = 0;
    loop {
        match parse(data.get(..end)?) {
            Ok(Progress::Done { length, header }) => {
                assert_eq!(length, end, "it read beyond the header");
                return Some(Ok((length, header)));
            }
            Ok(Progress::Needs(more)) => end += more,
            Err(error) => return Some(Err(error)),
        }
    }
}
