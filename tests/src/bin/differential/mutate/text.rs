//! Changes to times and ids.

use fastrand::Rng;

use crate::{Change, draft::NOW};

/// Errors of the clock in milliseconds, mostly around the bounds of the five minutes.
pub(crate) fn distance(rng: &mut Rng) -> i64 {
    const EDGES: [i64; 14] = [
        0,
        1_000,
        280_000,
        299_000,
        299_999,
        300_000,
        300_001,
        300_500,
        301_000,
        320_000,
        600_000,
        86_400_000,
        315_360_000_000,
        1,
    ];
    let edge = EDGES[rng.usize(..EDGES.len())];
    if rng.bool() { edge } else { -edge }
}

/// The time in another form, and other times.
pub(crate) fn time(rng: &mut Rng, text: &[u8]) -> Change<Vec<u8>> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(NOW);
    let same = [
        ("plus sign", format!("+{number}")),
        ("minus sign", format!("-{number}")),
        ("leading zero", format!("0{number}")),
        ("leading zeros", format!("000{number}")),
        ("fraction of zero", format!("{number}.0")),
        ("fraction", format!("{number}.5")),
        ("point behind", format!("{number}.")),
        ("exponent", format!("{number}e0")),
        ("exponent that counts", "1.7672256e9".to_owned()),
        ("text behind", format!("{number}abc")),
        ("another number behind", format!("{number} {}", number.saturating_sub(900))),
        ("comma and more behind", format!("{number},{number}")),
        ("hexadecimal", format!("0x{number:x}")),
        ("octal", format!("0o{number:o}")),
        ("underscore", format!("{}_{}", number / 1000, number % 1000)),
        ("space in front", format!(" {number}")),
        ("space behind", format!("{number} ")),
        ("tab in front", format!("\t{number}")),
        ("no-break space in front", format!("\u{A0}{number}")),
        ("other digits", "١٧٦٧٢٢٥٦٠٠".to_owned()),
        ("quotation marks", format!("\"{number}\"")),
        ("milliseconds", format!("{number}000")),
        ("microseconds", format!("{number}000000")),
        ("RFC 3339", "2026-01-01T00:00:00Z".to_owned()),
        ("HTTP date", "Thu, 01 Jan 2026 00:00:00 GMT".to_owned()),
    ];
    let other = [
        ("empty", String::new()),
        ("zero", "0".to_owned()),
        ("minus one", "-1".to_owned()),
        ("word", "now".to_owned()),
        ("NaN", "NaN".to_owned()),
        ("Infinity", "Infinity".to_owned()),
        ("minus Infinity", "-Infinity".to_owned()),
        ("one digit less", (number / 10).to_string()),
        ("2^31", (1_i64 << 31).to_string()),
        ("2^53 + 1", ((1_i64 << 53) + 1).to_string()),
        ("2^63 - 1", i64::MAX.to_string()),
        ("2^63", (1_u64 << 63).to_string()),
        ("2^64", (1_u128 << 64).to_string()),
        ("forty nines", "9".repeat(40)),
        ("fifty digits", format!("{number}{}", "0".repeat(40))),
        ("1e300", "1e300".to_owned()),
    ];
    match rng.u32(..10) {
        0..5 => pick(rng, &same),
        5 | 6 => pick(rng, &other),
        _ => ("another time", number.saturating_add(distance(rng) / 1000).to_string().into_bytes()),
    }
}

/// Ids that no provider generates.
pub(crate) fn id(rng: &mut Rng, id: &[u8]) -> Change<Vec<u8>> {
    let text = String::from_utf8_lossy(id).into_owned();
    let ids = [
        ("empty", String::new()),
        ("point in it", format!("{text}.x")),
        ("point and digits in it", format!("{text}.{NOW}")),
        ("point and time in front", format!("{NOW}.{text}")),
        ("space in it", format!("{text} x")),
        ("space behind", format!("{text} ")),
        ("tab in it", format!("{text}\tx")),
        ("comma in it", format!("{text},x")),
        ("quotation mark", format!("{text}\"")),
        ("other script", format!("{text}é")),
        ("one character", "a".to_owned()),
        ("256 characters", "a".repeat(256)),
        ("257 characters", "a".repeat(257)),
        ("4,000 characters", "a".repeat(4000)),
        ("UUID", "1b4e28ba-2fa1-11d2-883f-0016d3cca427".to_owned()),
        ("URL", "https://example.com/?a=b".to_owned()),
        ("all that is visible", (0x21..0x7F_u8).map(char::from).filter(|c| *c != '.').collect()),
    ];
    pick(rng, &ids)
}

fn pick(rng: &mut Rng, from: &[(&'static str, String)]) -> Change<Vec<u8>> {
    let (name, text) = &from[rng.usize(..from.len())];
    (name, text.clone().into_bytes())
}
