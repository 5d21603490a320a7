//! `Pattern`: text with placeholders, for the hosts and paths of URLs that a request may name.

use std::fmt;

/// Text with slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Item>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Literal(String),
    Slot(Slot),
}

/// A placeholder that the request fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Digits and the letters `a` to `f`.
    Hex,
    /// One label of a host name (RFC 1123 section 2.1), in lower case.
    Label,
    /// The name of a region such as `us-east-1`: two letters, one or more words of letters, and a number.
    ///
    /// A label would not be safe here: under `amazonaws.com`, `s3` and `s3-us-west-2` are labels too, and anybody can
    /// put a certificate into a bucket under them.
    Region,
    /// Letters, digits, hyphens and underscores.
    Word,
}

/// What is wrong with a pattern.
pub(crate) type PatternError = String;

/// The longest text that fills a slot, in bytes.
const MAX_SLOT: usize = 128;

impl Slot {
    const ALL: [Self; 4] = [Self::Hex, Self::Label, Self::Region, Self::Word];

    fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Label => "label",
            Self::Region => "region",
            Self::Word => "word",
        }
    }

    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Label | Self::Region => matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-'),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_',
        }
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Self::Hex | Self::Word => true,
            Self::Label => text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-'),
            Self::Region => is_region(text),
        }
    }
}

fn is_region(text: &str) -> bool {
    let mut words = text.split('-');
    let is_letters = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let starts = words.next().is_some_and(|word| word.len() == 2 && is_letters(word));
    let ends = words
        .next_back()
        .is_some_and(|word| (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()));
    let between: Vec<&str> = words.collect();
    starts && ends && !between.is_empty() && between.iter().all(|word| is_letters(word))
}

impl Pattern {
    /// Reads a pattern with only these slots.
    pub(crate) fn parse(text: &str, allowed: &[Slot]) -> Result<Self, PatternError> {
        let mut items = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, behind) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
            if !literal.is_empty() {
                items.push(Item::Literal(literal.to_owned()));
            }
            rest = behind;
            if let Some(opened) = behind.strip_prefix('{') {
                let (name, behind) = opened.split_once('}').ok_or("a `{` without its `}`")?;
                let slot = Slot::ALL.into_iter().find(|slot| slot.name() == name && allowed.contains(slot));
                items.push(Item::Slot(slot.ok_or_else(|| unknown(name, allowed))?));
                rest = behind;
            }
        }
        let pattern = Self(items);
        pattern.slots_are_delimited()?;
        Ok(pattern)
    }

    /// Each slot must end where the text after it begins, so that there is only one way to fill it.
    fn slots_are_delimited(&self) -> Result<(), PatternError> {
        for pair in self.0.windows(2) {
            let runs_on = match pair {
                [Item::Slot(_), Item::Slot(_)] => true,
                [Item::Slot(slot), Item::Literal(text)] => text.bytes().next().is_none_or(|byte| slot.takes(byte)),
                _ => false,
            };
            if runs_on {
                return Err("a placeholder must be followed by text that cannot continue it".to_owned());
            }
        }
        Ok(())
    }

    /// Whether the text matches the pattern from end to end.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let mut rest = text;
        for item in &self.0 {
            let behind = match item {
                Item::Literal(literal) => rest.strip_prefix(literal.as_str()),
                Item::Slot(slot) => {
                    let len = rest.bytes().take_while(|byte| slot.takes(*byte)).count();
                    let filled = (1..=MAX_SLOT).contains(&len) && slot.fits(&rest[..len]);
                    filled.then(|| &rest[len..])
                }
            };
            let Some(behind) = behind else { return false };
            rest = behind;
        }
        rest.is_empty()
    }

    /// The pattern as text, with [`SLOT`] in place of each slot.
    pub(crate) fn outline(&self) -> String {
        let piece = |item: &Item| match item {
            Item::Literal(text) => text.clone(),
            Item::Slot(_) => SLOT.to_string(),
        };
        self.0.iter().map(piece).collect()
    }

    /// Whether it has a slot of this kind.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.0.contains(&Item::Slot(slot))
    }
}

/// What [`Pattern::outline`] puts in place of a slot: a character that patterns do not contain.
pub(crate) const SLOT: char = '\u{0}';

fn unknown(name: &str, allowed: &[Slot]) -> PatternError {
    let names: Vec<_> = allowed.iter().map(|slot| format!("`{{{}}}`", slot.name())).collect();
    format!("`{{{name}}}` is not allowed here; expected {}", names.join(" or "))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|item| match item {
            Item::Literal(text) => f.write_str(text),
            Item::Slot(slot) => write!(f, "{{{}}}", slot.name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_bucket_is_not_a_region() {
        let host = Pattern::parse("sns.{region}.amazonaws.com", &[Slot::Label, Slot::Region]).unwrap();
        for region in ["us-east-1", "eu-central-2", "us-gov-west-1", "cn-north-1", "us-isob-east-1", "ap-southeast-12"]
        {
            assert!(host.fits(&format!("sns.{region}.amazonaws.com")), "{region}");
        }
        for other in ["s3", "s3-us-west-2", "us-east", "us-east-1-s3", "us--1", "us-1", "US-EAST-1", "", "us-east-1.s3"]
        {
            assert!(!host.fits(&format!("sns.{other}.amazonaws.com")), "{other}");
        }
        assert!(!host.fits("sns.us-east-1.amazonaws.com.evil.example"));
    }

    #[test]
    fn a_slot_that_could_be_filled_in_two_ways_is_refused() {
        for text in ["/{hex}{word}", "/{hex}a.pem", "/{word}-x", "/{word", "/{label}"] {
            assert!(Pattern::parse(text, &[Slot::Hex, Slot::Word]).is_err(), "{text}");
        }
    }
}
