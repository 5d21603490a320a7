#![no_main]
//! Any bytes as a secret, a public key in each form, a private key or a document of keys: read in one way only, or
//! refused with an error that does not show them.

use std::sync::LazyLock;

use countersign::{
    KeyPolicy, PrivateKey, PublicKey, PublicKeyKind, Scheme, Secret, Timestamp, TrustRoots, Unkeyed, Verifier,
};
use countersign_fuzz::has_name_twice;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

const KINDS: [PublicKeyKind; 5] =
    [PublicKeyKind::Ed25519, PublicKeyKind::P256, PublicKeyKind::P384, PublicKeyKind::P521, PublicKeyKind::Rsa];

/// What a secret ends with that must not be told: right in every encoding.
const MARK: &str = "c0ffee0123456789deadbeef";

/// Schemes whose secrets are read in different ways.
static SCHEMES: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    let secrets = [
        "",
        "[secret]\nstrip = \"whsec_\"\nencoding = \"base64\"\n",
        "[secret]\nstrip = \"pre_\"\nprefix_required = true\nencoding = \"hex\"\n",
        "[secret]\nencoding = \"base64url-unpadded\"\n",
        "[secret]\nprepend = \"<\"\nappend = \">\"\nhash = \"sha256\"\n",
    ];
    let hmac = secrets.map(|secret| (secret, "hmac-sha256", "hex"));
    let public = ["ed25519", "ecdsa-p256-sha256", "rsa-sha256"].map(|algorithm| ("", algorithm, "base64"));
    let raw = ("[secret]\nencoding = \"hex\"\n", "ed25519", "base64");
    let all = hmac.into_iter().chain(public).chain([raw]);
    let scheme = |(secret, algorithm, tag)| {
        let toml = format!(
            "name = \"A\"\n{secret}[signature]\nalgorithm = \"{algorithm}\"\nheader = \"sig\"\nvalue = \"{{{tag}}}\"\nsigns = \"{{body}}\""
        );
        Scheme::from_toml("a", &toml).expect("the file is right")
    };
    all.map(scheme).collect()
});

static DOCUMENTS: LazyLock<Vec<Unkeyed>> = LazyLock::new(|| {
    let formats =
        ["format = \"jwks\"", "format = \"certificate\"", "format = \"pem\"", "format = \"json\"\njson = \"/key\""];
    let unkeyed = |format: &str| {
        let toml = format!(
            "name = \"A\"\n[signature]\nalgorithm = \"rsa-sha256\"\nheader = \"sig\"\nvalue = \"{{base64}}\"\nsigns = \"{{body}}\"\n\
             [keys]\n{format}\nurl = \"https://keys.example.com/\""
        );
        let scheme = Scheme::from_toml("a", &toml).expect("the file is right");
        Verifier::builder(&scheme).without_keys().expect("it publishes its keys")
    };
    formats.into_iter().map(unkeyed).collect()
});

fuzz_target!(|data: &[u8]| {
    let text = std::str::from_utf8(data);
    if let Ok(text) = text {
        secrets(text);
        in_text(text);
    }
    if PublicKey::from_spki_der(data, KeyPolicy::Standard).is_ok() {
        let longer = [data, b"\0"].concat();
        assert!(PublicKey::from_spki_der(&longer, KeyPolicy::Standard).is_err(), "text behind a key is not seen");
    }
    for kind in KINDS {
        let _ = PublicKey::from_raw(kind, data);
        if let Ok(private) = PrivateKey::from_raw(kind, data) {
            assert_eq!(private.public_key().kind(), kind);
        }
    }
    for unkeyed in DOCUMENTS.iter() {
        if let Ok(keys) = unkeyed.read(data, &TrustRoots::none(), NOW) {
            assert!((1..=64).contains(&keys.len()) && keys.ids().count() <= keys.len());
            assert!(unkeyed.verifier(&keys, None).is_ok(), "keys that no verifier takes");
        }
    }
});

fn secrets(text: &str) {
    if let Ok(secret) = Secret::new(text) {
        assert!(!text.trim().is_empty() && !text.contains("${"), "a secret that is none");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
    // A fuzzer learns the words of our messages from the comparison itself, but not to have them end like this.
    let marked = format!("{text}{MARK}");
    for scheme in SCHEMES.iter() {
        for secret in [text, &marked] {
            let told = match Verifier::new(scheme, secret) {
                Ok(verifier) => format!("{verifier:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!told.contains(MARK), "a secret is told: {told}");
        }
    }
}

fn in_text(text: &str) {
    let jwk = PublicKey::from_jwk(text, KeyPolicy::Standard);
    assert!(jwk.is_err() || !has_name_twice(text.as_bytes()), "a key that names something twice");
    let pem = PublicKey::from_pem(text, KeyPolicy::Standard);
    let any = PublicKey::parse(text, KeyPolicy::Standard);
    if let (Ok(one), Ok(any)) = (jwk.or(pem), any) {
        assert_eq!(one.kind(), any.kind());
    }
    if let Ok(private) = PrivateKey::from_pem(text, KeyPolicy::Standard) {
        assert!(PublicKey::parse(text, KeyPolicy::Standard).is_err(), "a private key is taken for a public one");
        let _ = private.public_key();
    }
}
