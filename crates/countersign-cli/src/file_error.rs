//! Parse errors without the values of the file: a secret may stand in any place of it, even where none belongs.

/// Serde's message without the value that it met: the kind of the value, and what was expected in its place.
pub(crate) fn without_values(message: &str) -> String {
    for problem in ["invalid type", "invalid value"] {
        if let Some(found) = message.strip_prefix(problem).and_then(|rest| rest.strip_prefix(": ")) {
            return match without_value(found) {
                Some((kind, expected)) => format!("{problem}: {kind}, expected {expected}"),
                None => problem.to_owned(),
            };
        }
    }
    match message.strip_prefix("unknown variant `") {
        Some(rest) if rest.contains("`, there are no variants") => "unknown word".to_owned(),
        // The last match, since the unknown word may contain this text. The expected names are ours and do not.
        Some(rest) => match rest.rsplit_once("`, expected ") {
            Some((_, expected)) => format!("unknown word, expected {expected}"),
            None => "unknown word".to_owned(),
        },
        None => message.to_owned(),
    }
}

/// The kind of the value at the beginning, and what was expected; `None` if the end of the value cannot be found.
fn without_value(found: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = found.strip_prefix("string \"") {
        return Some(("string", behind_string(quoted)?.strip_prefix(EXPECTED)?));
    }
    if let Some(kind) = BARE.into_iter().find(|kind| found.starts_with(kind)) {
        return Some((kind, found[kind.len()..].strip_prefix(EXPECTED)?));
    }
    let kind = SHOWN.into_iter().find(|kind| found.starts_with(kind))?;
    let (_, expected) = found[kind.len()..].strip_prefix(" `")?.split_once("`, expected ")?;
    Some((kind, expected))
}

/// What follows a string that is quoted as Rust's `Debug` does it.
fn behind_string(quoted: &str) -> Option<&str> {
    let mut is_escaped = false;
    let end = quoted.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(&quoted[end + 1..])
}

const EXPECTED: &str = ", expected ";

/// Kinds that serde shows without their value.
const BARE: [&str; 5] = ["byte array", "map", "null", "sequence", "unit value"];

/// Kinds that serde shows with their value behind them.
const SHOWN: [&str; 4] = ["boolean", "character", "floating point", "integer"];

#[cfg(test)]
mod tests {
    use serde::{
        Deserialize,
        de::{Error, Unexpected, value},
    };

    use super::without_values;

    #[test]
    fn no_value_is_repeated_whatever_it_looks_like() {
        for text in [
            "hunter2",
            "a\", expected hunter2",
            "a`, expected hunter2",
            "\\",
            "\\\"hunter2",
            "\n\"hunter2\n",
            "",
            "`\u{1b}",
        ] {
            let found = Unexpected::Str(text);
            let error: value::Error = Error::invalid_type(found, &"`a`, or \"b\"");
            assert_eq!(without_values(&error.to_string()), "invalid type: string, expected `a`, or \"b\"", "{text:?}");
            let error: value::Error = Error::invalid_value(found, &"a word");
            assert_eq!(without_values(&error.to_string()), "invalid value: string, expected a word", "{text:?}");
            let error: value::Error = Error::unknown_variant(text, &["one", "two"]);
            assert_eq!(without_values(&error.to_string()), "unknown word, expected `one` or `two`", "{text:?}");
            let error: value::Error = Error::unknown_variant(text, &[]);
            assert_eq!(without_values(&error.to_string()), "unknown word", "{text:?}");
            let error: value::Error = Error::invalid_type(Unexpected::Other(text), &"a word");
            assert_eq!(without_values(&error.to_string()), "invalid type", "{text:?}");
        }
    }

    #[test]
    fn the_kind_is_told_what_was_expected_and_where() {
        for (json, told) in [
            ("[1234]", "invalid type: integer, expected a string at line 1 column 5"),
            ("[12.5]", "invalid type: floating point, expected a string at line 1 column 5"),
            ("[true]", "invalid type: boolean, expected a string at line 1 column 5"),
            ("[null]", "invalid type: null, expected a string at line 1 column 5"),
            ("[{}]", "invalid type: map, expected a string at line 1 column 1"),
            ("[[]]", "invalid type: sequence, expected a string at line 1 column 1"),
            ("\"hunter2\"", "invalid type: string, expected a sequence at line 1 column 9"),
        ] {
            let error = serde_json::from_str::<Vec<String>>(json).unwrap_err();
            assert_eq!(without_values(&error.to_string()), told);
        }
    }

    #[test]
    fn what_has_no_value_stays_as_it_is() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            #[serde(rename = "known")]
            _known: Option<String>,
        }
        for (toml, told) in
            [("knwn = 1", "unknown field `knwn`, expected `known`"), ("known", "key with no value, expected `=`")]
        {
            assert_eq!(without_values(toml::from_str::<Table>(toml).unwrap_err().message()), told);
        }
    }
}
