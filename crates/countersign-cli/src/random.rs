//! Random text for secrets and ids.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::failure::Failure;

/// 256 random bits in base64: long enough for a secret of any provider.
pub(crate) fn secret() -> Result<String, Failure> {
    bytes::<32>().map(|bytes| STANDARD.encode(bytes))
}

/// A random UUID, version 4.
pub(crate) fn uuid() -> Result<String, Failure> {
    let mut bytes = bytes::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot get random numbers from the system: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{secret, uuid};

    #[test]
    fn no_two_are_alike() {
        assert_ne!(secret().unwrap(), secret().unwrap());
        let id = uuid().unwrap();
        assert_eq!((id.len(), id.as_bytes()[14], id.matches('-').count()), (36, b'4', 4));
    }
}
