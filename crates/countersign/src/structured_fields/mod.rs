//! Structured fields (RFC 8941, on which RFC 9421 rests), in the one form in which a sender prints them.
//!
//! A parser of structured fields bears white space, repeated names, of which the last one counts, and numbers with leading
//! zeros. In a signature such slack would let one text be written in many ways, so here a member is read only if it is just
//! what printing it again gives.

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
    /// The value as it stands in the field.
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
    /// The item as it stands in the field.
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
    /// What nothing here needs: tokens, decimals, dates.
    Other,
}

/// Reads a dictionary, lines of a header joined by commas; `None` if it is none, a name stands twice in it, or a member is
/// written in another way than it would be printed. White space around members is borne. Behind one member more than
/// `most` nothing is read.
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

/// The texts between the commas of a dictionary that are in no string.
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
    //! Without the feature nothing is a structured field, so that all that rests on them is refused.

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
