//! Endpoints: every scheme with a fitting secret, and requests to sign.

use bytes::Bytes;
use countersign::{ConfigError, Key, Scheme, Secret, Signer, Timestamp, Verifier, VerifierBuilder, providers};
use http::{Method, Request};

use crate::{own, reading::Reading};

/// The public URL of every endpoint.
pub const PUBLIC_URL: &str = "https://hooks.example.com";

/// The default time of the tests: a whole second, so that every format can express it.
pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// Secrets, each with another one of the same kind. A scheme takes the first kind that fits.
const SECRETS: [(&str, &str); 5] = [
    ("canary:a-long-random-secret", "canary:another-long-secret"),
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ("pre_00112233445566778899aabbccddeeff", "pre_ffeeddccbbaa99887766554433221100"),
    ("00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"),
];

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/keys/", $name, ".pem"))
    };
}

/// Public keys with their private keys, each with another pair of the same kind.
const KEYS: [[(&str, &str); 2]; 6] = [
    [
        ("0f09610b89f5e5702e6914f76b732fdf0ecad76b6f8ef8ecdaf36afd1d8664fd", key!("ed25519")),
        ("0b70ff2f5036805bf3bba3ed0064fa38a292e7f1b38456a83cf34c313d2d4eb4", key!("other-ed25519")),
    ],
    [
        ("DwlhC4n15XAuaRT3a3Mv3w7K12tvjvjs2vNq/R2GZP0=", key!("ed25519")),
        ("C3D/L1A2gFvzu6PtAGT6OKKS5/GzhFaoPPNMMT0tTrQ=", key!("other-ed25519")),
    ],
    [(key!("ed25519.pub"), key!("ed25519")), (key!("other-ed25519.pub"), key!("other-ed25519"))],
    [(key!("p256.pub"), key!("p256")), (key!("other-p256.pub"), key!("other-p256"))],
    [(key!("p521.pub"), key!("p521")), (key!("other-p521.pub"), key!("other-p521"))],
    [(key!("rsa2048.pub"), key!("rsa2048")), (key!("other-rsa2048.pub"), key!("other-rsa2048"))],
];

fn private_key(public: &str) -> Option<&'static str> {
    KEYS.iter().flatten().find(|(one, _)| *one == public).map(|(_, private)| *private)
}

/// A secret that fits a scheme, and another one. If the scheme takes a public key, both have a private key, so that
/// they can sign.
fn secrets(scheme: &Scheme) -> Option<(&'static str, &'static str)> {
    let public = KEYS.iter().map(|[(one, _), (other, _)]| (*one, *other));
    let pairs: Vec<_> = if scheme.takes_public_key() { public.collect() } else { SECRETS.to_vec() };
    pairs.into_iter().find(|(secret, _)| builder(scheme).secret(*secret).build().is_ok())
}

/// A scheme, a secret that fits it, and the second reading of its file.
#[derive(Debug)]
pub struct Endpoint {
    /// The scheme.
    pub scheme: Scheme,
    /// Its file.
    pub toml: &'static str,
    /// The second reading of its file.
    pub reading: Reading,
    /// A secret that fits it.
    pub secret: &'static str,
    /// Another secret that fits it, which its verifier does not have.
    pub other_secret: &'static str,
}

impl Endpoint {
    /// The endpoint of one scheme file.
    ///
    /// # Panics
    ///
    /// If the file is refused, or none of the secrets fits it.
    pub fn new(id: &str, toml: &'static str) -> Self {
        let scheme = Scheme::from_toml(id, toml).unwrap_or_else(|error| panic!("{id}: {error}"));
        let (secret, other_secret) = secrets(&scheme).unwrap_or_else(|| panic!("{id}: no secret fits"));
        Self { scheme, toml, reading: Reading::new(toml), secret, other_secret }
    }

    /// An endpoint for every provider of the catalogue whose file the [second reading](Reading) understands. The others
    /// are in [`every`](Self::every); their vectors and the library's unit tests cover them.
    pub fn catalogue() -> Vec<Self> {
        let known = providers::ALL.iter().filter(|provider| is_read_twice(provider.toml()));
        known.map(|provider| Self::new(provider.id(), provider.toml())).collect()
    }

    /// An endpoint for every scheme that the [second reading](Reading) understands, in the catalogue and among the own
    /// ones.
    pub fn all() -> Vec<Self> {
        let own = own::FILES
            .iter()
            .filter(|(_, toml)| !["http-signature", "jws-detached", "\"rsa"].iter().any(|word| toml.contains(word)))
            .map(|(id, toml)| Self::new(id, toml));
        Self::catalogue().into_iter().chain(own).collect()
    }

    /// An endpoint for every provider of the catalogue and every own scheme, whether or not the second reading
    /// understands its file. Each has a [fitting request](Self::fitted).
    #[cfg(feature = "servers")]
    pub fn every() -> Vec<Self> {
        let catalogue = providers::ALL.iter().map(|provider| Self::new(provider.id(), provider.toml()));
        catalogue.chain(own::FILES.iter().map(|(id, toml)| Self::new(id, toml))).collect()
    }

    /// The endpoint with this id.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn find(id: &str) -> Self {
        let own = own::FILES.iter().find(|(own, _)| *own == id).map(|(_, toml)| *toml);
        let toml = own.or_else(|| providers::ALL.iter().find(|one| one.id() == id).map(|one| one.toml()));
        Self::new(id, toml.expect("a scheme of this id"))
    }

    /// The scheme's id.
    pub fn id(&self) -> &str {
        self.scheme.id()
    }

    /// The private key of the public key that is the secret.
    ///
    /// # Panics
    ///
    /// If the scheme takes no public key.
    pub fn private_key(&self) -> &'static str {
        private_key(self.secret).expect("it takes a public key")
    }

    /// A verifier with the secret.
    ///
    /// # Panics
    ///
    /// Never: the secret was chosen because it fits.
    pub fn verifier(&self) -> Verifier {
        self.builder().secret(self.secret).build().expect("the secret fits")
    }

    /// A verifier with the other secret.
    ///
    /// # Panics
    ///
    /// Never: the secret was chosen because it fits.
    pub fn other_verifier(&self) -> Verifier {
        self.builder().secret(self.other_secret).build().expect("the secret fits")
    }

    /// A builder of a verifier, without a secret.
    pub fn builder(&self) -> VerifierBuilder {
        builder(&self.scheme)
    }

    /// A labelled key with the secret.
    ///
    /// # Panics
    ///
    /// Never: the secret was chosen because it fits.
    pub fn key(&self, label: &str) -> Key {
        Key::new(label, Secret::new(self.secret).expect("the secret fits"))
    }

    /// A signer with this secret, or with its private key.
    ///
    /// # Errors
    ///
    /// If the secret does not fit.
    pub fn signer_of(&self, secret: &str) -> Result<Signer, ConfigError> {
        let private = private_key(secret).unwrap_or(secret);
        Signer::configured(&self.scheme, private, |builder| configured(builder, &self.scheme))
    }

    /// Signs a request.
    ///
    /// # Panics
    ///
    /// If the scheme cannot sign it.
    pub fn sign(&self, request: Request<Bytes>, now: Timestamp) -> Request<Bytes> {
        let signer = self.signer_of(self.secret).expect("the secret fits");
        signer.sign(request, now).unwrap_or_else(|error| panic!("{}: {error}", self.id()))
    }

    /// The status of a refusal that is `status` by default: a few providers expect another one.
    pub fn refusal(&self, status: u16) -> u16 {
        self.verifier().scheme().answers().refusal().map_or(status, |wanted| wanted.as_u16())
    }

    /// A body of the kind that the scheme needs.
    pub fn sample_body(&self) -> Bytes {
        let body: &[u8] = if self.reading.needs_form() {
            b"order=o-17&kind=created&Body=caf%C3%A9+%26+co&From=%2B15550100"
        } else {
            br#"{"id":"evt_1","type":"created","event_id":"evt_1","order":{"id":"o-17"},"kind":"created","other":"a"}"#
        };
        if self.reading.needs_json() { self.reading.complete(body.to_vec()).into() } else { body.to_vec().into() }
    }

    /// An unsigned request with everything that any scheme signs or reads, and more.
    ///
    /// # Panics
    ///
    /// Never: the request is well formed.
    pub fn request(&self, body: impl Into<Bytes>) -> Request<Bytes> {
        let methods = self.reading.methods();
        let method = methods.iter().find(|method| **method == Method::POST).unwrap_or(&methods[0]);
        let mut request =
            Request::builder().method(method).uri("/hooks/a%3Ab/in?order=o-17&kind=created&note=x%2Cy%41");
        for (name, value) in [
            ("host", "hooks.example.com"),
            ("user-agent", "sender/1"),
            (
                "content-type",
                if self.reading.needs_form() { "application/x-www-form-urlencoded" } else { "application/json" },
            ),
            ("x-unrelated", "anything"),
            ("x-order", "o-17"),
            ("x-kind", "created"),
            ("x-github-event", "push"),
            ("x-github-delivery", "d-1"),
            ("x-gitlab-event", "Push Hook"),
            ("x-shopify-topic", "orders/create"),
            ("x-shopify-webhook-id", "w-1"),
            ("idempotency-key", "i-1"),
            ("linear-delivery", "l-1"),
            ("x-crisp-request-timestamp", "1700000000000"),
            ("x-lark-request-nonce", "n-1"),
            ("x-plivo-signature-v2-nonce", "n-1"),
        ] {
            request = request.header(name, value);
        }
        for name in self.reading.signed_headers() {
            let given = request.headers_ref().is_some_and(|headers| headers.contains_key(&name));
            request = if given { request } else { request.header(name, "o-17") };
        }
        request.body(body.into()).expect("the request is well formed")
    }

    /// The names of the headers of this request that the scheme file names as part of the proof, in lower case.
    #[cfg(feature = "servers")]
    pub fn proving_headers(&self, request: &Request<Bytes>) -> Vec<http::HeaderName> {
        let mentioned = crate::fitting::Mentioned::of(self.toml);
        request.headers().keys().filter(|name| mentioned.headers.contains(name.as_str())).cloned().collect()
    }

    /// A signed request that is accepted at [`NOW`], found without an understanding of the file.
    ///
    /// # Panics
    ///
    /// If there is none among those that are tried.
    #[cfg(feature = "servers")]
    pub fn fitted(&self) -> Request<Bytes> {
        crate::fitting::signed(self).unwrap_or_else(|error| panic!("{}: {error}", self.id()))
    }

    /// A request with a sample body, signed at [`NOW`].
    pub fn sample(&self) -> Request<Bytes> {
        self.sign(self.request(self.sample_body()), NOW)
    }
}

/// Whether the second reading understands all that a scheme file says about proofs.
fn is_read_twice(toml: &str) -> bool {
    let mut proves = true;
    let mut lines = toml.lines().filter(|line| {
        if line.starts_with('[') {
            let table = line.trim_matches(['[', ']']).split('.').next().unwrap_or_default();
            proves = !["handshake", "answers", "event", "addresses"].contains(&table);
        }
        proves && !line.starts_with('#')
    });
    !lines.any(|line| UNREAD.iter().any(|word| line.contains(word)))
}

/// Words of the scheme language that the second reading does not understand.
const UNREAD: [&str; 29] = [
    "\"rsa",
    "\"jwt",
    "\"jws",
    "choices",
    "http-signature",
    "canonical:",
    "every =",
    "query-sorted",
    "{sorted:",
    "json-raw",
    "crc32",
    "lower:",
    "optional_end",
    "key_name",
    "#/",
    "encode =",
    "exclude",
    "skip_empty",
    "values_only",
    "join =",
    "when =",
    "url_at",
    "only =",
    "claim",
    "unless_empty",
    "signs = [",
    "-raw:",
    "unwrap",
    "if_set",
];

fn builder(scheme: &Scheme) -> VerifierBuilder {
    configured(Verifier::builder(scheme), scheme)
}

/// Configures all settings except the secret.
fn configured(builder: VerifierBuilder, scheme: &Scheme) -> VerifierBuilder {
    let builder = builder.public_url(PUBLIC_URL).allow_legacy();
    scheme.settings().fold(builder, |builder, (name, _)| builder.setting(name, format!("the-{name}")))
}
