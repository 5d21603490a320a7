//! Handshakes of a provider whose keys are fetched: unsigned ones need no key.

use std::convert::Infallible;

use bytes::Bytes;
use countersign_tower::{
    Confirm, FetchedKeys, HttpsFetch, VerifiedBody, VerifyLayer,
    countersign::{Rejection, Scheme, Verifier, providers},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use rcgen::KeyPair;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    server::{Reply, Server, authority},
    world::{Clock, HOST, NOW, fetched, https, key, scheme, send, signed},
};

/// What a question comes to: the status and the text of its answer, or why there is none.
async fn ask(keys: &FetchedKeys<HttpsFetch>, request: Request<Full<Bytes>>) -> Result<(u16, String), &'static str> {
    let service = service_fn(|_: Request<VerifiedBody>| async {
        Ok::<_, Infallible>(Response::builder().status(500).body(Full::from("a question is no delivery")).unwrap())
    });
    let response: Response<Full<Bytes>> =
        VerifyLayer::new(keys.clone()).with_clock(|| NOW).layer(service).oneshot(request).await.unwrap();
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        return Err(rejection.code());
    }
    let status = response.status().as_u16();
    let text = response.into_body().collect().await.unwrap_or_else(|_| panic!("an answer")).to_bytes();
    Ok((status, String::from_utf8(text.to_vec()).unwrap()))
}

/// A scheme with this question.
fn asking(question: &str) -> Scheme {
    scheme(&format!("format = \"pem\"\nurl = \"https://{HOST}/key.pem\"\n[[handshake]]\n{question}"))
}

async fn start(scheme: &Scheme, key: &KeyPair) -> (Server, FetchedKeys<HttpsFetch>) {
    let authority = authority("test");
    let server = Server::start(&authority, &[HOST], Reply::document(key.public_key_pem())).await;
    let keys = fetched(scheme, https(&authority, &server, &[HOST]), &Clock::default());
    (server, keys)
}

#[tokio::test]
async fn an_unsigned_head_request_of_circle_is_answered() {
    let unkeyed = Verifier::builder(providers::CIRCLE).without_keys().unwrap();
    let keys = FetchedKeys::new(unkeyed, HttpsFetch::new().with_bearer("key").unwrap());
    let question = Request::head("/hooks").body(Full::default()).unwrap();
    assert_eq!(ask(&keys, question).await, Ok((200, String::new())));
    let other = Request::get("/hooks").body(Full::default()).unwrap();
    assert_eq!(ask(&keys, other).await, Err("method"));
}

#[tokio::test]
async fn an_unsigned_question_in_a_body_fetches_nothing() {
    let scheme = asking(
        "method = \"POST\"\nsigned = false\nwhen = { json = \"/type\", equals = \"check\" }\nanswer = \"{json:/challenge}\"",
    );
    let one = key();
    let (server, keys) = start(&scheme, &one).await;
    let post = |body: &str| Request::post("/hooks").body(body.to_owned()).unwrap();
    let question = post(r#"{"type":"check","challenge":"abc"}"#).map(|body| Full::new(body.into()));
    assert_eq!(ask(&keys, question).await, Ok((200, "abc".to_owned())));
    let unsigned = post(r#"{"type":"paid"}"#).map(|body| Full::new(body.into()));
    assert_eq!(ask(&keys, unsigned).await, Err("unknown_key"));
    assert_eq!(server.requests(), 0);
    assert_eq!(send(&keys, signed(&scheme, &one, post(r#"{"type":"paid"}"#))).await, Ok(()));
    assert_eq!(send(&keys, signed(&scheme, &key(), post(r#"{"type":"paid"}"#))).await, Err("signature"));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_signed_question_is_answered_if_the_fetched_key_made_it() {
    let scheme = asking("method = \"PUT\"\nwhen = { json = \"/challenge\" }\nanswer = \"{json:/challenge}\"");
    let one = key();
    let (server, keys) = start(&scheme, &one).await;
    let put = || Request::put("/hooks").body(r#"{"challenge":"abc"}"#.to_owned()).unwrap();
    assert_eq!(ask(&keys, signed(&scheme, &one, put())).await, Ok((200, "abc".to_owned())));
    assert_eq!(ask(&keys, signed(&scheme, &key(), put())).await, Err("signature"));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_subscription_is_confirmed_by_one_get_that_succeeds_and_without_the_credential_for_keys() {
    let authority = authority("test");
    let server = Server::start(&authority, &[HOST], Reply::document("confirmed")).await;
    let fetch = https(&authority, &server, &[HOST]).with_bearer("API_KEY:1").unwrap();
    let url = format!("https://{HOST}/?Action=ConfirmSubscription&Token=1");
    fetch.confirm(&url).await.unwrap();
    let head = server.last_head();
    assert!(head.starts_with("GET /?Action=ConfirmSubscription&Token=1 HTTP/1.1\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("authorization"), "{head}");
    for failure in ["302 Found\r\nLocation: /elsewhere", "404 Not Found", "500 Internal Server Error"] {
        server.reply(Reply::Status(failure.to_owned()));
        assert!(fetch.confirm(&url).await.is_err(), "{failure}");
    }
    assert_eq!(server.requests(), 4);
}
