//! Compressed bodies whose decompressed bytes were signed.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

use super::{BodyMistake, variants::BodyVariants};

pub(super) fn add(body: &[u8], variants: &mut BodyVariants) {
    let unpacked = match body {
        [0x1f, 0x8b, ..] => read(GzDecoder::new(body)),
        // RFC 1950 section 2.2: deflate with a window of at most 32 KiB, and a multiple of 31.
        [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0 => {
            read(ZlibDecoder::new(body))
        }
        // Some senders use deflate without a header under that name. Text is rarely valid deflate.
        [first, ..] if !first.is_ascii_graphic() => read(DeflateDecoder::new(body)),
        _ => None,
    };
    if let Some(unpacked) = unpacked {
        variants.add(unpacked, BodyMistake::StillCompressed);
    }
}

fn read(decoder: impl Read) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    let read = decoder.take(MAX_UNPACKED).read_to_end(&mut unpacked).ok()?;
    (0..MAX_UNPACKED).contains(&(read as u64)).then_some(unpacked)
}

/// In bytes, more than any provider sends. A small body can expand to a thousand times its size.
const MAX_UNPACKED: u64 = 4 << 20;
