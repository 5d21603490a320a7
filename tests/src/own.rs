//! Made-up schemes, which use the words of the scheme language that no scheme of the catalogue uses.

/// The id and the file of each scheme.
pub const FILES: &[(&str, &str)] = &[
    ("own-request-line", REQUEST_LINE),
    ("own-query-signature", QUERY_SIGNATURE),
    ("own-sorted-query", SORTED_QUERY),
    ("own-list-with-id", LIST_WITH_ID),
    ("own-body-hash-part", BODY_HASH_PART),
    ("own-keyed-sha256", KEYED_SHA256),
    ("own-keyed-sha512", KEYED_SHA512),
    ("own-bearer", BEARER),
    ("own-query-token", QUERY_TOKEN),
    ("own-json-token", JSON_TOKEN),
    ("own-form-token", FORM_TOKEN),
    ("own-basic", BASIC),
    ("own-json-values", JSON_VALUES),
    ("own-form-values", FORM_VALUES),
    ("own-digest-header", DIGEST_HEADER),
    ("own-hashed-secret", HASHED_SECRET),
    ("own-query-id", QUERY_ID),
    ("own-url", URL),
    ("own-json-id", JSON_ID),
    ("own-http-signature", HTTP_SIGNATURE),
    ("own-http-hmac", HTTP_HMAC),
    ("own-http-rsa-pss", HTTP_RSA_PSS),
    ("own-rsa-pss", RSA_PSS),
    ("own-rsa-pss-jws", RSA_PSS_JWS),
];

const REQUEST_LINE: &str = r#"
name = "Request line"
[secret]
strip = "pre_"
prefix_required = true
encoding = "hex"
[signature]
algorithm = "hmac-sha1"
header = "X-Sig"
value = "sha1={hex-upper}"
signs = "{method}\n{host}\n{path}\n{query}\n{header:X-Order}\n{body}"
[event]
id = "{header:X-Order}"
type = "{header:X-Kind}"
"#;

const QUERY_SIGNATURE: &str = r#"
name = "Query signature"
[signature]
algorithm = "hmac-sha512"
query = "sig"
value = "{base64url}"
signs = "{timestamp}.{path}\n{query:order}\n{body}"
[timestamp]
query = "ts"
format = "milliseconds"
tolerance = "1m"
future = "2s"
[event]
id = "{query:order}"
type = "{query:kind}"
"#;

const SORTED_QUERY: &str = r#"
name = "Sorted query"
[signature]
algorithm = "hmac-sha256"
header = "X-Sig"
value = "{hex}"
signs = "{query-sorted}\n{body}"
[form]
between = "="
join = "&"
encode = true
"#;

const LIST_WITH_ID: &str = r#"
name = "List with an id"
[signature]
algorithm = "hmac-sha512"
header = "X-Sig"
list = { separator = ";", trim = true, items = ["t={timestamp}", "i={id}", "s={base64-unpadded}"] }
signs = "{id}.{timestamp}.{body}"
[timestamp]
format = "http-date"
tolerance = "5m"
[event]
id = "{id}"
"#;

const BODY_HASH_PART: &str = r#"
name = "Body hash"
[signature]
algorithm = "hmac-sha256"
header = ["X-Sig", "X-Old-Sig"]
value = "{base64url-unpadded}"
signs = "{timestamp}{sha512-base64:body}"
[timestamp]
header = "X-Time"
format = "rfc3339"
tolerance = "5m"
[event]
id = "{json:/order/id}"
"#;

const KEYED_SHA256: &str = r#"
name = "Keyed SHA-256"
[secret]
prepend = "<"
append = ">"
[signature]
algorithm = "sha256"
header = "X-Sig"
value = "v1={hex-any-case}"
signs = "{secret}.{timestamp}.{body}"
[timestamp]
header = "X-Time"
format = "seconds"
tolerance = "5m"
"#;

const KEYED_SHA512: &str = r#"
name = "Keyed SHA-512"
[signature]
algorithm = "sha512"
header = "X-Sig"
value = "{base64}"
signs = "{body}{secret}"
"#;

const BEARER: &str = r#"
name = "Bearer"
[signature]
algorithm = "token"
header = "Authorization"
value = "Bearer {token}"
[event]
type = "{header:X-Kind}"
"#;

const QUERY_TOKEN: &str = r#"
name = "Query token"
[signature]
algorithm = "token"
query = "token"
"#;

const JSON_TOKEN: &str = r#"
name = "JSON token"
[signature]
algorithm = "token"
json = "/token"
[event]
id = "{json:/order/id}"
"#;

const FORM_TOKEN: &str = r#"
name = "Form token"
[signature]
algorithm = "token"
form = "token"
"#;

const BASIC: &str = r#"
name = "Basic"
[request]
methods = ["POST", "PUT"]
[signature]
algorithm = "basic"
"#;

const JSON_VALUES: &str = r#"
name = "JSON values"
[signature]
algorithm = "hmac-sha256"
json = "/signature"
value = "{hex}"
signs = "{timestamp}|{json:/order/id}|{json:/kind}"
covers_body = false
[timestamp]
json = "/at"
format = "seconds"
tolerance = "5m"
[event]
id = "{json:/order/id}"
type = "{json:/other}"
told_apart_by = "signed-content"
"#;

const FORM_VALUES: &str = r#"
name = "Form values"
[signature]
algorithm = "hmac-sha256"
form = "signature"
value = "{hex}"
signs = "{timestamp}{form:order}"
covers_body = false
[timestamp]
form = "timestamp"
format = "seconds"
tolerance = "5m"
[event]
id = "{form:order}"
type = "{form:kind}"
told_apart_by = "unsigned-values"
"#;

const DIGEST_HEADER: &str = r#"
name = "Digest header"
[request]
methods = ["POST", "PUT"]
[signature]
algorithm = "hmac-sha256"
header = "X-Sig"
value = "{base64}"
signs = "{method} {path-and-query}\n{header:X-Content-SHA1}\n{timestamp}"
[timestamp]
header = "Date"
format = "http-date"
tolerance = "5m"
[[check]]
header = "X-Content-SHA1"
equals = "{sha1-base64:body}"
"#;

const HASHED_SECRET: &str = r#"
name = "Hashed secret"
[secret]
hash = "sha256"
[signature]
algorithm = "hmac-sha256"
header = "X-Sig"
list = { separator = ",", items = ["v2={hex}", "v1={base64}"] }
signs = "{body}"
"#;

const QUERY_ID: &str = r#"
name = "Query id"
[signature]
algorithm = "hmac-sha256"
header = "X-Sig"
value = "{hex}"
signs = "{id}:{timestamp}|{body}"
[id]
query = "id"
[timestamp]
header = "X-Time"
format = "rfc3339-or-utc"
tolerance = "5m"
[event]
id = "{id}"
"#;

const URL: &str = r#"
name = "URL"
[signature]
algorithm = "hmac-sha1"
header = "X-Sig"
value = "{base64}"
signs = "{url}{body}"
[url]
forms = ["as-is", "with-port", "without-port", "decoded"]
decode = ":/@"
[event]
id = "{query:order}"
"#;

const JSON_ID: &str = r#"
name = "JSON id"
[signature]
algorithm = "hmac-sha256"
header = "X-Sig"
value = "{hex}"
signs = "{id}.{timestamp}.{sha256-hex:body}"
[id]
json = "/event_id"
[timestamp]
json = "/at"
format = "rfc3339"
tolerance = "5m"
[event]
id = "{id}"
type = "{json:/kind}"
"#;

const HTTP_SIGNATURE: &str = r#"
name = "HTTP signature"
[signature]
algorithm = "http-signature"
[http-signature]
algorithms = ["ecdsa-p256-sha256", "rsa-v1_5-sha256"]
components = ["@method", "@target-uri", "content-digest", "x-order", "user-agent;bs"]
label = "own"
tag = "webhook"
requires = ["created", "expires", "nonce", "keyid", "alg"]
max_age = "1m"
leeway = "2s"
[event]
id = "{header:X-Order}"
type = "{json:/kind}"
"#;

const HTTP_HMAC: &str = r#"
name = "HTTP signature with a secret"
[signature]
algorithm = "http-signature"
covers_body = false
[http-signature]
algorithms = ["hmac-sha256"]
components = ["@scheme", "@authority", "@path", "@query", "@request-target", '@query-param;name="order"']
[event]
id = "{query:order}"
told_apart_by = "signed-content"
"#;

const HTTP_RSA_PSS: &str = r#"
name = "HTTP signature by RSA-PSS"
[signature]
algorithm = "http-signature"
[http-signature]
algorithms = ["rsa-pss-sha512"]
components = ["@method", "content-digest"]
max_age = "1m"
"#;

const RSA_PSS: &str = r#"
name = "RSA-PSS"
[signature]
algorithm = "rsa-pss-sha384"
header = "X-Sig"
value = "{base64}"
signs = "{timestamp}.{body}"
[timestamp]
header = "X-Time"
format = "seconds"
tolerance = "1m"
"#;

const RSA_PSS_JWS: &str = r#"
name = "Detached signature by RSA-PSS"
[signature]
algorithm = "jws-detached"
header = "X-Sig"
signs = "{body}"
[jwt]
algorithms = ["PS256"]
"#;
