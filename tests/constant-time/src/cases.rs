//! The schemes under test: every way to compute or compare with a secret.

/// A scheme, and secrets that fit it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The scheme's file.
    pub(crate) toml: String,
    /// The keys of the endpoint, and one more that it does not have. All have one length.
    pub(crate) secrets: [&'static str; 4],
}

const SECRETS: [&str; 4] = [
    "f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e",
    "0d1e6f5a-7a0c-4b1e-8c9d-64d1f0b7a2c3",
    "9c5b0f7e-2d3a-4f6b-b1e8-5a7c9d0e1f24",
    "27a4d8c6-e9b1-4035-a6f2-8b3d5c7e9f10",
];

const PASSWORDS: [&str; 4] =
    ["user:f3b1c0d15f6e4d0c", "user:0d1e6f5a7a0c4b1e", "name:9c5b0f7e2d3a4f6b", "user:27a4d8c6e9b14035"];

/// A scheme whose handshake is answered if it has the right token.
pub(crate) const ASKED: &str = "name = \"Acme\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\n\
    signs = \"{body}\"\nvalue = \"{hex}\"\n[settings]\nclient = \"the token\"\n[[handshake]]\nmethod = \"GET\"\n\
    signed = false\nwhen = { query = \"challenge\" }\ntoken = { query = \"token\", setting = \"client\" }\nanswer = \"{query:challenge}\"";

/// Secrets that are longer than a block of any hash here.
const LONG: [&str; 4] = [
    "f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e-f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e-f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e-f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e",
    "0d1e6f5a-7a0c-4b1e-8c9d-64d1f0b7a2c3-0d1e6f5a-7a0c-4b1e-8c9d-64d1f0b7a2c3-0d1e6f5a-7a0c-4b1e-8c9d-64d1f0b7a2c3-0d1e6f5a-7a0c-4b1e-8c9d-64d1f0b7a2c3",
    "9c5b0f7e-2d3a-4f6b-b1e8-5a7c9d0e1f24-9c5b0f7e-2d3a-4f6b-b1e8-5a7c9d0e1f24-9c5b0f7e-2d3a-4f6b-b1e8-5a7c9d0e1f24-9c5b0f7e-2d3a-4f6b-b1e8-5a7c9d0e1f24",
    "27a4d8c6-e9b1-4035-a6f2-8b3d5c7e9f10-27a4d8c6-e9b1-4035-a6f2-8b3d5c7e9f10-27a4d8c6-e9b1-4035-a6f2-8b3d5c7e9f10-27a4d8c6-e9b1-4035-a6f2-8b3d5c7e9f10",
];

/// All cases: each algorithm that takes a secret, each encoding of a tag, each place of the secret.
pub(crate) fn all() -> Vec<Case> {
    let hmacs = ["md5", "sha1", "sha256", "sha384", "sha512", "sha3-512", "keccak256"];
    let hmacs = hmacs.iter().map(|digest| case(&format!("hmac-{digest}"), &header("hmac-", digest, "{hex}", "{body}")));
    let encodings = ["hex-upper", "hex-any-case", "base64", "base64-unpadded", "base64url", "base64url-unpadded"];
    let encodings = encodings.iter().map(|encoding| {
        case(&format!("hmac-sha256 in {encoding}"), &header("hmac-", "sha256", &format!("{{{encoding}}}"), "{body}"))
    });
    let hashes = ["md5", "sha1", "sha256", "sha384", "sha512", "sha3-512", "keccak256"];
    let hashes = hashes.iter().flat_map(|digest| {
        ["{secret}.{body}", "{body}{secret}"]
            .map(|signs| case(&format!("{digest} of {signs}"), &header("", digest, "{hex}", signs)))
    });
    let long =
        Case { secrets: LONG, ..case("hmac-sha256 of a long secret", &header("hmac-", "sha256", "{hex}", "{body}")) };
    let tokens = ["HS256", "HS384", "HS512"].iter().map(|algorithm| case(&format!("jwt {algorithm}"), &jwt(algorithm)));
    let basic = Case { secrets: PASSWORDS, ..case("basic", "algorithm = \"basic\"") };
    let others = OTHERS.iter().map(|(name, signature)| case(name, signature));
    hmacs.chain(encodings).chain(hashes).chain([long, basic]).chain(tokens).chain(others).collect()
}

fn case(name: &str, signature: &str) -> Case {
    let toml = format!("name = \"Acme\"\n[signature]\n{signature}");
    Case { name: name.to_owned(), toml, secrets: SECRETS }
}

fn header(kind: &str, digest: &str, value: &str, signs: &str) -> String {
    format!("algorithm = \"{kind}{digest}\"\nheader = \"X-Sig\"\nvalue = \"{value}\"\nsigns = \"{signs}\"")
}

fn jwt(algorithm: &str) -> String {
    format!(
        "algorithm = \"jwt\"\nheader = \"Authorization\"\nvalue = \"Bearer {{jwt}}\"\n[jwt]\nalgorithms = [\"{algorithm}\"]\n\
         [[check]]\nclaim = \"/body_sha256\"\nequals = \"{{sha256-hex:body}}\""
    )
}

const OTHERS: [(&str, &str); 11] = [
    (
        "a list of tags, with a time",
        "algorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nlist = { separator = \",\", items = [\"t={timestamp}\", \"v1={hex}\"] }\n\
         signs = \"{timestamp}.{body}\"\n[timestamp]\nformat = \"seconds\"\ntolerance = \"5m\"",
    ),
    (
        "forms of the URL",
        "algorithm = \"hmac-sha1\"\nheader = \"X-Sig\"\nvalue = \"{base64}\"\nsigns = \"{url}{form-sorted}\"\n\
         ambiguous = \"names and values run into each other\"\n[url]\nforms = [\"as-is\", \"with-port\", \"without-port\"]",
    ),
    (
        "an end that may be missing",
        "algorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\noptional_end = \"\\n\"",
    ),
    (
        "the secret sorted among others",
        "algorithm = \"sha1\"\nquery = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{sorted:secret,timestamp,query:nonce}\"\n\
         covers_body = false\nambiguous = \"nothing stands between them\"\n[timestamp]\nquery = \"ts\"\nformat = \"seconds\"\n\
         tolerance = \"5m\"\n[event]\ntold_apart_by = \"signed-content\"",
    ),
    (
        "a secret setting that a header must have",
        "algorithm = \"token\"\nheader = \"X-Token\"\n[settings]\nclient = \"the id\"\n[[check]]\nheader = \"X-Client\"\n\
         equals = \"{setting:client}\"",
    ),
    ("a token in a header", "algorithm = \"token\"\nheader = \"Authorization\"\nvalue = \"Bearer {token}\""),
    ("a token in the query", "algorithm = \"token\"\nquery = \"token\""),
    ("a token in the body", "algorithm = \"token\"\njson = \"/token\""),
    (
        "jws-detached",
        "algorithm = \"jws-detached\"\nheader = \"X-Sig\"\nsigns = \"{body}\"\n[jwt]\nalgorithms = [\"HS256\"]",
    ),
    (
        "http-signature",
        "algorithm = \"http-signature\"\n[http-signature]\nalgorithms = [\"hmac-sha256\"]\n\
         components = [\"@method\", \"content-digest\"]",
    ),
    (
        "a signature in the body",
        "algorithm = \"hmac-sha256\"\njson = \"/signature\"\nvalue = \"{hex}\"\nsigns = \"{json:/id}\"\ncovers_body = false\n\
         [event]\ntold_apart_by = \"unsigned-values\"",
    ),
];
