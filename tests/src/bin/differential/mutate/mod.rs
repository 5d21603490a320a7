//! Changes to a request: before it is signed, to its signature, in transit, and to the clock.

mod head;
mod list;
mod tag;
mod text;
mod url;

use fastrand::Rng;

use crate::{
    Change, body,
    draft::{Draft, Signature},
    request::Request,
    senders::{Bodies, Sender, Time},
};

/// A request and its changes.
pub(crate) struct Mutated {
    pub(crate) request: Request,
    pub(crate) changes: Vec<String>,
}

impl Mutated {
    /// The changes, in words.
    pub(crate) fn describe(&self) -> String {
        if self.changes.is_empty() { "as it was signed".to_owned() } else { self.changes.join(", ") }
    }
}

/// The stages of changes, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Clock,
    Keys,
    SignedTime,
    SignedId,
    SignedBody,
    SignedUrl,
    Signature,
    Head,
    Url,
    Body,
    Border,
}

/// A request of this sender with up to three changes. One in twenty has none.
pub(crate) fn request(sender: &Sender, rng: &mut Rng) -> Mutated {
    let mut draft = Draft::new(sender, rng);
    if sender.bodies == Bodies::Json && rng.u32(..30) == 0 {
        draft.body = body::odd(rng, &draft.body).1;
    }
    let stages = stages(sender, rng);
    let mut changes = Vec::new();
    for stage in stages.iter().take_while(|stage| **stage < Stage::Signature) {
        changes.push(before(*stage, sender, rng, &mut draft));
    }
    (sender.prepare)(&mut draft);
    let mut signature = draft.sign(sender);
    for _ in stages.iter().filter(|stage| **stage == Stage::Signature) {
        changes.push(to_signature(sender, rng, &mut signature));
    }
    let mut request = draft.into_request(sender, &signature);
    for stage in stages.iter().skip_while(|stage| **stage <= Stage::Signature) {
        changes.push(after(*stage, sender, rng, &mut request));
    }
    Mutated { request, changes }
}

fn stages(sender: &Sender, rng: &mut Rng) -> Vec<Stage> {
    let has_time = !matches!(sender.time, Time::Nowhere);
    // Weighted by how many times each one is listed.
    let mut all = vec![
        Stage::Keys,
        Stage::SignedBody,
        Stage::Signature,
        Stage::Signature,
        Stage::Signature,
        Stage::Head,
        Stage::Head,
        Stage::Body,
    ];
    all.extend([Stage::Clock, Stage::SignedTime, Stage::SignedTime].iter().filter(|_| has_time));
    all.extend([Stage::SignedId, Stage::SignedId].iter().filter(|_| sender.id.is_some()));
    all.extend([Stage::SignedUrl, Stage::SignedUrl, Stage::Url].iter().filter(|_| sender.signs_url));
    all.extend([Stage::Body, Stage::Body, Stage::SignedBody].iter().filter(|_| sender.bodies == Bodies::Form));
    all.extend([Stage::Border].iter().filter(|_| has_time || sender.signs_url));
    let count = match rng.u32(..20) {
        0 => 0,
        1..13 => 1,
        13..18 => 2,
        _ => 3,
    };
    let mut stages: Vec<_> = (0..count).map(|_| all[rng.usize(..all.len())]).collect();
    stages.sort_unstable();
    stages
}

fn before(stage: Stage, sender: &Sender, rng: &mut Rng, draft: &mut Draft) -> String {
    match stage {
        Stage::Clock => {
            let ahead = text::distance(rng);
            draft.request.now += ahead;
            format!("the clock is {ahead} ms ahead")
        }
        Stage::Keys => {
            const KEYS: [&[usize]; 4] = [&[0], &[1], &[0, 1], &[1, 0]];
            const SIGNERS: [&[usize]; 6] = [&[0], &[1], &[2], &[0, 1], &[2, 0], &[2, 1]];
            draft.request.keys = KEYS[rng.usize(..KEYS.len())].to_vec();
            let last = if sender.separator.is_empty() { 3 } else { SIGNERS.len() };
            draft.signers = SIGNERS[rng.usize(..last)].to_vec();
            format!("keys {:?}, signed by {:?}", draft.request.keys, draft.signers)
        }
        Stage::SignedTime => named("signed time", &mut draft.time, |time| text::time(rng, time)),
        Stage::SignedId => named("signed id", &mut draft.id, |id| text::id(rng, id)),
        Stage::SignedUrl => {
            let (name, target) = url::target(rng, &draft.request.target);
            draft.request.target.clone_from(&target);
            let (form, url) = url::signed_form(rng, draft.request.origin, &target);
            draft.url = url;
            format!("signed URL: {name}, {form}")
        }
        _ if sender.bodies == Bodies::Form && rng.bool() => {
            named("signed form", &mut draft.body, |body| body::rewritten_form(rng, body))
        }
        _ => named("signed body", &mut draft.body, |body| body::odd(rng, body)),
    }
}

fn to_signature(sender: &Sender, rng: &mut Rng, signature: &mut Signature) -> String {
    let times = usize::from(matches!(sender.time, Time::Item(_)));
    match rng.u32(..10) {
        0..5 => {
            let at = rng.usize(times..signature.items.len().max(times + 1));
            let Some(item) = signature.items.get_mut(at) else { return "tag: none".into() };
            let text = item.split_off(sender.label.len().min(item.len()));
            let (name, changed) = tag::text(rng, &text, sender.is_base64());
            item.extend_from_slice(&changed);
            format!("tag: {name}")
        }
        5 if times > 0 => named("time beside the tag", &mut signature.items[0], |item| {
            let (label, time) = item.split_at(2.min(item.len()));
            let (name, time) = text::time(rng, time);
            (name, [label, &time].concat())
        }),
        _ => format!("list: {}", list::items(rng, sender, signature)),
    }
}

fn after(stage: Stage, sender: &Sender, rng: &mut Rng, request: &mut Request) -> String {
    match stage {
        Stage::Head => format!("head: {}", head::lines(rng, sender, request)),
        Stage::Url => named("URL", &mut request.target, |target| url::target(rng, target)),
        Stage::Border if sender.signs_url => format!("border: {}", url::border(rng, request)),
        Stage::Border => format!("border: {}", head::border(rng, sender, request)),
        _ if sender.bodies == Bodies::Form && rng.u32(..3) > 0 => {
            named("form", &mut request.body, |body| body::rewritten_form(rng, body))
        }
        _ => named("body", &mut request.body, |body| body::changed(rng, body)),
    }
}

fn named<T>(what: &str, value: &mut T, change: impl FnOnce(&T) -> Change<T>) -> String {
    let (name, changed) = change(value);
    *value = changed;
    format!("{what}: {name}")
}
