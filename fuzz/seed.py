#!/usr/bin/env python3
"""Writes the seed corpora: one small request of each provider from tests/vectors, and the scheme files themselves.

Files of other names are what fuzzing found, and stay.
"""

import base64
import hashlib
import json
import pathlib
import re
from urllib.parse import urlsplit

ROOT = pathlib.Path(__file__).resolve().parent
VECTORS = ROOT.parent / "tests" / "vectors"
CATALOGUE = ROOT.parent / "crates" / "countersign" / "catalogue"
KEYS = VECTORS / "keys"
ENDPOINTS = ROOT.parent / "tests" / "src" / "endpoint.rs"
MOST_BYTES = 2000


def seed(target, name, data):
    folder = ROOT / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def text_of(case):
    """The request as `countersign_fuzz::request` reads it, or None if it has no small body."""
    request = case["request"]
    body = base64.b64decode(request.get("body_base64") or "")
    if "body_file" in request or len(body) > MOST_BYTES:
        return None
    url = urlsplit(request["url"])
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{request['method']} {target}"] + [f"{name}: {value}" for name, value in request["headers"]]
    return "\n".join(lines).encode() + b"\n\n" + body


def chosen(number):
    """The bytes with which `countersign_fuzz::choose` takes the item of this number."""
    return number.to_bytes(2, "little")


def position(name):
    """The bytes with which `countersign_fuzz::Ring` takes the item of this name: its FNV-1a hash."""
    hash = 0x811C9DC5
    for byte in name.encode():
        hash = (hash ^ byte) * 0x01000193 % 2**32
    return hash.to_bytes(4, "big")


# The providers whose endpoints the targets have.
UNREAD = [json.loads(word) for word in re.findall(r'^    (".*"),$', ENDPOINTS.read_text().split("const UNREAD")[1], re.M)]
files = {path.stem: path.read_text() for path in sorted(CATALOGUE.glob("*.toml"))}
ids = [provider for provider, text in files.items() if not any(word in text for word in UNREAD)]
for number, provider in enumerate(ids):
    texts = []
    for path in sorted(VECTORS.glob(f"*/{provider}.json")):
        cases = json.loads(path.read_text())["cases"]
        texts += [text for text in map(text_of, cases) if text]
    for at, text in enumerate(sorted(set(texts), key=lambda text: (len(text), text))[:1]):
        seed("head", provider, position(provider) + bytes([3]) + text)
        seed("verify", provider, position(provider) + bytes([at, 7, 0, 1]) + text)
        seed("explain", provider, position(provider) + bytes([number % 8, 100]) + text)
for name, nested in [("arrays", b"[" * 1500 + b"]" * 1500), ("objects", b'{"a":' * 600 + b"1" + b"}" * 600)]:
    seed("explain", f"nested-{name}", position("github") + bytes([0, 100]) + b"POST /\n\n" + nested)
# Files that have a word of the language that none before them has: the language, not the catalogue.
known = set()
for provider, text in files.items():
    text = re.sub(r'(?s)""".*?"""|^(name|source|aliases|notes) =.*?$', "", text, flags=re.M)
    words = set(re.findall(r'^[a-z_]+(?= =)|^\[+[a-z-]+|"[a-z][a-z0-9-]+"|\{[a-z0-9-]+:?', text, re.M))
    if not words <= known:
        seed("scheme_file", provider, files[provider].encode())
        known |= words

BODIES = {
    "json_payload": ["{}", '{"id":"evt_1","n":-1.5e3,"a":[null,true,"\\u00e9\\ud83d\\ude00"],"o":{"o":{}}}', "[1,2,{}]", '"x"', '{"a":1,"a":2}'],
    "form_payload": ["", "a=1&b=2", "a=%C3%A9+%26&a=2&b", "a=%FF", "payload=%7B%22a%22%3A1%7D", "a[]=1&a[]=2&b[c]=3"],
    "xml_payload": [
        "<a/>", '<?xml version="1.0" encoding="UTF-8"?>\n<event id="1"><type>x</type><!-- c --><![CDATA[<&>]]></event>',
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "<a>&lt;&#233;&#xe9;</a>", "<a><b></a></b>",
    ],
}
BODIES["structured_fields"] = [
    f"{flags}{input}\n{signature}\n{digest}"
    for flags, input, signature, digest in [
        ("\x00", 'a=("@method" "content-digest");created=1767225600', "a=:AAAA:", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
        ("\x01", 'a=("x";sf "x";bs "x";key="b");expires=5;keyid="\\"", b=()', "a=:AA==:, b=:AA==:", "md5=:AAAA:, sha-512=:AAAA:"),
        ("\x02", 'a=("@query-param";name="b" "@path" "@authority");alg="hmac-sha256";nonce="n";tag="t"', "a=:AAAA:", "b=?0;c, d=(e f);g=1.5"),
    ]
]
for target, bodies in BODIES.items():
    for at, body in enumerate(bodies):
        seed(target, f"{at}", body.encode())

FORWARDED = ["for=203.0.113.7", 'For="[2001:db8::1]:443";proto=https;by=_x, for=unknown', 'host="a\\", b";for="198.51.100.1:_p"\nfor=10.0.0.2']
PLAIN = ["203.0.113.7", "unknown, [2001:db8::1]:443,\t2001:db8::1", "198.51.100.1:80\n::ffff:10.0.0.2", "_hidden, 203.0.113.07"]
for number, texts in enumerate([FORWARDED, PLAIN]):
    for at, text in enumerate(texts):
        seed("forwarded", f"{number}-{at}", chosen(number) + text.encode())

V2 = b"\r\n\r\n\0\r\nQUIT\n"
CONNECTIONS = [
    b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nGET /", b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n",
    b"PROXY UNKNOWN anything\r\n", V2 + b"\x21\x11\0\x0c" + bytes(range(12)) + b"GET /",
    V2 + b"\x21\x21\0\x29" + bytes(36) + b"\x04\0\x02ab", V2 + b"\x20\0\0\0", V2 + b"\x21\0\0\x03abc",
]
for at, connection in enumerate(CONNECTIONS):
    seed("proxy_protocol", f"{at}", connection)

# The item of the ring that is asked, and the question.
QUESTIONS = [
    ("facebook-meta", "GET /?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a"), ("dropbox", "GET /?challenge=%3Cscript%3E"),
    ("onfleet", "GET /?check=a"), ("trello", "HEAD /"), ("x-twitter", "GET /?crc_token=MjIyZTk0Zg=="), ("ms-graph", "POST /?validationToken=a+b"),
    ("okta-event-hooks", "GET /\nX-Okta-Verification-Challenge: a"), ("asana awaiting its secret", "POST /\nX-Hook-Secret: b537207f"),
    ("slack", 'POST /\n\n{"type":"url_verification","challenge":"a\\"<","token":"a"}'),
    ("notion awaiting its secret", 'POST /\n\n{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZ"}'),
    ("zoom", 'POST /\n\n{"event":"endpoint.url_validation","payload":{"plainToken":"a"}}'),
    ("xero", 'POST /\n\n{"events":[],"lastEventSequence":0}'), ("woocommerce", "POST /\n\nwebhook_id=4"),
]
for at, (name, question) in enumerate(QUESTIONS):
    for signed in range(2):
        seed("handshake", f"{at}-{signed}", position(name) + bytes([signed]) + question.encode())

DIGEST = hashlib.sha256(b"{}").hexdigest()
CLAIMS = f'{{"iss":"acme","aud":"us","sub":"evt_1","exp":1767225900,"nbf":1767225000,"iat":1767225600.5,"body_sha256":"{DIGEST}"}}'
TOKENS = [
    b"\0eyJhbGciOiJIUzI1NiJ9.e30.AAAA", b"\0eyJhbGciOiJub25lIn0.e30.", b"\0eyJhbGciOiJIUzI1NiJ9..AAAA",
    b'\1{"alg":"HS256"}\n' + CLAIMS.encode(), b'\1{"alg":"HS256","typ":"JWT","kid":"a"}\n' + CLAIMS.replace('"us"', '["you","us"]').encode(),
    b'\1{"alg":"ES256"}\n' + CLAIMS.encode(), b'\1{"alg":"HS256","crit":["exp"],"exp":1}\n' + CLAIMS.encode(),
    b'\1{"alg":"HS256"}\n{"exp":-1e300,"exp":1767225900}', b'\2{"alg":"HS256"}', b'\2{"alg":"HS256","b64":false,"crit":["b64"]}',
    b'\2{"alg":"HS256","b64":true,"crit":["b64","b64"]}',
]
for at, token in enumerate(TOKENS):
    seed("token", f"{at}", token)

# Claims, commits, releases and steps of the clock, each of three bytes.
ROWS = [
    bytes([0, 1, 100, 0, 1, 100, 3, 0, 200, 0, 1, 100]), bytes([0, 1, 100, 5, 0, 0, 0, 1, 100]), bytes([0, 1, 10, 6, 0, 10, 3, 0, 9, 0, 1, 10]),
    bytes(byte for event in range(24) for byte in (0, event, 255)), bytes([0, 2, 50, 6, 0, 60, 7, 0, 60, 0, 2, 50, 3, 0, 50, 3, 0, 50]),
    bytes(byte for event in range(24) for byte in (0, event, 9, 3, 0, event, 6, 0, 5)),
]
for number, row in enumerate(ROWS):
    for kind in range(3):
        seed("claims", f"{number}-{kind}", bytes([kind]) + row)

PART = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}'
FORMS = [
    b"\0multipart/form-data; boundary=b\n--b\r\n" + PART.format("id", "evt_1").encode() + b"\r\n--b--\r\n",
    b'\0Multipart/Form-Data; charset=utf-8; boundary="b b"\n--b b\r\nContent-Type: a\r\n' + PART.format("kind", "a").encode() + b"\r\n--b b\r\n"
    + PART.format("id", "\r\n--b").encode() + b"\r\n--b b--", b"\0application/x-www-form-urlencoded\nid=evt%5F1&kind=a+b",
    b"\0multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=id; name=kind\r\n\r\na\r\n--b--",
    b"\1\0\5evt_1\1\7created", b"\1\0\5evt_1\0\5evt_2", b"\1\3\2id\0\4\r\n--\2\0",
]
for at, form in enumerate(FORMS):
    seed("multipart", f"{at}", form)

for path in sorted(KEYS.glob("*.pem")):
    text = path.read_bytes()
    if b"RSA 4096" not in text and len(text) < MOST_BYTES:
        seed("keys", path.stem, text)
    if text.startswith(b"-----BEGIN PUBLIC KEY"):
        seed("keys", f"{path.stem}.der", base64.b64decode(b"".join(text.split(b"\n")[1:-2])))
SECRETS = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "pre_00112233445566778899aabbccddeeff", "${SECRET}", "sk_live_a", " a ", "<your-secret>",
    '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","use":"sig","alg":"EdDSA"}',
    '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
    '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"}]}', '{"key":"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}',
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
]
for at, secret in enumerate(SECRETS):
    seed("keys", f"{at}", secret.encode())

LISTS = [
    "203.0.113.0/25\n203.0.113.128/25 # both\n\n2001:db8::/32\n", "::ffff:203.0.113.0/120\r\n198.51.100.7\r\n::1", "10.0.0.0/8\n10.1.0.0/16\n11.0.0.0/8",
    "255.255.255.255\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n0.0.0.0\n::", "::fffe:0:0/95", "10.0.0.1/8", "0.0.0.0/0", "# nothing",
    '{"a":["203.0.113.7","2001:db8::/32"],"prefixes":[{"ip":"198.51.100.0/24"},{"ip":["192.0.2.1"]}],"b":[[{"c/d":"192.0.2.2"}]]}', "[]", '{"a":null}',
]
for at, text in enumerate(LISTS):
    seed("addresses", f"{at}", text.encode())

for at, covered in enumerate([0, 1, 3, 8, 16, 32, 64, 128, 96, 255]):
    for change in range(6):
        text = b"PUT /a?b=1&c=%20\nx: one\nx: two, three\nother: a\n\n{}"
        seed("http_signature", f"{at}-{change}", bytes([covered, change, 1 + at % 5, 1]) + text)
