//! Decodes the text form of keys: PEM (RFC 7468), or bare base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::error::{KeyError, MAX_KEY_TEXT};

/// One block of a PEM text.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// The blocks of a PEM text. Text around them is skipped, by RFC 7468 section 2.
///
/// White space in the base64 is skipped as well, and so are `\n` and `\r` written as two characters each: JSON and
/// environment files turn line ends into these.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, KeyError> {
    let text = unescaped(text)?;
    let mut rest = text.as_str();
    let mut blocks = Vec::new();
    while let Some((_, opened)) = rest.split_once("-----BEGIN ") {
        let (label, body) = opened.split_once("-----").ok_or(MALFORMED)?;
        let (base64, closed) = body.split_once("-----END ").ok_or(MALFORMED)?;
        rest = closed.strip_prefix(label).and_then(|rest| rest.strip_prefix("-----")).ok_or(MALFORMED)?;
        // The headers of RFC 1421, which old versions of OpenSSL write for encrypted keys.
        if base64.contains("Proc-Type:") {
            return Err(KeyError::Encrypted);
        }
        blocks.push(Block { label: label.to_owned(), der: decode(base64).ok_or(MALFORMED)? });
    }
    if blocks.is_empty() { Err(MALFORMED) } else { Ok(blocks) }
}

/// The bytes of padded base64, on any number of lines.
pub(super) fn bare(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    decode(&unescaped(text)?)
        .filter(|der| !der.is_empty())
        .ok_or(KeyError::Malformed { format: "a public key in PEM, in base64 of its DER, or as a JWK" })
}

fn unescaped(text: &str) -> Result<Zeroizing<String>, KeyError> {
    if text.len() > MAX_KEY_TEXT {
        return Err(KeyError::TooLarge);
    }
    let text = Zeroizing::new(text.replace("\\r", "\r"));
    Ok(Zeroizing::new(text.replace("\\n", "\n")))
}

fn decode(base64: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(String::with_capacity(base64.len()));
    plain.extend(base64.chars().filter(|character| !character.is_ascii_whitespace()));
    STANDARD.decode(plain.as_bytes()).ok().map(Zeroizing::new)
}

const MALFORMED: KeyError = KeyError::Malformed { format: "a key in PEM" };
