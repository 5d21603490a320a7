//! Changes to lists of signatures: more, fewer and other items, and other separators.

use fastrand::Rng;

use crate::{
    draft::{NOW, Signature},
    senders::{Sender, Time},
};

pub(crate) fn items(rng: &mut Rng, sender: &Sender, signature: &mut Signature) -> &'static str {
    let separator = if sender.separator.is_empty() { "," } else { sender.separator };
    let Signature { items, separator: between } = signature;
    if between.is_empty() {
        between.extend_from_slice(separator.as_bytes());
    }
    if items.is_empty() {
        items.push(Vec::new());
    }
    let last = items.len() - 1;
    let tag = items.last().cloned().unwrap_or_default();
    let text = tag[sender.label.len().min(tag.len())..].to_vec();
    let time = match sender.time {
        Time::Item(label) => label,
        Time::Nowhere | Time::Header(_) => "t=",
    };
    let forged = |label: &str| [label.as_bytes(), &vec![b'0'; text.len()]].concat();
    let with = |label: &str| [label.as_bytes(), &text].concat();
    let other_time = format!("{time}{}", NOW - rng.i64(0..2) * 900).into_bytes();
    let spaced = |text: &str| text.as_bytes().to_vec();
    match rng.u32(..40) {
        0 => put(items, 0, forged(sender.label), "a forged tag in front"),
        1 => put(items, usize::MAX, forged(sender.label), "a forged tag behind"),
        2 => put(items, usize::MAX, tag.clone(), "a tag twice"),
        3 => put(items, 0, forged("v0="), "a tag of v0 in front"),
        4 => put(items, usize::MAX, forged("v2="), "a tag of v2 behind"),
        5 => put(items, usize::MAX, with("v1a,"), "a tag of v1a behind"),
        6 => put(items, 0, with("v2,"), "a tag of v2 in front"),
        7 => put(items, 0, b"junk".to_vec(), "an item without a label in front"),
        8 => put(items, usize::MAX, b"a=b=c".to_vec(), "an item that nobody knows behind"),
        9 => put(items, usize::MAX, Vec::new(), "an empty item behind"),
        10 => put(items, 0, Vec::new(), "an empty item in front"),
        11 => put(items, 1, Vec::new(), "an empty item between"),
        12 => put(items, usize::MAX, sender.label.as_bytes().to_vec(), "a tag without text behind"),
        13 => put(items, 0, sender.label.as_bytes().to_vec(), "a tag without text in front"),
        14 => put(items, usize::MAX, other_time, "a time behind"),
        15 => put(items, 0, other_time, "a time in front"),
        16 => put(items, 1, format!("{time}{NOW}").into_bytes(), "the time again"),
        17 => {
            items.splice(0..0, (0..40).map(|_| forged(sender.label)));
            "forty forged tags in front"
        }
        18 => {
            items.extend((0..20).map(|_| tag.clone()));
            "a tag twenty times"
        }
        19 => {
            items.splice(0..0, (0..40).map(|at| forged(if at % 2 == 0 { "v9=" } else { "v9," })));
            "forty tags of v9 in front"
        }
        20 => (drop(items.remove(last)), "no tag").1,
        21 => (drop(items.remove(0)), "without its first item").1,
        22 => (items.reverse(), "backwards").1,
        23 => (items[last].clone_from(&text), "a tag without a label").1,
        24 => (items[last] = with(&sender.label.to_uppercase()), "a label in upper case").1,
        25 => (items[last] = with(&format!(" {}", sender.label)), "a space in front of a label").1,
        26 => (items[last] = with(&sender.label.replace(['=', ','], " = ")), "spaces around the sign").1,
        27 => (items[last] = with(&format!("{0}{0}", sender.label)), "a label twice").1,
        28 => (items[last] = with(&sender.label.replace('=', "==")), "a sign twice").1,
        29 => (items[last] = with(&sender.label.replace(['=', ','], ":")), "a colon for the sign").1,
        30 => (items[last] = with(&format!("x{}", sender.label)), "another label").1,
        31 => (items[last] = [&tag[..], b",", &text].concat(), "a comma and more behind a tag").1,
        32 => (items[last] = [&tag[..], b"=x"].concat(), "a sign and more behind a tag").1,
        33 => (items[last] = [&tag[..], b";x=1"].concat(), "a semicolon and more behind a tag").1,
        34 => (*between = spaced(&format!("{separator} ")), "a space behind separators").1,
        35 => (*between = spaced(&format!(" {separator}")), "a space in front of separators").1,
        36 => (*between = spaced(&format!("{separator}{separator}")), "separators twice").1,
        37 => (*between = spaced(";"), "semicolons for separators").1,
        38 => (*between = spaced(if separator == "," { " " } else { "," }), "other separators").1,
        _ => (*between = spaced("\t"), "tabs for separators").1,
    }
}

/// Inserts an item before the one at this index, or at the end. Returns `name`.
fn put(items: &mut Vec<Vec<u8>>, at: usize, item: Vec<u8>, name: &'static str) -> &'static str {
    items.insert(at.min(items.len()), item);
    name
}
