//! Bodies, and changes to them.

use fastrand::Rng;

use crate::Change;

/// A JSON body, most of the time.
pub(crate) fn json(rng: &mut Rng) -> Vec<u8> {
    let number = rng.u32(..);
    match rng.u32(..1000) {
        0..600 => format!(r#"{{"id":"evt_{number:08x}","type":"invoice.paid","amount":{number},"live":true}}"#).into(),
        600..800 => {
            format!(r#"{{"name":"Zoë 🚀 {number}","url":"https:\/\/example.com\/?a=1","esc":"\u00e9\n"}}"#).into()
        }
        800..900 => format!("{{\r\n  \"id\": {number},\r\n  \"list\": [1, 2.50, 3e2]\r\n}}\r\n").into(),
        900..995 => number.to_string().into(),
        995..999 => format!("\"{}\"", "long ".repeat(rng.usize(..4000))).into(),
        _ => vec![b'['; 1 << 18],
    }
}

/// A form body, such as a telephony provider sends.
pub(crate) fn form(rng: &mut Rng) -> Vec<u8> {
    const PAIRS: [&str; 14] = [
        "From=%2B14155550100",
        "To=%2B14155550199",
        "Body=Hello+w%C3%B6rld%21",
        "Body=a%20b",
        "CallSid=CA1234567890",
        "Digits=",
        "MediaUrl0=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc%26d",
        "MediaUrl=x",
        "Tag=one",
        "Tag=two",
        "From=%2B14155550100",
        "zip=94107",
        "Body=line%0D%0Abreak",
        "Emoji=%F0%9F%9A%80",
    ];
    let mut pairs = PAIRS;
    rng.shuffle(&mut pairs);
    pairs[..rng.usize(..=8)].join("&").into_bytes()
}

/// Bodies that no provider sends, but could sign.
pub(crate) fn odd(rng: &mut Rng, body: &[u8]) -> Change<Vec<u8>> {
    let mut bytes = body.to_vec();
    match rng.u32(..10) {
        0 => ("empty", Vec::new()),
        1 => ("not UTF-8", [body, b"\xFF"].concat()),
        2 => ("half a character at the end", [body, b"\xE2\x82"].concat()),
        3 => ("a surrogate in UTF-8", [body, b"\xED\xA0\x80"].concat()),
        4 => ("byte order mark", [b"\xEF\xBB\xBF", body].concat()),
        5 => ("replacement character", [body, "\u{FFFD}".as_bytes()].concat()),
        6 => ("NUL", [b"\0", body].concat()),
        7 => ("white space alone", b" ".to_vec()),
        8 => {
            for byte in &mut bytes {
                *byte = rng.u8(..);
            }
            ("random bytes", bytes)
        }
        _ => ("UTF-16", body.iter().flat_map(|byte| [*byte, 0]).collect()),
    }
}

/// Bodies that were changed in transit.
pub(crate) fn changed(rng: &mut Rng, body: &[u8]) -> Change<Vec<u8>> {
    let mut bytes = body.to_vec();
    let at = rng.usize(..=body.len());
    match rng.u32(..16) {
        0 => ("empty", Vec::new()),
        1 => ("line break behind", [body, b"\n"].concat()),
        2 => ("line breaks as CR LF", String::from_utf8_lossy(body).replace('\n', "\r\n").into()),
        3 => ("line breaks as LF", String::from_utf8_lossy(body).replace("\r\n", "\n").into()),
        4 => ("byte order mark in front", [b"\xEF\xBB\xBF", body].concat()),
        5 => ("byte order mark removed", body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).to_vec()),
        6 => ("bytes that are not UTF-8 replaced", String::from_utf8_lossy(body).into_owned().into()),
        7 => ("replacement character as other bytes", replace(body, "\u{FFFD}".as_bytes(), b"\xFE")),
        8 => ("last byte cut", body[..body.len().saturating_sub(1)].to_vec()),
        9 => ("first byte cut", body.get(1..).unwrap_or_default().to_vec()),
        10 => ("escapes undone", replace(body, b"\\/", b"/")),
        11 => ("space inserted", [&body[..at], b" ", &body[at..]].concat()),
        12 => ("twice", [body, body].concat()),
        13 => ("NUL behind", [body, b"\0"].concat()),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.u32(..8);
            }
            ("one bit flipped", bytes)
        }
    }
}

/// Forms in another encoding, or with a slight change.
pub(crate) fn rewritten_form(rng: &mut Rng, body: &[u8]) -> Change<Vec<u8>> {
    let text = String::from_utf8_lossy(body).into_owned();
    let mut pairs: Vec<&str> = text.split('&').collect();
    rng.shuffle(&mut pairs);
    let shuffled = pairs.join("&");
    let first = pairs.first().copied().unwrap_or_default();
    let changed = match rng.u32(..26) {
        0 | 1 => ("parameters in another order", shuffled),
        2 => ("a parameter twice", format!("{text}&{first}")),
        3 => ("a parameter with two values", format!("{text}&{}=other", first.split('=').next().unwrap_or_default())),
        4 => ("plus as %20", text.replace('+', "%20")),
        5 => ("%20 as plus", text.replace("%20", "+")),
        6 => ("escapes in lower case", text.replace("%2B", "%2b").replace("%C3%B6", "%c3%b6")),
        7 => ("escapes undone", text.replace("%21", "!").replace("%C3%B6", "ö")),
        8 => ("letters escaped", text.replace('o', "%6F")),
        9 => ("half an escape", format!("{text}%")),
        10 => ("an escape that is none", format!("{text}%zz")),
        11 => ("an escape that is not UTF-8", format!("{text}%FF")),
        12 => ("an escaped surrogate", format!("{text}%ED%A0%80")),
        13 => ("an escaped replacement character", format!("{text}%EF%BF%BD")),
        14 => ("not UTF-8 as another such byte", text.replace("%FF", "%FE")),
        15 => ("ampersand behind", format!("{text}&")),
        16 => ("ampersand in front", format!("&{text}")),
        17 => ("a parameter without a name", format!("{text}&=")),
        18 => ("a parameter without a value", format!("{text}&Flag")),
        19 => ("semicolons", text.replace('&', ";")),
        20 => ("a border moved", text.replacen("Body=", "Bod=y", 1)),
        21 => ("a border moved into a value", text.replacen("&zip=", "zip", 1)),
        22 => ("names with brackets", text.replace("Tag=", "Tag[]=")),
        23 => ("names in other scripts", format!("{text}&%F0%90%80%80=1&%EF%BC%A1=2")),
        24 => ("a name that objects have", format!("{text}&__proto__=1&constructor=2&10=3&9=4")),
        _ => ("no parameter", String::new()),
    };
    (changed.0, changed.1.into_bytes())
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}
