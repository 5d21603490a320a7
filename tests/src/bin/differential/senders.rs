//! A second implementation of how each provider signs, which makes the requests.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{Provider, providers};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::draft::Draft;

/// A way of signing, and the SDK that judges it.
pub(crate) struct Sender {
    pub(crate) provider: Provider,
    /// The package and version, as `package.json` names it.
    pub(crate) package: &'static str,
    pub(crate) algorithm: Algorithm,
    /// The configured secrets, each with the secret that signs if that is another one.
    pub(crate) secrets: [Pair; 3],
    pub(crate) header: &'static str,
    /// The prefix of a tag.
    pub(crate) label: &'static str,
    /// The separator between tags. Empty if there is always only one tag.
    pub(crate) separator: &'static str,
    pub(crate) time: Time,
    pub(crate) id: Option<&'static str>,
    /// Aliases of header names.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
    /// Unsigned headers.
    pub(crate) others: &'static [(&'static str, &'static str)],
    pub(crate) bodies: Bodies,
    /// Whether the URL is signed.
    pub(crate) signs_url: bool,
    pub(crate) prepare: fn(&mut Draft),
    pub(crate) signs: fn(&Draft) -> Vec<u8>,
}

/// A configured secret, and the one that signs.
pub(crate) type Pair = (&'static str, &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    HmacSha256Hex,
    HmacSha256Base64,
    HmacSha1Base64,
    Ed25519Hex,
}

/// The place of the time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    Nowhere,
    Header(&'static str),
    /// Before the tags, after this label.
    Item(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    Json,
    Form,
}

const PLAIN: [Pair; 3] = [
    ("whsec_8Qh1dJq3vYx0b7Lw", "whsec_8Qh1dJq3vYx0b7Lw"),
    ("zażółć-gęślą-jaźń-🔑", "zażółć-gęślą-jaźń-🔑"),
    (
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ),
];

/// Base64, with and without a prefix.
const BASE64: [Pair; 3] = [
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ("whsec_plJ3nmyCDGBKInavdOK15jsl", "plJ3nmyCDGBKInavdOK15jsl"),
];

/// Public keys in hex, and their private keys.
const ED25519: [Pair; 3] = [
    (
        "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
        "0707070707070707070707070707070707070707070707070707070707070707",
    ),
    (
        "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
        "0101010101010101010101010101010101010101010101010101010101010101",
    ),
    (
        "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
        "0202020202020202020202020202020202020202020202020202020202020202",
    ),
];

const BASE: Sender = Sender {
    provider: providers::GITHUB,
    package: "",
    algorithm: Algorithm::HmacSha256Hex,
    secrets: PLAIN,
    header: "",
    label: "",
    separator: "",
    time: Time::Nowhere,
    id: None,
    aliases: &[],
    others: &[],
    bodies: Bodies::Json,
    signs_url: false,
    prepare: |_| {},
    signs: |draft| draft.body.clone(),
};

pub(crate) const SENDERS: [Sender; 12] = [
    Sender {
        provider: providers::STRIPE,
        package: "stripe",
        header: "Stripe-Signature",
        label: "v1=",
        separator: ",",
        time: Time::Item("t="),
        signs: |draft| [&draft.time[..], b".", &draft.body].concat(),
        ..BASE
    },
    Sender {
        package: "@octokit/webhooks-methods",
        header: "X-Hub-Signature-256",
        label: "sha256=",
        others: &[("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")],
        ..BASE
    },
    Sender {
        provider: providers::SLACK,
        package: "@slack/bolt",
        header: "X-Slack-Signature",
        label: "v0=",
        time: Time::Header("X-Slack-Request-Timestamp"),
        signs: |draft| [b"v0:", &draft.time[..], b":", &draft.body].concat(),
        ..BASE
    },
    Sender {
        provider: providers::SVIX,
        package: "svix",
        secrets: BASE64,
        algorithm: Algorithm::HmacSha256Base64,
        header: "svix-signature",
        label: "v1,",
        separator: " ",
        time: Time::Header("svix-timestamp"),
        id: Some("svix-id"),
        aliases: &[
            ("svix-signature", "webhook-signature"),
            ("svix-timestamp", "webhook-timestamp"),
            ("svix-id", "webhook-id"),
        ],
        signs: standard_webhooks,
        ..BASE
    },
    Sender {
        provider: providers::STANDARD_WEBHOOKS,
        package: "standardwebhooks",
        secrets: BASE64,
        algorithm: Algorithm::HmacSha256Base64,
        header: "webhook-signature",
        label: "v1,",
        separator: " ",
        time: Time::Header("webhook-timestamp"),
        id: Some("webhook-id"),
        signs: standard_webhooks,
        ..BASE
    },
    TWILIO_FORM,
    TWILIO_JSON,
    Sender { provider: providers::TWILIO_SHARED_KEY_FORM, algorithm: Algorithm::HmacSha256Base64, ..TWILIO_FORM },
    Sender { provider: providers::TWILIO_SHARED_KEY_JSON, algorithm: Algorithm::HmacSha256Base64, ..TWILIO_JSON },
    Sender {
        provider: providers::SHOPIFY,
        package: "@shopify/shopify-api",
        algorithm: Algorithm::HmacSha256Base64,
        header: "X-Shopify-Hmac-Sha256",
        others: &[
            ("X-Shopify-Topic", "orders/create"),
            ("X-Shopify-Shop-Domain", "example.myshopify.com"),
            ("X-Shopify-API-Version", "2026-01"),
            ("X-Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
        ],
        ..BASE
    },
    Sender {
        provider: providers::SHOPIFY_EVENTS,
        package: "@shopify/shopify-api",
        algorithm: Algorithm::HmacSha256Base64,
        header: "Shopify-Hmac-Sha256",
        others: &[
            ("Shopify-Topic", "Product"),
            ("Shopify-Shop-Domain", "example.myshopify.com"),
            ("Shopify-API-Version", "unstable"),
            ("Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
            ("Shopify-Event-Id", "98880550-7158-44d4-b7cd-2c97c8a091b5"),
        ],
        ..BASE
    },
    Sender {
        provider: providers::DISCORD,
        package: "discord-interactions",
        algorithm: Algorithm::Ed25519Hex,
        secrets: ED25519,
        header: "X-Signature-Ed25519",
        time: Time::Header("X-Signature-Timestamp"),
        signs: |draft| [&draft.time[..], &draft.body].concat(),
        ..BASE
    },
];

const TWILIO_FORM: Sender = Sender {
    provider: providers::TWILIO_FORM,
    package: "twilio",
    algorithm: Algorithm::HmacSha1Base64,
    header: "X-Twilio-Signature",
    others: &[("Content-Type", "application/x-www-form-urlencoded")],
    bodies: Bodies::Form,
    signs_url: true,
    signs: |draft| {
        let mut pairs: Vec<_> = form_urlencoded::parse(&draft.body).collect();
        pairs.sort();
        pairs.dedup();
        let pairs = pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        [draft.url.as_bytes()].into_iter().chain(pairs).flatten().copied().collect()
    },
    ..BASE
};

const TWILIO_JSON: Sender = Sender {
    provider: providers::TWILIO_JSON,
    others: &[("Content-Type", "application/json")],
    bodies: Bodies::Json,
    prepare: |draft| {
        let hash = faster_hex::hex_string(&Sha256::digest(&draft.body));
        let separator = if draft.url.contains('?') { "&" } else { "?" };
        for text in [&mut draft.url, &mut draft.request.target] {
            text.push_str(separator);
            text.push_str("bodySHA256=");
            text.push_str(&hash);
        }
    },
    signs: |draft| draft.url.clone().into_bytes(),
    ..TWILIO_FORM
};

fn standard_webhooks(draft: &Draft) -> Vec<u8> {
    [&draft.id[..], b".", &draft.time, b".", &draft.body].concat()
}

impl Sender {
    /// The tag of these bytes under a secret, as text.
    pub(crate) fn tag(&self, key: usize, signed: &[u8]) -> String {
        let secret = self.secrets[key].1;
        match self.algorithm {
            Algorithm::HmacSha256Hex => faster_hex::hex_string(&mac::<hmac::Hmac<Sha256>>(secret.as_bytes(), signed)),
            Algorithm::HmacSha256Base64 => STANDARD.encode(mac::<hmac::Hmac<Sha256>>(&self.key(secret), signed)),
            Algorithm::HmacSha1Base64 => STANDARD.encode(mac::<hmac::Hmac<Sha1>>(secret.as_bytes(), signed)),
            Algorithm::Ed25519Hex => {
                let mut seed = [0; 32];
                faster_hex::hex_decode(secret.as_bytes(), &mut seed).expect("the list has hex");
                faster_hex::hex_string(&SigningKey::from_bytes(&seed).sign(signed).to_bytes())
            }
        }
    }

    fn key(&self, secret: &str) -> Vec<u8> {
        if self.secrets == BASE64 { STANDARD.decode(secret).expect("the list has base64") } else { secret.into() }
    }

    /// The configured secrets.
    pub(crate) fn pasted(&self, keys: &[usize]) -> Vec<&'static str> {
        keys.iter().map(|key| self.secrets[*key].0).collect()
    }

    pub(crate) fn is_base64(&self) -> bool {
        matches!(self.algorithm, Algorithm::HmacSha256Base64 | Algorithm::HmacSha1Base64)
    }
}

fn mac<M: Mac + KeyInit>(secret: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(secret).expect("an HMAC takes any key");
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}
