//! The formats of address lists, and the limits on what a list may contain.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::{
    AddressSet,
    network::{NetworkError, parse_network},
};

/// The format of a list of addresses.
///
/// As text, and so in configuration, it is `lines`, or one or more JSON pointers that begin with `json:`, separated by
/// spaces. Each pointer must find something.
///
/// ```
/// use countersign::address::ListFormat;
///
/// let lines: ListFormat = "lines".parse()?;
/// assert_eq!(lines.read(b"203.0.113.0/24 # office\n\n2001:db8::1\n")?.len(), 2);
///
/// // https://api.github.com/meta
/// let github: ListFormat = "json:/hooks".parse()?;
/// assert_eq!(github.read(br#"{"hooks": ["192.30.252.0/22", "2a0a:a440::/29"], "web": ["..."]}"#)?.len(), 2);
///
/// // https://ip-ranges.amazonaws.com/ip-ranges.json
/// let aws: ListFormat = "json:/prefixes/*/ip_prefix json:/ipv6_prefixes/*/ipv6_prefix".parse()?;
/// let ranges = br#"{"prefixes": [{"ip_prefix": "3.4.12.4/32"}], "ipv6_prefixes": [{"ipv6_prefix": "2600:f0f0::/40"}]}"#;
/// assert_eq!(aws.read(ranges)?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFormat {
    /// JSON: a text or an array of texts at each of these pointers.
    Json(Vec<ListPointer>),
    /// One address or range per line. `#` begins a comment; blank lines are ignored.
    Lines,
}

/// Where addresses are in a JSON document: an RFC 6901 pointer, in which `*` stands for each element of an array.
///
/// Elements in which the rest of the pointer finds nothing are skipped, unless all are: some lists have members for IPv4
/// and for IPv6 in elements of one array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPointer {
    /// The pointer as it was written.
    text: String,
    /// Its reference tokens, unescaped.
    steps: Vec<String>,
}

/// The longest list that is read, in bytes: our choice of a bound.
pub const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;

/// The most ranges that a list may have, counted before they are merged: our choice of a bound.
pub const MAX_LIST_RANGES: usize = 200_000;

/// The widest range of IPv4 and of IPv6 that a list may contain: our choice of a bound. A `/8` has 16 million
/// addresses; a wider range suggests that the list is broken, or has been tampered with.
const WIDEST: (u8, u8) = (8, 16);

/// How many ranges of that width a list may amount to, counted separately for IPv4 and IPv6: our choice of a bound, a
/// sixteenth of IPv4. It keeps a list of many ranges from allowing every address, as one wide range would.
const MOST: u128 = 16;

/// Why a list was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// It contains no address.
    Empty,
    /// A line is not an address or range.
    Line {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        error: NetworkError,
    },
    /// A pointer finds nothing.
    Missing {
        /// The pointer.
        pointer: String,
    },
    /// A pointer finds a text that is not an address or range.
    Network {
        /// The pointer.
        pointer: String,
        /// What is wrong with it.
        error: NetworkError,
    },
    /// It is not JSON.
    NotJson,
    /// It is not UTF-8.
    NotText,
    /// A pointer finds something that is neither a text nor an array of texts.
    NotTexts {
        /// The pointer.
        pointer: String,
    },
    /// More than [`MAX_LIST_BYTES`] bytes or [`MAX_LIST_RANGES`] ranges.
    TooLong,
    /// A range is wider than `/8` (IPv4) or `/16` (IPv6).
    TooWide {
        /// The range.
        network: IpNet,
    },
    /// The ranges have more addresses together than sixteen of the widest ranges.
    TooWideTogether,
}

impl ListFormat {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// If the list is malformed, empty or too long; if a range is wider than `/8` (IPv4) or `/16` (IPv6); or if the
    /// ranges together have more addresses than sixteen ranges of that width.
    pub fn read(&self, content: &[u8]) -> Result<AddressSet, ListError> {
        if content.len() > MAX_LIST_BYTES {
            return Err(ListError::TooLong);
        }
        let networks = match self {
            Self::Json(pointers) => json(content, pointers)?,
            Self::Lines => lines(content)?,
        };
        if networks.is_empty() {
            return Err(ListError::Empty);
        }
        if networks.len() > MAX_LIST_RANGES {
            return Err(ListError::TooLong);
        }
        if let Some(network) = networks.iter().find(|network| is_too_wide(network)) {
            return Err(ListError::TooWide { network: *network });
        }
        let set = networks.into_iter().collect();
        if is_too_wide_together(&set) { Err(ListError::TooWideTogether) } else { Ok(set) }
    }
}

fn is_too_wide(network: &IpNet) -> bool {
    let (v4, v6) = WIDEST;
    match network {
        IpNet::V4(network) => network.prefix_len() < v4,
        // An IPv4-mapped address, whose IPv4 prefix begins at bit 96.
        IpNet::V6(network) if network.addr().to_ipv4_mapped().is_some() => network.prefix_len() < 96 + v4,
        IpNet::V6(network) => network.prefix_len() < v6,
    }
}

fn is_too_wide_together(set: &AddressSet) -> bool {
    let (v4, v6) = set.addresses();
    v4 > MOST << (32 - WIDEST.0) || v6 > MOST << (128 - WIDEST.1)
}

fn lines(content: &[u8]) -> Result<Vec<IpNet>, ListError> {
    let text = std::str::from_utf8(content).map_err(|_| ListError::NotText)?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).zip(1..);
    let networks = lines.filter(|(line, _)| !line.is_empty()).take(MAX_LIST_RANGES + 1);
    networks.map(|(line, number)| parse_network(line).map_err(|error| ListError::Line { number, error })).collect()
}

/// Parses only what the pointers lead to: a tree of the whole document would take a hundred times its length.
fn json(content: &[u8], pointers: &[ListPointer]) -> Result<Vec<IpNet>, ListError> {
    let document: &RawValue = serde_json::from_slice(content).map_err(|_| ListError::NotJson)?;
    let mut networks = Vec::new();
    for pointer in pointers {
        if !pointer.collect(document, &pointer.steps, &mut networks)? {
            return Err(ListError::Missing { pointer: pointer.text.clone() });
        }
    }
    Ok(networks)
}

impl ListPointer {
    /// Adds the networks that the steps find in the value; returns whether they find anything.
    fn collect(&self, value: &RawValue, steps: &[String], networks: &mut Vec<IpNet>) -> Result<bool, ListError> {
        let Some((step, rest)) = steps.split_first() else {
            match elements(value) {
                Some(texts) => texts.into_iter().try_for_each(|text| self.network(text, networks))?,
                None => self.network(value, networks)?,
            }
            return Ok(true);
        };
        if step == "*"
            && let Some(elements) = elements(value)
        {
            let mut finds_any = elements.is_empty();
            for element in elements {
                finds_any |= self.collect(element, rest, networks)?;
            }
            return Ok(finds_any);
        }
        member(value, step).map_or(Ok(false), |member| self.collect(member, rest, networks))
    }

    fn network(&self, text: &RawValue, networks: &mut Vec<IpNet>) -> Result<(), ListError> {
        let pointer = || self.text.clone();
        let text: String = serde_json::from_str(text.get()).map_err(|_| ListError::NotTexts { pointer: pointer() })?;
        networks.push(parse_network(&text).map_err(|error| ListError::Network { pointer: pointer(), error })?);
        Ok(())
    }
}

/// The elements of an array.
fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// The member of an object, or the element of an array by its index (RFC 6901 section 4), which has no leading zeros.
fn member<'v>(value: &'v RawValue, step: &str) -> Option<&'v RawValue> {
    if let Some(elements) = elements(value) {
        let index: usize = step.parse().ok().filter(|index: &usize| index.to_string() == step)?;
        return elements.get(index).copied();
    }
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
    members.remove(step)
}

/// A text does not name a list format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListFormatError;

impl fmt::Display for ListFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `lines`, or JSON pointers such as `json:/hooks` or `json:/prefixes/*/ip_prefix`")
    }
}

impl std::error::Error for ListFormatError {}

impl FromStr for ListFormat {
    type Err = ListFormatError;

    fn from_str(text: &str) -> Result<Self, ListFormatError> {
        if text == "lines" {
            return Ok(Self::Lines);
        }
        let pointers = text.split(' ').map(|word| word.strip_prefix("json:").and_then(pointer).ok_or(ListFormatError));
        pointers.collect::<Result<_, _>>().map(Self::Json)
    }
}

impl fmt::Display for ListFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines => f.write_str("lines"),
            Self::Json(pointers) => {
                let words: Vec<String> = pointers.iter().map(|pointer| format!("json:{}", pointer.text)).collect();
                f.write_str(&words.join(" "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for ListFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// RFC 6901 section 3; the empty pointer is the whole document.
fn pointer(text: &str) -> Option<ListPointer> {
    let mut parts = text.split('/');
    if parts.next() != Some("") {
        return None;
    }
    let steps = parts.map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    Some(ListPointer { text: text.to_owned(), steps })
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the list is empty"),
            Self::Line { number, error } => write!(f, "line {number}: {error}"),
            Self::Missing { pointer } => write!(f, "the list has nothing at `{pointer}`"),
            Self::Network { pointer, error } => write!(f, "at `{pointer}`: {error}"),
            Self::NotJson => f.write_str("the list is not JSON"),
            Self::NotText => f.write_str("the list is not UTF-8"),
            Self::NotTexts { pointer } => {
                write!(f, "the list has neither text nor an array of texts at `{pointer}`")
            }
            Self::TooLong => {
                write!(f, "the list has more than {MAX_LIST_BYTES} bytes or {MAX_LIST_RANGES} ranges")
            }
            Self::TooWide { network } => {
                let (v4, v6) = WIDEST;
                write!(f, "{network} is wider than /{v4} (IPv4) or /{v6} (IPv6), the widest range that a list may have")
            }
            Self::TooWideTogether => {
                let (v4, v6) = WIDEST;
                write!(f, "the ranges together have more addresses than {MOST} ranges of /{v4} (IPv4) or /{v6} (IPv6)")
            }
        }
    }
}

impl std::error::Error for ListError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> ListFormat {
        text.parse().unwrap()
    }

    #[test]
    fn a_format_is_printed_as_it_is_written() {
        for text in ["lines", "json:", "json:/hooks", "json:/a~1b/*/c json:/d"] {
            assert_eq!(format(text).to_string(), text);
        }
        for text in ["", "line", "json", "json:hooks", "/hooks", "json:/a  json:/b", "lines json:/a"] {
            assert_eq!(text.parse::<ListFormat>(), Err(ListFormatError), "{text}");
        }
    }

    #[test]
    fn lines_may_have_comments() {
        let read = ListFormat::Lines.read(b"# ours\r\n203.0.113.0/24\t# office\r\n\r\n  2001:db8::/32");
        assert_eq!(read.unwrap(), AddressSet::parse(["203.0.113.0/24", "2001:db8::/32"]).unwrap());
        let wrong = ListFormat::Lines.read(b"203.0.113.0/24\n\n203.0.113.0/24, 203.0.114.0/24\n");
        assert!(matches!(wrong, Err(ListError::Line { number: 3, .. })), "{wrong:?}");
        assert_eq!(ListFormat::Lines.read(b"\xff"), Err(ListError::NotText));
    }

    #[test]
    fn pointers_find_texts_arrays_and_members_of_elements() {
        let document =
            br#"{"a/b": "203.0.113.1", "c": [["203.0.113.2"], ["203.0.113.3"]], "d": [{"*": "203.0.113.4"}]}"#;
        let read = format("json:/a~1b json:/c/* json:/d/*/*").read(document).unwrap();
        assert_eq!(read.ranges().count(), 1);
        assert_eq!(format("json:").read(b"[\"203.0.113.1\"]").unwrap().len(), 1);
        assert_eq!(
            format("json:/c/1/0 json:/d/0").read(br#"{"c": [[], ["203.0.113.2"]], "d": ["::1"]}"#).unwrap().len(),
            2
        );
    }

    #[test]
    fn elements_without_the_member_are_skipped_unless_all_are() {
        let google = br#"{"prefixes": [{"ipv4Prefix": "203.0.113.0/24"}, {"ipv6Prefix": "2001:db8::/32"}]}"#;
        let both = format("json:/prefixes/*/ipv4Prefix json:/prefixes/*/ipv6Prefix").read(google).unwrap();
        assert_eq!(both, AddressSet::parse(["203.0.113.0/24", "2001:db8::/32"]).unwrap());
        assert_eq!(format("json:/prefixes/*/ipv4Prefix").read(google).unwrap().len(), 1);
        let missing = format("json:/prefixes/*/ipv4Prefix json:/prefixes/*/prefix").read(google);
        assert_eq!(missing, Err(ListError::Missing { pointer: "/prefixes/*/prefix".to_owned() }));
    }

    #[test]
    fn a_document_without_the_expected_structure_is_refused() {
        let missing = |pointer: &str| Err(ListError::Missing { pointer: pointer.to_owned() });
        let not_texts = |pointer: &str| Err(ListError::NotTexts { pointer: pointer.to_owned() });
        let read = |pointer: &str, content: &str| format(pointer).read(content.as_bytes());
        assert_eq!(read("json:/hooks", "{}"), missing("/hooks"));
        assert_eq!(read("json:/hooks", "[]"), missing("/hooks"));
        assert_eq!(read("json:/hooks", "not json"), Err(ListError::NotJson));
        assert_eq!(read("json:/hooks", r#"{"hooks": []}"#), Err(ListError::Empty));
        assert_eq!(read("json:/hooks", r#"{"hooks": null}"#), not_texts("/hooks"));
        assert_eq!(read("json:/hooks", r#"{"hooks": ["203.0.113.1", 4]}"#), not_texts("/hooks"));
        assert_eq!(read("json:/a/*/b", r#"{"a": [{"c": "203.0.113.1"}, "b", null]}"#), missing("/a/*/b"));
        assert_eq!(read("json:/a/*/b", r#"{"a": {"c": {"b": "203.0.113.1"}}}"#), missing("/a/*/b"));
        for index in ["2", "01", "-1", "-", "+0", ""] {
            let pointer = format!("/hooks/{index}");
            assert_eq!(read(&format!("json:{pointer}"), r#"{"hooks": ["::1", "::2"]}"#), missing(&pointer));
        }
        let wrong = read("json:/hooks", r#"{"hooks": ["203.0.113.1/24"]}"#);
        assert!(matches!(wrong, Err(ListError::Network { .. })), "{wrong:?}");
    }

    #[test]
    fn a_list_that_allows_nobody_or_everybody_is_refused() {
        for empty in ["", "\n\n", "# nothing yet\n"] {
            assert_eq!(ListFormat::Lines.read(empty.as_bytes()), Err(ListError::Empty));
        }
        for wide in ["0.0.0.0/0", "0.0.0.0/7", "::/0", "2000::/3", "::ffff:0:0/96", "::ffff:0:0/103"] {
            let read = ListFormat::Lines.read(format!("203.0.113.0/24\n{wide}\n").as_bytes());
            assert!(matches!(read, Err(ListError::TooWide { .. })), "{wide}: {read:?}");
        }
        for narrow in ["3.0.0.0/8", "2600::/16", "::ffff:3.0.0.0/104"] {
            assert!(ListFormat::Lines.read(narrow.as_bytes()).is_ok(), "{narrow}");
        }
        let many = |count, network: fn(u16) -> String| {
            ListFormat::Lines.read((0..count).map(network).collect::<String>().as_bytes())
        };
        let v4 = |first| format!("{first}.0.0.0/8\n203.0.113.0/24\n");
        let v6 = |first| format!("{first:x}00::/16\n");
        for network in [v4, v6] {
            assert_eq!(many(256, network), Err(ListError::TooWideTogether));
            assert_eq!(many(18, network), Err(ListError::TooWideTogether));
            assert!(many(15, network).is_ok());
        }
        assert_eq!(ListFormat::Lines.read(&vec![b'\n'; MAX_LIST_BYTES + 1]), Err(ListError::TooLong));
        let many = "203.0.113.1\n".repeat(MAX_LIST_RANGES + 1);
        assert_eq!(ListFormat::Lines.read(many.as_bytes()), Err(ListError::TooLong));
    }
}
