//! Draft requests, before they are signed.

use fastrand::Rng;

use crate::{
    request::Request,
    senders::{Bodies, Sender, Time},
};

/// The receiver's time, in seconds since 1970.
pub(crate) const NOW: i64 = 1_767_225_600;

/// An unsigned request.
pub(crate) struct Draft {
    pub(crate) request: Request,
    /// The signed text of the time.
    pub(crate) time: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// The signed URL.
    pub(crate) url: String,
    /// The signing secrets, as indices into the sender's list.
    pub(crate) signers: Vec<usize>,
}

/// The parts of the text of a signature.
pub(crate) struct Signature {
    /// The items between separators: the time, if there is one, and tags after their labels.
    pub(crate) items: Vec<Vec<u8>>,
    pub(crate) separator: Vec<u8>,
}

/// Public URLs. Most senders take the first.
const ORIGINS: [&str; 5] = [
    "https://hooks.example.com",
    "https://hooks.example.com:8443",
    "http://hooks.example.com",
    "https://hooks.example.com:443",
    "https://user:pass@hooks.example.com",
];

const TARGETS: [&str; 8] = [
    "/in",
    "/",
    "/in/sms?foo=1&bar=2",
    "/in?q=a%20b+c&e=",
    "/in?name=O'Brien",
    "/in?name=O%27Brien",
    "/%C3%A9/in?b=%C3%A9;a=1",
    "/in?",
];

impl Draft {
    /// A request that the provider could send, without changes.
    pub(crate) fn new(sender: &Sender, rng: &mut Rng) -> Self {
        let origin = if sender.signs_url { ORIGINS[rng.usize(..ORIGINS.len())] } else { ORIGINS[0] };
        let target = if sender.signs_url { TARGETS[rng.usize(..TARGETS.len())] } else { TARGETS[0] };
        let time = NOW - rng.i64(0..20);
        let body = match sender.bodies {
            Bodies::Json => crate::body::json(rng),
            Bodies::Form => crate::body::form(rng),
        };
        let request = Request {
            now: NOW * 1000 + rng.i64(0..1000),
            keys: vec![0],
            method: "POST",
            origin,
            target: target.to_owned(),
            headers: sender.others.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().into())).collect(),
            body: Vec::new(),
        };
        Self {
            url: format!("{origin}{target}"),
            request,
            time: time.to_string().into_bytes(),
            id: format!("msg_{:08x}", rng.u32(..)).into_bytes(),
            body,
            signers: vec![0],
        }
    }

    /// The signature of each signer.
    pub(crate) fn sign(&self, sender: &Sender) -> Signature {
        let signed = (sender.signs)(self);
        let tags = self.signers.iter().map(|key| [sender.label, &sender.tag(*key, &signed)].concat().into_bytes());
        let time = match sender.time {
            Time::Item(label) => Some([label.as_bytes(), &self.time].concat()),
            Time::Nowhere | Time::Header(_) => None,
        };
        Signature { items: time.into_iter().chain(tags).collect(), separator: sender.separator.into() }
    }

    /// The request with this signature in its head.
    pub(crate) fn into_request(self, sender: &Sender, signature: &Signature) -> Request {
        let Self { mut request, time, id, body, .. } = self;
        let mut add = |name: &str, value: Vec<u8>| request.headers.push((name.to_owned(), value));
        if let Some(name) = sender.id {
            add(name, id);
        }
        if let Time::Header(name) = sender.time {
            add(name, time);
        }
        add(sender.header, signature.items.join(&signature.separator[..]));
        request.body = body;
        request
    }
}
