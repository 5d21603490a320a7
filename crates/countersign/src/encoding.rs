//! The encodings of tags and secrets as text: the scheme declares one, it is never guessed.

use base64::{
    Engine as _,
    engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use faster_hex::CheckCase;

/// The most bytes that any tag decodes to: a SHA-512 digest.
pub(crate) const MAX_TAG: usize = 64;

/// A text encoding of bytes. Each is canonical: one text for one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Hexadecimal digits `0-9a-f`.
    HexLower,
    /// Hexadecimal digits `0-9A-F`.
    HexUpper,
    /// Hexadecimal digits in either case, even mixed.
    HexAny,
    /// RFC 4648 section 4, with padding.
    Base64,
    /// RFC 4648 section 4, without padding.
    Base64Unpadded,
    /// RFC 4648 section 5, with padding.
    Base64Url,
    /// RFC 4648 section 5, without padding.
    Base64UrlUnpadded,
}

impl Encoding {
    pub(crate) const ALL: [Self; 7] = [
        Self::HexLower,
        Self::HexUpper,
        Self::HexAny,
        Self::Base64,
        Self::Base64Unpadded,
        Self::Base64Url,
        Self::Base64UrlUnpadded,
    ];

    /// Its name in scheme files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HexLower => "hex",
            Self::HexUpper => "hex-upper",
            Self::HexAny => "hex-any-case",
            Self::Base64 => "base64",
            Self::Base64Unpadded => "base64-unpadded",
            Self::Base64Url => "base64url",
            Self::Base64UrlUnpadded => "base64url-unpadded",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// Decodes a text that must fill `target` exactly.
    pub(crate) fn decode_exactly(self, text: &[u8], target: &mut [u8]) -> Option<()> {
        let len = target.len();
        if text.len() != self.encoded_len(len) {
            return None;
        }
        match self.hex_case() {
            Some(case) => faster_hex::hex_decode_with_case(text, target, case).ok().map(drop),
            None => (self.base64()?.decode_slice(text, target).ok()? == len).then_some(()),
        }
    }

    /// Decodes a secret of any length.
    pub(crate) fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        let Some(case) = self.hex_case() else {
            return self.base64()?.decode(text).ok();
        };
        if !text.len().is_multiple_of(2) {
            return None;
        }
        let mut bytes = vec![0; text.len() / 2];
        faster_hex::hex_decode_with_case(text, &mut bytes, case).ok()?;
        Some(bytes)
    }

    /// Writes `bytes` as text; mixed-case hex is written in lower case.
    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::HexLower | Self::HexAny => faster_hex::hex_string(bytes),
            Self::HexUpper => faster_hex::hex_string_upper(bytes),
            _ => self.base64().map_or_else(String::new, |alphabet| alphabet.encode(bytes)),
        }
    }

    /// Whether `byte` is in the alphabet.
    pub(crate) fn takes(self, byte: u8) -> bool {
        match self {
            Self::HexLower => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::HexUpper => matches!(byte, b'0'..=b'9' | b'A'..=b'F'),
            Self::HexAny => byte.is_ascii_hexdigit(),
            Self::Base64 | Self::Base64Unpadded => byte.is_ascii_alphanumeric() || b"+/=".contains(&byte),
            Self::Base64Url | Self::Base64UrlUnpadded => byte.is_ascii_alphanumeric() || b"-_=".contains(&byte),
        }
    }

    /// How many characters the encoding of `len` bytes has.
    pub(crate) fn encoded_len(self, len: usize) -> usize {
        match self {
            Self::HexLower | Self::HexUpper | Self::HexAny => len * 2,
            Self::Base64 | Self::Base64Url => len.div_ceil(3) * 4,
            Self::Base64Unpadded | Self::Base64UrlUnpadded => (len * 4).div_ceil(3),
        }
    }

    fn hex_case(self) -> Option<CheckCase> {
        match self {
            Self::HexLower => Some(CheckCase::Lower),
            Self::HexUpper => Some(CheckCase::Upper),
            Self::HexAny => Some(CheckCase::None),
            _ => None,
        }
    }

    /// The alphabet and padding. Both are checked strictly, and trailing bits must be zero.
    fn base64(self) -> Option<&'static GeneralPurpose> {
        match self {
            Self::Base64 => Some(&STANDARD),
            Self::Base64Unpadded => Some(&STANDARD_NO_PAD),
            Self::Base64Url => Some(&URL_SAFE),
            Self::Base64UrlUnpadded => Some(&URL_SAFE_NO_PAD),
            Self::HexLower | Self::HexUpper | Self::HexAny => None,
        }
    }
}
