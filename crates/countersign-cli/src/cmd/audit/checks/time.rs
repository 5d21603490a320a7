//! Attacks on the signed time.

use std::time::Duration;

use super::Audit;
use crate::{cmd::audit::message::Message, failure::Failure};

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    let Some(tolerance) = sender.signer.verifier().tolerance() else { return Ok(()) };
    let seconds = |tolerance: Duration| i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX).min(i64::MAX / 2);
    let (past, future) = (seconds(tolerance.past()), seconds(tolerance.future()));
    audit.forged("C1", "rightly signed, and a minute too old", &sender.event_at(-past - 60)?)?;
    audit.forged("C1", "rightly signed, and a minute too far ahead", &sender.event_at(future + 60)?)?;
    audit.forged("C1", "rightly signed, ten years ago", &sender.event_at(-past - 10 * YEAR)?)?;
    audit.forged("C1", "rightly signed, in ten years", &sender.event_at(future + 10 * YEAR)?)?;
    malformed(audit)
}

/// Sends malformed times, if the time is in a header.
fn malformed(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    let event = sender.event()?;
    let Some((name, time)) = printed(&event) else { return Ok(()) };
    for (row, check, text) in [
        ("C2", "the greatest number for a time", i64::MAX.to_string()),
        ("C2", "the least number for a time", i64::MIN.to_string()),
        ("C2", "a number of forty digits for a time", "9".repeat(40)),
        ("C3", "no time", String::new()),
        ("C3", "a word for a time", "NaN".to_owned()),
        ("C3", "a time with a sign", format!("+{time}")),
        ("C3", "a time with a fraction", format!("{time}.0")),
        ("C3", "a time with text behind it", format!("{time}junk")),
        ("C3", "a time with a zero in front", format!("0{time}")),
        ("C4", "a time in other units", format!("{time}000")),
    ] {
        let value = event.header(&name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
        let value = value.replacen(&time, &text, 1);
        audit.spoilt(row, check, &event.clone().set(&name, value))?;
    }
    Ok(())
}

/// The header that has the time in decimal digits, and those digits.
fn printed(event: &Message) -> Option<(String, String)> {
    let now = crate::moment::now().unix_seconds() / 1000;
    event.headers.iter().find_map(|(name, value)| {
        let value = std::str::from_utf8(value).ok()?;
        let runs = value.split(|c: char| !c.is_ascii_digit());
        // The last three digits of the seconds may have changed since it was signed.
        let time = runs.filter(|run| [10, 13].contains(&run.len())).find(|run| run.starts_with(&now.to_string()))?;
        Some((name.clone(), time.to_owned()))
    })
}

const YEAR: i64 = 365 * 86_400;
