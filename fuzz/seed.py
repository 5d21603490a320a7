#!/usr/bin/env python3
"""Writes the seed corpora: one small request of each provider from tests/vectors, and the scheme files themselves."""

import base64
import json
import pathlib
import shutil
from urllib.parse import urlsplit

ROOT = pathlib.Path(__file__).resolve().parent
VECTORS = ROOT.parent / "tests" / "vectors"
CATALOGUE = ROOT.parent / "crates" / "countersign" / "catalogue"
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


shutil.rmtree(ROOT / "corpus", ignore_errors=True)
ids = sorted(path.stem for path in CATALOGUE.glob("*.toml"))
for number, provider in enumerate(ids):
    seed("scheme_file", provider, (CATALOGUE / f"{provider}.toml").read_bytes())
    texts = []
    for path in sorted(VECTORS.glob(f"*/{provider}.json")):
        cases = json.loads(path.read_text())["cases"]
        texts += [text for text in map(text_of, cases) if text]
    for at, text in enumerate(sorted(set(texts), key=len)[:3]):
        seed("head", f"{provider}-{at}", bytes([number, 3]) + text)
        seed("verify", f"{provider}-{at}", bytes([number, at, 7, 0, 1]) + text)

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
        seed("forwarded", f"{number}-{at}", bytes([number]) + text.encode())

V2 = b"\r\n\r\n\0\r\nQUIT\n"
CONNECTIONS = [
    b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nGET /", b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n",
    b"PROXY UNKNOWN anything\r\n", V2 + b"\x21\x11\0\x0c" + bytes(range(12)) + b"GET /",
    V2 + b"\x21\x21\0\x29" + bytes(36) + b"\x04\0\x02ab", V2 + b"\x20\0\0\0", V2 + b"\x21\0\0\x03abc",
]
for at, connection in enumerate(CONNECTIONS):
    seed("proxy_protocol", f"{at}", connection)

QUESTIONS = [
    "GET /?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a", "GET /?challenge=%3Cscript%3E", "GET /?check=a", "HEAD /",
    "GET /?crc_token=MjIyZTk0Zg==", "POST /?validationToken=a+b", "GET /\nX-Okta-Verification-Challenge: a", "POST /\nX-Hook-Secret: b537207f",
    'POST /\n\n{"type":"url_verification","challenge":"a\\"<","token":"a"}', 'POST /\n\n{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZ"}',
    'POST /\n\n{"event":"endpoint.url_validation","payload":{"plainToken":"a"}}', 'POST /\n\n{"events":[],"lastEventSequence":0}', "POST /\n\nwebhook_id=4",
]
for at, question in enumerate(QUESTIONS):
    for signed in range(2):
        seed("handshake", f"{at}-{signed}", bytes([at, signed]) + question.encode())
