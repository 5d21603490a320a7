//! Texts that are a valid dictionary, item or field, and texts that are not.

use super::{Bare, Value, dictionary, item, member_of, reserialized};

/// More members than any of these texts has.
const MANY: usize = 9;

#[test]
fn a_member_is_accepted_only_as_it_would_be_serialized() {
    for text in [
        "a=1",
        "a=-1",
        "a=\"b, c\"",
        "a=\"\\\"\", b=2",
        "a=:AA==:",
        "a=::",
        "a=()",
        "a=(\"b\" \"c\";d);e=1;f=\"g\"",
        "a=1,b=2",
        "a=1 ,\t b=2",
        " a=1 ",
        "a=?0",
        "a=1.5",
        "a=t",
    ] {
        assert!(dictionary(text.as_bytes(), MANY).is_some(), "{text}");
    }
    for text in [
        "",
        " ",
        ",",
        "a=1,",
        "a=1,,b=2",
        "a",
        "a;b=1",
        "a=?1",
        "A=1",
        "1=1",
        "a= 1",
        "a =1",
        "a=01",
        "a=-0",
        "a=1.50",
        "a=1;b;b",
        "a=1;b=?1",
        "a=1; b",
        "a=1, a=1",
        "a=:AA:",
        "a=:AB==:",
        "a=:A A=:",
        "a=( \"b\")",
        "a=(\"b\" )",
        "a=(\"b\"  \"c\")",
        "a=(\"b\"\"c\")",
        "a=((\"b\"))",
        "a=(\"b\"",
        "a=\"b",
        "a=\"\\b\"",
        "a=\"\u{e9}\"",
        "a=@1",
        "a=%\"b\"",
        "a=1 b=2",
    ] {
        assert_eq!(dictionary(text.as_bytes(), MANY), None, "{text}");
    }
}

#[test]
fn a_dictionary_returns_its_members_and_their_text() {
    let members = dictionary(b"sig1=(\"@method\" \"x\";bs);created=5;keyid=\"a,b\", sig2=:AAE=:", MANY).unwrap();
    let [first, second] = members.as_slice() else { panic!("two members") };
    assert_eq!((first.name.as_str(), first.text.as_str()), ("sig1", "(\"@method\" \"x\";bs);created=5;keyid=\"a,b\""));
    let Value::List(items, parameters) = &first.value else { panic!("a list") };
    assert_eq!(items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), ["\"@method\"", "\"x\";bs"]);
    assert_eq!(items[1].parameters, [("bs".to_owned(), Bare::True)]);
    let expected = [("created".to_owned(), Bare::Integer(5)), ("keyid".to_owned(), Bare::Text("a,b".to_owned()))];
    assert_eq!(*parameters, expected);
    assert!(matches!(&second.value, Value::Item(item) if item.bare == Bare::Bytes(vec![0, 1])));
}

#[test]
fn an_item_is_parsed_only_without_anything_around_it() {
    assert_eq!(item("\"a\";b=\"c\"").unwrap().parameters.len(), 1);
    for text in ["", "\"a\" ", "\"a\", \"b\"", "\"a\";b;b", "\"a\"; b"] {
        assert_eq!(item(text), None, "{text}");
    }
}

#[test]
fn a_field_is_reserialized_if_all_its_possible_types_agree() {
    assert_eq!(reserialized(b"a,  b").as_deref(), Some("a, b"));
    assert_eq!(reserialized(b"a=1,b=(c   d)").as_deref(), Some("a=1, b=(c d)"));
    assert_eq!(reserialized(b"  1.0;x=?1 ").as_deref(), Some("1.0;x"));
    // As a dictionary it would have only one member.
    assert_eq!(reserialized(b"a, a").as_deref(), Some("a, a"));
    assert_eq!(reserialized(b"a=1, a=1"), None);
    assert_eq!(reserialized(b"("), None);
}

#[test]
fn a_member_is_found_if_its_name_occurs_exactly_once() {
    assert_eq!(member_of(b"a=1, b=(c   d);e", "b").as_deref(), Some("(c d);e"));
    assert_eq!(member_of(b"a=1, b;c=2", "b").as_deref(), Some("?1;c=2"));
    assert_eq!(member_of(b"a=\", b=1\", b=2", "b").as_deref(), Some("2"));
    assert_eq!(member_of(b"a=1, b=2, b=2", "b"), None);
    assert_eq!(member_of(b"a=1", "b"), None);
    assert_eq!(member_of(b"a=1, (", "a"), None);
}

#[test]
fn parsing_stops_one_member_after_the_limit() {
    let members = dictionary(b"a=1, b=2, c=3, what is this?", 2).unwrap();
    assert_eq!(members.len(), 3);
}
