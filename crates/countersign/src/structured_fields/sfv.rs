//! Parses and serializes structured fields with the crate `sfv`.

use sfv::{
    BareItem, Dictionary, FieldType, InnerList, Item as SfvItem, List, ListEntry, ListSerializer, Parameters, Parser,
    Version,
};

use super::{Bare, Item, Member, Value, split};
use crate::scheme::trim_ows;

/// Parses `text`, which must be exactly one member of a dictionary.
pub(super) fn one_member(text: &[u8]) -> Option<Member> {
    let dictionary: Dictionary = parser(text).parse().ok()?;
    let printed = dictionary.serialize()?;
    if printed.as_bytes() != text {
        return None;
    }
    let (name, entry) = dictionary.into_iter().next()?;
    // A member without a value is a boolean, which nothing here uses.
    let text = printed.strip_prefix(name.as_str())?.strip_prefix('=')?.to_owned();
    let value = match entry {
        ListEntry::Item(item) => Value::Item(item_of(item)),
        ListEntry::InnerList(InnerList { items, params }) => {
            Value::List(items.into_iter().map(item_of).collect(), parameters(params))
        }
    };
    Some(Member { name: name.into(), text, value })
}

/// Parses an item, only in its serialized form.
pub(crate) fn item(text: &str) -> Option<Item> {
    let item: SfvItem = parser(text).parse().ok()?;
    Some(item_of(item)).filter(|item| item.text == text)
}

/// Serializes a field of any type again; `None` if it is not valid, or its possible types would be serialized
/// differently.
pub(crate) fn reserialized(text: &[u8]) -> Option<String> {
    let item = parser(text).parse::<SfvItem>().ok().map(|item| item.serialize());
    let list = parser(text).parse::<List>().ok().and_then(|list| list.serialize());
    // The last of two members with one name counts here, but another reader may take the first.
    let dictionary = parser(text).parse::<Dictionary>().ok().filter(|members| members.len() == split(text).count());
    let dictionary = dictionary.and_then(|dictionary| dictionary.serialize());
    let mut printed = [item, list, dictionary].into_iter().flatten();
    let first = printed.next()?;
    printed.all(|other| other == first).then_some(first)
}

/// The value of the member `name` of a dictionary, serialized again; `None` if there is no such member, or several.
pub(crate) fn member_of(text: &[u8], name: &str) -> Option<String> {
    let dictionary: Dictionary = parser(text).parse().ok()?;
    let has_name = |member: &[u8]| {
        let end = member.iter().position(|byte| b"=;".contains(byte)).unwrap_or(member.len());
        member[..end] == *name.as_bytes()
    };
    if split(text).filter(|member| has_name(trim_ows(member))).count() != 1 {
        return None;
    }
    let mut list = ListSerializer::new();
    list.members([dictionary.get(name)?]);
    list.finish()
}

/// A parser of the version without dates and display strings, which no field has that is signed in parts.
fn parser(text: &(impl AsRef<[u8]> + ?Sized)) -> Parser<'_> {
    Parser::new(text).with_version(Version::Rfc8941)
}

fn item_of(item: SfvItem) -> Item {
    let text = item.serialize();
    let SfvItem { bare_item, params } = item;
    Item { bare: bare(bare_item), parameters: parameters(params), text }
}

fn parameters(parameters: Parameters) -> Vec<(String, Bare)> {
    parameters.into_iter().map(|(name, value)| (name.into(), bare(value))).collect()
}

fn bare(item: BareItem) -> Bare {
    match item {
        BareItem::ByteSequence(bytes) => Bare::Bytes(bytes),
        BareItem::Integer(number) => Bare::Integer(number.into()),
        BareItem::String(text) => Bare::Text(text.into()),
        BareItem::Boolean(true) => Bare::True,
        _ => Bare::Other,
    }
}
