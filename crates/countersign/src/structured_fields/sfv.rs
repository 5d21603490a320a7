//! The parser and printer of the crate `sfv`.

use sfv::{
    BareItem, Dictionary, FieldType, InnerList, Item as SfvItem, List, ListEntry, ListSerializer, Parameters, Parser,
    Version,
};

use super::{Bare, Item, Member, Value, split};
use crate::scheme::trim_ows;

/// Reads the one member of a dictionary that `text` has to be.
pub(super) fn one_member(text: &[u8]) -> Option<Member> {
    let dictionary: Dictionary = parser(text).parse().ok()?;
    let printed = dictionary.serialize()?;
    if printed.as_bytes() != text {
        return None;
    }
    let (name, entry) = dictionary.into_iter().next()?;
    // A member without a value stands for the boolean, which is not what anything here is.
    let text = printed.strip_prefix(name.as_str())?.strip_prefix('=')?.to_owned();
    let value = match entry {
        ListEntry::Item(item) => Value::Item(item_of(item)),
        ListEntry::InnerList(InnerList { items, params }) => {
            Value::List(items.into_iter().map(item_of).collect(), parameters(params))
        }
    };
    Some(Member { name: name.into(), text, value })
}

/// Reads an item, in its printed form only.
pub(crate) fn item(text: &str) -> Option<Item> {
    let item: SfvItem = parser(text).parse().ok()?;
    Some(item_of(item)).filter(|item| item.text == text)
}

/// A field of any type, printed again; `None` if it is none, or its types would print it in different ways.
pub(crate) fn reserialized(text: &[u8]) -> Option<String> {
    let item = parser(text).parse::<SfvItem>().ok().map(|item| item.serialize());
    let list = parser(text).parse::<List>().ok().and_then(|list| list.serialize());
    // Of a name that stands there twice the last one counts, but another reader may take the first.
    let dictionary = parser(text).parse::<Dictionary>().ok().filter(|members| members.len() == split(text).count());
    let dictionary = dictionary.and_then(|dictionary| dictionary.serialize());
    let mut printed = [item, list, dictionary].into_iter().flatten();
    let first = printed.next()?;
    printed.all(|other| other == first).then_some(first)
}

/// The value of the member `name` of a dictionary, printed again; `None` if there is no such member, or several.
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

/// Of the version before dates and display strings, which no field that is signed in parts has.
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
