//! An explanation takes little memory for any request.
//!
//! One test, because the allocator counts for the whole process.

#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use countersign::{Provider, Setup, Timestamp, providers};
use http::Request;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The peak memory of an explanation, in bytes.
fn peak(provider: Provider, target: &str, body: &str) -> usize {
    let setup = Setup::new(provider).unwrap().secret("a", "0123456789abcdef0123456789abcdef");
    let setup = setup.public_url("https://example.com");
    let request = Request::post(target).header("host", "hooks.example.com");
    let request = request.header("x-hub-signature-256", format!("sha256={:064}", 0));
    let request = request.header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=").body(()).unwrap();
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let explanation = countersign::explain(&setup, &request, body.as_bytes(), Timestamp::from_unix_seconds(0));
    assert!(explanation.is_no_cause_found());
    PEAK.load(Ordering::Relaxed) - before
}

#[test]
fn an_explanation_takes_little_memory() {
    let nested = ["[".repeat(127), "1,".repeat(65_000), "1".to_owned(), "]".repeat(127)].concat();
    let texts: Vec<String> = (0..5_000).map(|number| format!("\"{number}\":\"ab\"")).collect();
    let long_name = format!("{{\"{}\":{{{}}}}}", "n".repeat(60_000), texts.join(","));
    let escapes = "\u{1}".repeat(8 << 20);
    let slashes = "/".repeat(60_000);
    let segments = "/a".repeat(2_000);
    for (provider, target, body, most) in [
        (providers::GITHUB, "/", &*nested, 32),
        (providers::GITHUB, "/", &*long_name, 32),
        // As a JSON string it is six times as long.
        (providers::GITHUB, "/", &*escapes, 192),
        (providers::TWILIO_FORM, &*slashes, "a=b", 32),
        (providers::TWILIO_FORM, &*segments, "a=b", 32),
    ] {
        let peak = peak(provider, target, body) >> 20;
        assert!(peak <= most, "{peak} MiB");
    }
}
