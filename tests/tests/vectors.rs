//! Every signed request of `tests/vectors` gets its verdict, in each of the three ways to verify it.

use std::collections::BTreeSet;

use bytes::Bytes;
use countersign::{Provider, Timestamp, Verifier, providers};
use countersign_tests::vectors::{Case, Expect, VectorFile};
use http::request::Parts;

/// The stable word for a refusal; `Ok` for an accepted delivery.
type Verdict = Result<(), String>;

const LIMIT: u64 = 1 << 20;

#[test]
fn every_case_gets_its_verdict_and_reason() {
    let (mut passed, mut mismatches) = (0, Vec::new());
    for file in VectorFile::all().unwrap() {
        for case in &file.cases {
            match mismatch(&file, case) {
                None => passed += 1,
                Some(mismatch) => mismatches.push(mismatch),
            }
        }
    }
    println!("{passed} passed, {} failed", mismatches.len());
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    assert!(passed > 1000, "vector files are missing");
}

/// The verdict itself is not tested here, only that it does not depend on how the body arrives.
#[test]
fn debatable_cases_get_one_verdict_whichever_way_the_body_arrives() {
    for file in VectorFile::all().unwrap() {
        for case in &file.debatable {
            let [whole, others @ ..] = verdicts(&file, case);
            for other in others {
                assert_eq!(whole, other, "{} {}", file.path.display(), case.name);
            }
            if case.sane_policy.is_some_and(|sane| sane != plain(&whole)) {
                println!("debatable: {} {}: sane is {:?}, ours {whole:?}", file.provider, case.name, case.sane_policy);
            }
        }
    }
}

/// By what their files say in `checked`.
#[test]
fn every_provider_that_an_sdk_or_an_example_checked_has_vectors() {
    let with_vectors: BTreeSet<String> = VectorFile::all().unwrap().into_iter().map(|file| file.provider).collect();
    for provider in providers::ALL.iter().filter(|provider| !provider.toml().contains("checked = \"documentation\"")) {
        assert!(with_vectors.contains(provider.id()), "no vectors for {}", provider.id());
    }
}

/// Describes wrong verdicts on a case in one line.
fn mismatch(file: &VectorFile, case: &Case) -> Option<String> {
    let ways = ["whole", "chunks", "collected"];
    let verdicts = verdicts(file, case);
    let at = verdicts.iter().position(|verdict| !is_expected(case, verdict))?;
    let (way, verdict) = (ways[at], &verdicts[at]);
    let Case { name, expect, reason_any, .. } = case;
    Some(format!("{} {name} ({way}): expected {expect:?} {reason_any:?}, got {verdict:?}", file.path.display()))
}

fn is_expected(case: &Case, verdict: &Verdict) -> bool {
    let any = &case.reason_any;
    let is_one_of_them = |code: &String| {
        let word = word_of_the_vectors(code);
        any.is_empty() || any.iter().any(|reason| reason == "other" || reason == word)
    };
    plain(verdict) == case.expect && verdict.as_ref().err().is_none_or(is_one_of_them)
}

/// The vector files use one word for all refusals of content that differs from the signed one.
fn word_of_the_vectors(code: &str) -> &str {
    match code {
        "ambiguous_content" | "body_hash" | "method" | "unexpected_value" => "signature",
        code => code,
    }
}

fn plain(verdict: &Verdict) -> Expect {
    if verdict.is_ok() { Expect::Accept } else { Expect::Reject }
}

/// The verdicts on the whole request, on one with its body in chunks, and on a collected one.
fn verdicts(file: &VectorFile, case: &Case) -> [Verdict; 3] {
    let Ok(head) = case.request.head() else {
        return [(); 3].map(|()| Err("malformed_signature".to_owned()));
    };
    let Some(verifier) = verifier(file, case) else {
        // Without a key, no key made the signature.
        let is_signature = case.reason_any.iter().any(|reason| reason == "signature");
        return [(); 3].map(|()| Err(if is_signature { "signature" } else { "unknown_key" }.to_owned()));
    };
    let now = Timestamp::from_unix_seconds(case.now);
    let body = case.request.body();
    [verify(&verifier, &head, body, now), update(&verifier, &head, body, now), collect(&verifier, &head, body, now)]
}

/// `None` if the secrets are refused: then nothing is accepted.
fn verifier(file: &VectorFile, case: &Case) -> Option<Verifier> {
    let id = &file.provider;
    let provider = Provider::find(id).unwrap_or_else(|| panic!("{id} is not in the catalogue"));
    let scheme = provider.scheme().unwrap_or_else(|error| panic!("{id}: {error}"));
    let mut builder = Verifier::builder(provider).public_url(case.request.public_url()).allow_legacy();
    for (name, value) in file.config.iter().chain(&case.config) {
        if scheme.settings().any(|(known, _)| known == name) {
            builder = builder.setting(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    for key in &case.keys {
        builder = builder.secret(key.as_str());
    }
    builder.build().ok()
}

fn verify(verifier: &Verifier, head: &Parts, body: &[u8], now: Timestamp) -> Verdict {
    let accepted = verifier.verify(head, body, now).map_err(|rejection| rejection.code().to_owned())?;
    assert_eq!(*accepted.body(), body);
    Ok(())
}

fn update(verifier: &Verifier, head: &Parts, body: &[u8], now: Timestamp) -> Verdict {
    let judged = verifier.begin(head, now).and_then(|mut pending| {
        chunks(body).for_each(|chunk| pending.update(chunk));
        pending.finish()
    });
    judged.map(drop).map_err(|rejection| rejection.code().to_owned())
}

fn collect(verifier: &Verifier, head: &Parts, body: &[u8], now: Timestamp) -> Verdict {
    let judged = verifier.collect(head, LIMIT, now).and_then(|mut collecting| {
        chunks(body).try_for_each(|chunk| collecting.push(Bytes::copy_from_slice(chunk)))?;
        collecting.finish()
    });
    let accepted = judged.map_err(|rejection| rejection.code().to_owned())?;
    assert_eq!(accepted.body(), body);
    Ok(())
}

/// The body in chunks of one byte, two, four and so on, an empty one among them.
fn chunks(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut len) = (body, 0);
    std::iter::from_fn(move || {
        let (chunk, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let more = !rest.is_empty();
        (rest, len) = (after, (len * 2).max(1));
        more.then_some(chunk)
    })
}
