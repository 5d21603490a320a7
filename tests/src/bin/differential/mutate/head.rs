//! Changes to headers: removed, doubled, renamed or damaged, and bytes that move from one signed part into the next.

use fastrand::Rng;

use crate::{
    request::Request,
    senders::{Sender, Time},
};

pub(crate) fn lines(rng: &mut Rng, sender: &Sender, request: &mut Request) -> &'static str {
    // A scheme ignores unsigned headers, although some SDKs require them.
    let is_signed = |name: &str| !sender.others.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let signed: Vec<_> = (0..request.headers.len()).filter(|at| is_signed(&request.headers[*at].0)).collect();
    let Some(at) = signed.get(rng.usize(..signed.len().max(1))).copied() else { return "none" };
    let (name, value) = request.headers[at].clone();
    let headers = &mut request.headers;
    let other = [&value[..value.len() / 2], b"0"].concat();
    match rng.u32(..22) {
        0 => (drop(headers.remove(at)), "a header is gone").1,
        1 => (headers[at].1.clear(), "a header is empty").1,
        2 => (headers[at].1 = b" \t ".to_vec(), "a header is white space").1,
        3 => (headers.insert(at, (name, value)), "a header twice").1,
        4 => (headers.insert(at, (name, other)), "another line in front").1,
        5 => (headers.insert(at + 1, (name, other)), "another line behind").1,
        6 => (headers.insert(at, (name.to_lowercase(), value)), "a header twice, in two cases").1,
        7 => (headers.insert(at, (name, Vec::new())), "an empty line in front").1,
        8 => (headers[at].1 = [&value[..], b", ", &value].concat(), "a header joined with itself").1,
        9 => (headers[at].1 = [&other[..], b", ", &value].concat(), "a header joined behind another").1,
        10 => (headers[at].1 = [&value[..], b",", &other].concat(), "a header joined in front of another").1,
        11 => (headers[at].0 = name.to_uppercase(), "a name in upper case").1,
        12 => (headers[at].0 = name.to_lowercase(), "a name in lower case").1,
        13 => (headers[at].0 = name.replace('-', "_"), "a name with underscores").1,
        14 => (headers[at].1 = [b" \t", &value[..], b"\t "].concat(), "white space around").1,
        15 => (headers.reverse(), "headers in another order").1,
        16 if !sender.aliases.is_empty() => alias(rng, sender, request),
        16 | 17 => (headers.push(("X-Signature".into(), value)), "a header more").1,
        18 => (headers[at].1.push(b','), "a comma behind").1,
        _ => {
            damage(rng, &mut headers[at].1);
            "one byte of a header"
        }
    }
}

fn damage(rng: &mut Rng, value: &mut Vec<u8>) {
    let at = rng.usize(..=value.len());
    match (rng.u32(..3), value.get_mut(at)) {
        (0, Some(byte)) => *byte = rng.u8(0x20..),
        (1, Some(_)) => drop(value.remove(at)),
        _ => value.insert(at, rng.u8(0x20..)),
    }
}

/// Renames one or all headers to their aliases, or adds the aliases.
fn alias(rng: &mut Rng, sender: &Sender, request: &mut Request) -> &'static str {
    let all = rng.bool();
    let one = rng.usize(..sender.aliases.len());
    let renamed = |name: &str| {
        let found = sender.aliases.iter().enumerate().find(|(_, (from, _))| from.eq_ignore_ascii_case(name));
        found.filter(|(at, _)| all || *at == one).map(|(_, (_, to))| (*to).to_owned())
    };
    let kind = rng.u32(..4);
    for (name, value) in request.headers.clone() {
        let Some(other) = renamed(&name) else { continue };
        let wrong = [&value[..value.len() / 2], b"0"].concat();
        match kind {
            0 => request.headers.iter_mut().filter(|(one, _)| *one == name).for_each(|(one, _)| one.clone_from(&other)),
            1 => request.headers.push((other, value)),
            2 => request.headers.push((other, wrong)),
            _ => {
                request.headers.push((other, value));
                request
                    .headers
                    .iter_mut()
                    .filter(|(one, _)| *one == name)
                    .for_each(|(_, value)| value.clone_from(&wrong));
            }
        }
    }
    ["under other names", "under both names", "wrong under other names", "right under other names alone"][kind as usize]
}

/// Moves a byte between two adjacent signed parts.
pub(crate) fn border(rng: &mut Rng, sender: &Sender, request: &mut Request) -> &'static str {
    let find =
        |name: &str, request: &Request| request.headers.iter().position(|(one, _)| one.eq_ignore_ascii_case(name));
    let (Time::Header(time), forwards) = (sender.time, rng.bool()) else { return "none" };
    let Some(time) = find(time, request) else { return "none" };
    if let Some(id) = sender.id.filter(|_| rng.bool()).and_then(|name| find(name, request)) {
        // The separator and its neighbour move.
        let (id_text, time_text) = (request.headers[id].1.clone(), request.headers[time].1.clone());
        let joined = [&id_text[..], b".", &time_text].concat();
        let Some(at) = (0..joined.len()).filter(|at| joined[*at] == b'.').nth(rng.usize(..2)) else { return "none" };
        request.headers[id].1 = joined[..at].to_vec();
        request.headers[time].1 = joined[at + 1..].to_vec();
        return "between id and time";
    }
    if forwards && !request.body.is_empty() {
        let first = request.body.remove(0);
        request.headers[time].1.push(first);
        return "a byte of the body goes to the time";
    }
    if let Some(last) = request.headers[time].1.pop() {
        request.body.insert(0, last);
    }
    "a byte of the time goes to the body"
}
