//! Signs deliveries as the provider would, and as a forger would.

use bytes::Bytes;
use countersign::{Scheme, Signer, Timestamp};
use http::{HeaderMap, HeaderName, Method, Request, Uri};

use super::message::Message;
use crate::{cmd::send::cannot_sign, failure::Failure, moment, output::escaped_line, random};

pub(super) struct Sender {
    pub(super) signer: Signer,
    forger: Option<Signer>,
    nobody: Option<Signer>,
    pub(super) draft: Draft,
}

/// The delivery before it is signed. `{uuid}` in the body is replaced by a new id in each event.
pub(super) struct Draft {
    pub(super) to: Uri,
    pub(super) headers: HeaderMap,
    pub(super) data: String,
}

impl Sender {
    pub(super) fn new(signer: Signer, draft: Draft) -> Self {
        Self { signer, forger: None, nobody: None, draft }
    }

    /// `forger` signs with another secret, `nobody` with the empty one.
    pub(super) fn with_forgers(self, forger: Option<Signer>, nobody: Option<Signer>) -> Self {
        Self { forger, nobody, ..self }
    }

    pub(super) fn scheme(&self) -> &Scheme {
        self.signer.scheme()
    }

    /// The body of a new event.
    pub(super) fn body(&self) -> Result<Bytes, Failure> {
        Ok(self.draft.data.replace("{uuid}", &random::uuid()?).into())
    }

    /// A new event, as the provider sends it.
    pub(super) fn event(&self) -> Result<Message, Failure> {
        self.sign(&self.signer, self.body()?, moment::now())
    }

    /// A new event, signed this many seconds from now.
    pub(super) fn event_at(&self, seconds: i64) -> Result<Message, Failure> {
        let millis = moment::now().unix_millis().saturating_add(seconds.saturating_mul(1000));
        self.sign(&self.signer, self.body()?, Timestamp::from_unix_millis(millis))
    }

    /// An event with this body; `None` if the scheme cannot sign it, for example because it is not JSON.
    pub(super) fn event_of(&self, body: impl Into<Bytes>) -> Option<Message> {
        self.sign(&self.signer, body.into(), moment::now()).ok()
    }

    /// A new event, signed with another secret.
    pub(super) fn forged(&self) -> Result<Option<Message>, Failure> {
        self.forger.as_ref().map(|forger| self.sign(forger, self.body()?, moment::now())).transpose()
    }

    /// A new event, signed with the empty key.
    pub(super) fn forged_with_nothing(&self) -> Result<Option<Message>, Failure> {
        self.nobody.as_ref().map(|nobody| self.sign(nobody, self.body()?, moment::now())).transpose()
    }

    /// Whether a correct receiver would accept this: as a delivery, or as a handshake.
    pub(super) fn may_accept(&self, message: &Message) -> bool {
        let Some(request) = message.request() else { return false };
        let (verifier, now) = (self.signer.verifier(), moment::now());
        verifier.verify(&request, request.body(), now).is_ok()
            || matches!(verifier.handshake_in_head(&request, now), Ok(Some(_)))
            || matches!(verifier.handshake_in_body(&request, request.body(), now), Ok(Some(_)))
    }

    /// Refuses a draft of which every delivery is the same event: its receiver may handle only the first.
    pub(super) fn check_ids(&self) -> Result<(), Failure> {
        let (first, second) = (self.event_id(&self.event()?), self.event_id(&self.event()?));
        match first {
            Some(id) if second.as_ref() == Some(&id) => Err(Failure::new(format!(
                "each delivery would be the same event, `{}`: write `{{uuid}}` where --data has the event's id, or leave \
                 out the --header that has it",
                escaped_line(&id)
            ))),
            _ => Ok(()),
        }
    }

    /// What tells this event from others: its id, or the first UUID in its body.
    pub(super) fn id_of(&self, event: &Message) -> Option<String> {
        let in_body = || event.body.windows(UUID_LENGTH).find(|text| is_uuid(text));
        self.event_id(event).or_else(|| String::from_utf8(in_body()?.to_vec()).ok())
    }

    fn event_id(&self, event: &Message) -> Option<String> {
        let request = event.request()?;
        let verified = self.signer.verifier().verify(&request, request.body(), moment::now()).ok()?;
        Some(verified.event_id()?.as_str().to_owned())
    }

    /// A new event without a signature, and without the other headers that the provider would add.
    pub(super) fn unsigned(&self) -> Result<Message, Failure> {
        Ok(self.message(&self.request(self.body()?, self.scheme())?))
    }

    /// The header that carries the signature.
    pub(super) fn signature_header(&self) -> Option<String> {
        self.scheme().signature_header().map(HeaderName::to_string)
    }

    /// The headers that the provider adds, in the order in which they were added.
    pub(super) fn added(&self, message: &Message) -> Vec<String> {
        let own = |name: &str| ["host", "content-length", "connection"].contains(&name);
        let given = |name: &str| self.draft.headers.contains_key(name);
        message.headers.iter().map(|(name, _)| name.clone()).filter(|name| !own(name) && !given(name)).collect()
    }

    pub(super) fn sign(&self, signer: &Signer, body: Bytes, at: Timestamp) -> Result<Message, Failure> {
        let request = self.request(body, signer.scheme())?;
        let signed = signer.sign(request, at).map_err(|error| cannot_sign(&error))?;
        Ok(self.message(&signed))
    }

    fn request(&self, body: Bytes, scheme: &Scheme) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::new(body);
        let is_post = scheme.methods().contains(&Method::POST);
        *request.method_mut() = scheme.methods().first().filter(|_| !is_post).cloned().unwrap_or(Method::POST);
        *request.uri_mut() = self.draft.to.clone();
        request.headers_mut().clone_from(&self.draft.headers);
        if let Some(name) = self.id_header() {
            request.headers_mut().insert(name, random::uuid()?.parse().map_err(|_| Failure::new("no UUID"))?);
        }
        Ok(request)
    }

    fn message(&self, request: &Request<Bytes>) -> Message {
        let authority = self.draft.to.authority().map_or("localhost", |authority| authority.as_str());
        Message::of(request, authority)
    }

    /// The header for a random id, if the provider sends the event's id in a header.
    fn id_header(&self) -> Option<HeaderName> {
        self.scheme().event_id()?.header().filter(|name| !self.draft.headers.contains_key(*name)).cloned()
    }
}

fn is_uuid(text: &[u8]) -> bool {
    let is_dash = |at: usize| [8, 13, 18, 23].contains(&at);
    text.iter().enumerate().all(|(at, byte)| if is_dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

const UUID_LENGTH: usize = 36;
