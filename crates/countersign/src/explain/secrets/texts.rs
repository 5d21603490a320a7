//! Variants of a pasted secret: without stray characters, with or without a prefix, unescaped.

use zeroize::Zeroizing;

use super::SecretMistake;

/// A text, and the mistakes by which the configured one differs from it.
pub(super) struct Text {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) mistakes: Vec<SecretMistake>,
}

/// The configured text first.
pub(super) fn variants(pasted: &[u8]) -> Vec<Text> {
    let mut texts = vec![Text { bytes: Zeroizing::new(pasted.to_vec()), mistakes: Vec::new() }];
    let cleaned = cleaned(pasted);
    if cleaned.len() != pasted.len() {
        push(&mut texts, cleaned, vec![SecretMistake::Stray { at_sender: false }]);
    }
    let stray: Vec<SecretMistake> = texts.last().map(|text| text.mistakes.clone()).unwrap_or_default();
    let with = |mistake| stray.iter().cloned().chain([mistake]).collect::<Vec<_>>();

    for at in prefix_ends(cleaned) {
        push(&mut texts, &cleaned[at..], with(SecretMistake::Prefix { missing: false }));
    }
    for prefix in PREFIXES {
        if !cleaned.starts_with(prefix) {
            push(&mut texts, &joined(prefix, cleaned), with(SecretMistake::Prefix { missing: true }));
        }
    }
    let items = || cleaned.split(|byte| b", ;|\n\t".contains(byte)).map(trimmed).filter(|item| !item.is_empty());
    if items().nth(1).is_some() {
        items().take(MAX_ITEMS).for_each(|item| push(&mut texts, item, with(SecretMistake::List)));
    }
    for unescaped in [unescaped(cleaned, &URL_ESCAPES), unescaped(cleaned, &PAGE_ESCAPES)].into_iter().flatten() {
        push(&mut texts, &unescaped, with(SecretMistake::Escaped));
    }
    push(&mut texts, &cleaned.to_ascii_lowercase(), with(SecretMistake::Case));
    push(&mut texts, &cleaned.to_ascii_uppercase(), with(SecretMistake::Case));
    for (before, after) in SENDERS_STRAY {
        push(&mut texts, &joined(&joined(before, cleaned), after), vec![SecretMistake::Stray { at_sender: true }]);
    }
    texts
}

/// A pasted PEM key, repaired: without the spaces of a web page, and with its end if that was cut off.
pub(super) fn of_key(pasted: &[u8]) -> Option<Text> {
    let text = String::from_utf8_lossy(cleaned(pasted)).replace("\\n", "\n").replace("\\r", "");
    let (label, rest) = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"))?;
    let (base64, _) = rest.split_once("-----END")?;
    let base64: String = base64.chars().filter(|c| !c.is_whitespace()).collect();
    let pem = format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
    Some(Text { bytes: Zeroizing::new(pem.into_bytes()), mistakes: vec![SecretMistake::Stray { at_sender: false }] })
}

fn push(texts: &mut Vec<Text>, bytes: &[u8], mistakes: Vec<SecretMistake>) {
    texts.push(Text { bytes: Zeroizing::new(bytes.to_vec()), mistakes });
}

fn joined(before: &[u8], after: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([before, after].concat())
}

/// The text without a variable's name, white space, quotation marks, and the invisible characters of word processors.
fn cleaned(pasted: &[u8]) -> &[u8] {
    let text = trimmed(pasted);
    let is_name = |name: &[u8]| {
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
    };
    let text = text.strip_prefix(b"export ").unwrap_or(text);
    match text.iter().position(|byte| *byte == b'=') {
        // Nothing follows the `=` that pads base64.
        Some(at) if is_name(&text[..at]) && text.len() > at + 2 => trimmed(&text[at + 1..]),
        _ => text,
    }
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    loop {
        let strays = STRAYS.iter();
        let shorter =
            strays.map(|stray| text.strip_prefix(*stray).unwrap_or(text)).find(|rest| rest.len() < text.len());
        let strays = STRAYS.iter();
        let shorter = shorter.or_else(|| {
            strays.map(|stray| text.strip_suffix(*stray).unwrap_or(text)).find(|rest| rest.len() < text.len())
        });
        match shorter {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

/// The text without the escapes of a URL or a web page; `None` if it has none.
fn unescaped(text: &[u8], escapes: &[(&str, &str)]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?;
    let plain = escapes
        .iter()
        .fold(Zeroizing::new(text.to_owned()), |text, (escape, plain)| Zeroizing::new(text.replace(escape, plain)));
    (*plain != text).then(|| Zeroizing::new(plain.as_bytes().to_vec()))
}

/// Where something that looks like a prefix ends: `whsec_`, `v1,whsec_`, `Bearer `, `base64:`.
fn prefix_ends(text: &[u8]) -> impl Iterator<Item = usize> {
    let near = text.iter().take(MAX_PREFIX).enumerate();
    near.filter(|(_, byte)| b"_-,: ".contains(byte)).map(|(at, _)| at + 1).filter(|at| *at < text.len())
}

/// What is removed from both ends.
const STRAYS: [&[u8]; 17] = [
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\0",
    b"\"",
    b"'",
    b"`",
    b"\\n",
    b"\\r",
    "\u{201c}".as_bytes(),
    "\u{201d}".as_bytes(),
    "\u{2018}".as_bytes(),
    "\u{2019}".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{feff}".as_bytes(),
];

/// The escapes of URLs and web pages for the characters of secrets.
const URL_ESCAPES: [(&str, &str); 9] = [
    ("%2B", "+"),
    ("%2b", "+"),
    ("%2F", "/"),
    ("%2f", "/"),
    ("%3D", "="),
    ("%3d", "="),
    ("%20", " "),
    ("%21", "!"),
    ("%25", "%"),
];
const PAGE_ESCAPES: [(&str, &str); 9] = [
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&#39;", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&#x2F;", "/"),
    ("&#x3D;", "="),
    ("&#43;", "+"),
    ("&amp;", "&"),
];

/// What senders forget to remove: the line end of a file, the quotation marks of an environment file.
const SENDERS_STRAY: [(&[u8], &[u8]); 5] = [(b"", b"\n"), (b"", b"\r\n"), (b"", b" "), (b"\"", b"\""), (b"'", b"'")];

/// Prefixes that are part of the secret, but are often left out.
const PREFIXES: [&[u8]; 2] = [b"whsec_", b"whsec-"];

/// In bytes. The longest known prefix, `pdl_ntfset_` with its id, is a little longer.
const MAX_PREFIX: usize = 40;

const MAX_ITEMS: usize = 8;
