//! Structured fields (RFC 8941, the basis of RFC 9421), accepted only in the form in which a sender serializes them.
//!
//! A parser of structured fields tolerates white space, duplicate names (the last one counts), and leading zeros. In a
//! signature, that would allow several texts for one value. So here a member is accepted only if serializing it again
//! gives the same text.

#[cfg(feature = "http-signature")]
mod sfv;
#[cfg(test)]
#[cfg(feature = "http-signature")]
mod tests;

#[cfg(feature = "http-signature")]
pub(crate) use self::sfv::{item, member_of, reserialized};

use crate::scheme::trim_ows;

/// A member of a dictionary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The value as the field has it.
    pub(crate) text: String,
    pub(crate) value: Value,
}

/// The value of a member.
#[cfg_attr(not(feature = "http-signature"), expect(dead_code, reason = "without it nothing is read"))]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Item(Item),
    List(Vec<Item>, Vec<(String, Bare)>),
}

/// An item with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) bare: Bare,
    pub(crate) parameters: Vec<(String, Bare)>,
    /// The item as the field has it.
    pub(crate) text: String,
}

/// A value without parameters.
#[cfg_attr(not(feature = "http-signature"), expect(dead_code, reason = "without it nothing is read"))]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bare {
    Bytes(Vec<u8>),
    Integer(i64),
    Text(String),
    True,
    /// Types that are not needed here: tokens, decimals, dates.
    Other,
}

/// Parses a dictionary, the lines of a header joined by commas. `None` if it is not one, a name occurs twice, or a
/// member is not written as it would be serialized. White space around members is allowed. It stops after `most`
/// members and one more.
pub(crate) fn dictionary(text: &[u8], most: usize) -> Option<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    for text in split(text).take(most.saturating_add(1)) {
        let member = one_member(trim_ows(text))?;
        if members.iter().any(|other| other.name == member.name) {
            return None;
        }
        members.push(member);
    }
    Some(members)
}

/// Splits a dictionary at the commas that are not within a string.
fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut in_string, mut is_escaped) = (false, false);
    text.split(move |byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b',' => return !in_string,
            _ => {}
        }
        false
    })
}

#[cfg(feature = "http-signature")]
fn one_member(text: &[u8]) -> Option<Member> {
    sfv::one_member(text)
}

#[cfg(not(feature = "http-signature"))]
mod off {
    //! Without the feature, nothing parses as a structured field, so everything that depends on one is refused.

    use super::{Item, Member};

    pub(super) fn one_member(_: &[u8]) -> Option<Member> {
        None
    }

    pub(crate) fn item(_: &str) -> Option<Item> {
        None
    }

    pub(crate) fn member_of(_: &[u8], _: &str) -> Option<String> {
        None
    }

    pub(crate) fn reserialized(_: &[u8]) -> Option<String> {
        None
    }
}

#[cfg(not(feature = "http-signature"))]
use self::off::one_member;
#[cfg(not(feature = "http-signature"))]
pub(crate) use self::off::{item, member_of, reserialized};
