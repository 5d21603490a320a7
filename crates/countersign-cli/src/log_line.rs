//! Parses the log lines that the gateway and `tracing` write for a verdict.

use serde_json::Value as Json;

/// The verdict of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Logged {
    Accepted,
    Refused { provider: Option<String>, code: String, reason: String },
}

/// The verdict of a line; `None` if it has none.
pub(crate) fn parse(line: &str) -> Option<Logged> {
    let line = without_colours(line.trim());
    match line.find('{').and_then(|at| serde_json::from_str::<Json>(&line[at..]).ok()) {
        Some(json) => of_json(&json),
        None => of_text(&line),
    }
}

/// A line of `countersign serve`, or of the JSON format of `tracing-subscriber`, which has the fields one level deeper.
fn of_json(json: &Json) -> Option<Logged> {
    let fields = json.get("fields").unwrap_or(json);
    let text = |name: &str| fields.get(name).and_then(Json::as_str).map(str::to_owned);
    if let Some(code) = text("code") {
        return Some(Logged::Refused { provider: text("provider"), code, reason: text("reason").unwrap_or_default() });
    }
    let verdict = text("verdict").or_else(|| text("message"))?;
    (verdict == "accepted").then_some(Logged::Accepted)
}

/// A line in the default format of `tracing-subscriber`. The reason is its last field and extends to its end.
fn of_text(line: &str) -> Option<Logged> {
    let quoted = |name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    if let Some(code) = quoted("code") {
        let reason = line.split_once(" reason=").map(|(_, reason)| reason.to_owned()).unwrap_or_default();
        return Some(Logged::Refused { provider: quoted("provider"), code, reason });
    }
    line.contains("countersign: accepted").then_some(Logged::Accepted)
}

/// Without the escape sequences of a terminal: ECMA-48 section 5.4.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut pieces = line.split("\x1b[");
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|c: char| ('@'..='~').contains(&c)).map_or(piece.len(), |at| at + 1);
        plain.push_str(&piece[end..]);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Logged, parse};

    fn refused() -> Logged {
        let reason = "the timestamp is 412s old; the tolerance is 300s".to_owned();
        Logged::Refused { provider: Some("stripe".to_owned()), code: "timestamp_too_old".to_owned(), reason }
    }

    #[test]
    fn every_kind_of_line_says_the_same() {
        for line in [
            r#"{"verdict":"refused","provider":"stripe","code":"timestamp_too_old","status":401,"reason":"the timestamp is 412s old; the tolerance is 300s"}"#,
            r#"{"level":"WARN","fields":{"message":"refused","provider":"stripe","code":"timestamp_too_old","reason":"the timestamp is 412s old; the tolerance is 300s"}}"#,
            r#"2026-01-01T00:00:00Z  WARN countersign: refused provider="stripe" path="/stripe" code="timestamp_too_old" status=401 reason=the timestamp is 412s old; the tolerance is 300s"#,
            "\x1b[33m WARN\x1b[0m \x1b[2mcountersign\x1b[0m\x1b[2m:\x1b[0m refused \x1b[3mprovider\x1b[0m\x1b[2m=\x1b[0m\"stripe\" \x1b[3mcode\x1b[0m\x1b[2m=\x1b[0m\"timestamp_too_old\" \x1b[3mreason\x1b[0m\x1b[2m=\x1b[0mthe timestamp is 412s old; the tolerance is 300s",
        ] {
            assert_eq!(parse(line), Some(refused()), "{line}");
        }
        assert_eq!(parse(r#"{"verdict":"accepted","provider":"stripe"}"#), Some(Logged::Accepted));
        assert_eq!(parse(r#"DEBUG countersign: accepted provider="stripe""#), Some(Logged::Accepted));
        assert_eq!(parse("listening on http://127.0.0.1:8787"), None);
    }
}
