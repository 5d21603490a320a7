//! Header mistakes: renamed, repeated, joined or split.

use countersign::{HeaderMistake, Mistake, providers};
use http::HeaderName;

use crate::{
    ORDERS, indicated, name, now, order, own, proven, rename, renamed, setup, sign, taken, with_another_secret,
};

#[test]
fn every_header_that_a_scheme_reads_is_found_under_another_name() {
    let scheme = own(ORDERS);
    for (own, other) in [
        ("acme-signature", "x-acme-signature"),
        ("acme-time", "http_acme_time"),
        ("acme-order", "x-original-acme-order"),
    ] {
        let mut request = sign(&scheme, order("{}"), now());
        rename(request.headers_mut(), own, other);
        assert_eq!(proven(&setup(&scheme), &request), [renamed(own, other)]);
        // With another secret nothing is proven, but the name indicates it.
        assert!(indicated(&with_another_secret(&scheme), &request).contains(&renamed(own, other)));
    }
}

#[test]
fn a_header_that_is_there_several_times_is_found() {
    let scheme = own(ORDERS);
    let header = name("acme-signature");
    let forged = format!("v1={:064}", 0);
    let several = |make: &dyn Fn(&str) -> Vec<String>| {
        let mut request = sign(&scheme, order("{}"), now());
        let tag = taken(request.headers_mut(), "acme-signature");
        for line in make(&tag) {
            request.headers_mut().append("acme-signature", line.parse().unwrap());
        }
        proven(&setup(&scheme), &request)
    };
    let repeated = [Mistake::Header(HeaderMistake::Repeated { header: header.clone() })];
    let joined = [Mistake::Header(HeaderMistake::Joined { header: header.clone() })];
    let layout = [Mistake::Header(HeaderMistake::Layout { header })];
    assert_eq!(several(&|tag| vec![forged.clone(), tag.into()]), repeated);
    assert_eq!(several(&|tag| vec![format!("{forged}, {tag}")]), joined);
    assert_eq!(several(&|tag| vec![format!("{forged},{forged},{tag}")]), joined);
    assert_eq!(several(&|tag| vec![tag["v1=".len()..].to_owned()]), layout);
}

#[test]
fn a_header_that_was_split_into_many_lines_is_found() {
    let scheme = providers::STRIPE.scheme().unwrap();
    let mut request = sign(&scheme, order("{}"), now());
    let value = taken(request.headers_mut(), "stripe-signature");
    for line in value.split(',').chain(["v0=00", "v0=01"]) {
        request.headers_mut().append("stripe-signature", line.parse().unwrap());
    }
    let split = HeaderMistake::Split { header: name("stripe-signature") };
    assert_eq!(proven(&setup(&scheme), &request), [Mistake::Header(split)]);
}

#[test]
fn renamed_headers_are_found_among_at_most_128() {
    let scheme = own(ORDERS);
    let mut request = sign(&scheme, order("{}"), now());
    rename(request.headers_mut(), "acme-signature", "x-acme-signature");
    for number in request.headers().len()..128 {
        request.headers_mut().insert(HeaderName::try_from(format!("x-{number}")).unwrap(), "1".parse().unwrap());
    }
    assert_eq!(proven(&setup(&scheme), &request), [renamed("acme-signature", "x-acme-signature")]);
    request.headers_mut().insert("x-128", "1".parse().unwrap());
    assert_eq!(proven(&setup(&scheme), &request), []);
}
