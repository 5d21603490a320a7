//! Configured secrets never appear in errors, logs or debug output.

use std::{io::Write, sync::Arc, sync::Mutex};

use bytes::Bytes;
use countersign::{Key, Rejection, Secret, Setup, replay::MemoryStore};
use countersign_tests::{
    app::App,
    endpoint::{Endpoint, NOW},
};
use countersign_tower::{ReplayLayer, Stack, VerifyLayer};
use http::Request;
use tracing_subscriber::fmt::MakeWriter;

/// Everything that is logged with `tracing`.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The right tags of this request, as the text of a header or parameter.
fn right_tags(endpoint: &Endpoint, request: Request<Bytes>) -> Vec<String> {
    let mut unsigned = request;
    if let Some(name) = endpoint.reading.signature_header() {
        unsigned.headers_mut().remove(name);
    }
    let Ok(signed) = endpoint.signer_of(endpoint.secret).unwrap().sign(unsigned, NOW) else { return Vec::new() };
    let everything = format!("{:?} {:?} {:?}", signed.uri(), signed.headers(), signed.body());
    // In these requests a tag is the only long run of letters and digits, except names of headers.
    let runs = everything.split(|c: char| !(c.is_ascii_alphanumeric() || "+/_-".contains(c)));
    let is_tag = |run: &&str| run.len() >= 26 && run.contains(|c: char| c.is_ascii_digit());
    runs.filter(is_tag).filter(|run| !signed.headers().contains_key(*run)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a12_neither_the_secret_nor_a_right_tag_is_ever_told() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(log.clone()).finish());
    for endpoint in Endpoint::all() {
        let mut told = Vec::new();
        let verifier = endpoint.verifier();
        let signer = endpoint.signer_of(endpoint.secret).unwrap();
        told.push(format!(
            "{verifier:?} {signer:?} {:?} {:?}",
            endpoint.key("label"),
            endpoint.builder().secret(endpoint.secret)
        ));
        told.push(format!(
            "{:?} {:?}",
            Secret::new(endpoint.secret).unwrap(),
            Key::new("k", Secret::new(endpoint.secret).unwrap())
        ));

        let replay = ReplayLayer::new(MemoryStore::new(), "hooks");
        told.push(format!("{:?} {replay:?}", VerifyLayer::new(verifier.clone())));
        let stack = Stack::builder("hooks", verifier.clone()).dangerous_accept_replays_for_ever();
        told.push(format!("{stack:?}"));
        told.push(format!("{:?}", stack.build().unwrap()));

        let setup = Setup::new(verifier.scheme()).unwrap().secret("here", endpoint.secret);
        told.push(format!("{:?}", setup.other_secret("there", endpoint.secret)));

        let signed = endpoint.sample();
        let verified = verifier.verify(&signed, signed.body(), NOW).unwrap();
        told.push(format!("{verified:?}"));
        if let Ok(pending) = verifier.begin(&signed, NOW) {
            told.push(format!("{pending:?}"));
            let mut collecting = verifier.collect(&signed, 1 << 20, NOW).unwrap();
            collecting.push(signed.body().clone()).unwrap();
            let body = collecting.finish().unwrap();
            let delivery = body.into_delivery();
            told.push(format!("{delivery:?} {:?}", delivery.payload()));
        }

        let mut forged: Vec<Request<Bytes>> = vec![
            signed.clone().map(|_| Bytes::from("{\"forged\":1,\"order\":{\"id\":\"o-18\"},\"kind\":\"k\"}")),
            signed.clone().map(|_| Bytes::from("order=o-18&kind=forged")),
        ];
        forged.extend(endpoint.reading.headers().iter().flat_map(|name| {
            let (mut gone, mut other) = (signed.clone(), signed.clone());
            gone.headers_mut().remove(name);
            let value = other.headers()[name].to_str().unwrap().replace(['a', '1', 'Q', '7'], "b");
            other.headers_mut().insert(http::HeaderName::try_from(name.as_str()).unwrap(), value.parse().unwrap());
            [gone, other]
        }));
        let app = App::new(verifier.clone());
        let mut hidden: Vec<String> = vec![endpoint.secret.to_owned()];
        for request in forged {
            if endpoint.reading.algorithm() != "token" && endpoint.reading.algorithm() != "basic" {
                hidden.extend(right_tags(&endpoint, request.clone()));
            }
            let answer = app.send(request).await;
            told.push(answer.seen_by_caller());
            told.extend(
                answer
                    .rejection
                    .iter()
                    .map(|rejection: &Rejection| format!("{rejection} {rejection:?} {}", rejection.code())),
            );
        }
        told.push(String::from_utf8(log.0.lock().unwrap().split_off(0)).unwrap());
        assert!(told.last().unwrap().contains("refused") || !endpoint.reading.covers_body(), "nothing was logged");
        hidden.extend(endpoint.secret.split([':', '_']).filter(|piece| piece.len() > 8).map(str::to_owned));
        for text in &told {
            for secret in &hidden {
                assert!(!text.contains(secret), "{}: `{secret}` is told in {text}", endpoint.id());
            }
        }
    }
}

#[test]
fn an_error_in_a_scheme_file_or_a_secret_reveals_no_secret() {
    for endpoint in Endpoint::all() {
        let canary = "canary\nin-two-lines-";
        for secret in
            [format!("{canary} "), format!("\"{canary}\""), format!("${{{canary}}}"), format!("whsec_{canary}")]
        {
            if let Err(error) = endpoint.builder().secret(secret).build() {
                assert!(!format!("{error} {error:?}").contains("in-two-lines"), "{}: {error:?}", endpoint.id());
            }
        }
    }
}
