//! The catalogue as a whole: its names, its README, and the configuration that its pages show.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    process::Command,
};

use countersign::{Provider, Scheme, providers};
use countersign_tests::{
    endpoint::Endpoint,
    program::{first_line, program, root},
};

const CATEGORIES: [&str; 17] = [
    "ai",
    "analytics",
    "commerce",
    "crm",
    "crypto",
    "devops",
    "docs",
    "hr",
    "identity",
    "infra",
    "iot",
    "marketing",
    "messaging",
    "other",
    "payments",
    "standard",
    "support",
];

fn schemes() -> impl Iterator<Item = Scheme> {
    providers::ALL.iter().map(|provider| provider.scheme().unwrap())
}

fn readme() -> String {
    fs::read_to_string(root().join("crates/countersign/catalogue/README.md")).unwrap()
}

#[test]
fn ids_and_aliases_are_unique() {
    let mut known = BTreeMap::new();
    for scheme in schemes() {
        for name in [scheme.id()].into_iter().chain(scheme.aliases().iter().map(String::as_str)) {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
            let other = known.insert(name.to_owned(), scheme.id().to_owned());
            assert_eq!(other, None, "`{name}` is a name of `{}` too", scheme.id());
            assert_eq!(Provider::find(name).map(Provider::id), Some(scheme.id()));
        }
    }
}

#[test]
fn the_constant_of_a_provider_is_what_code_calls_it() {
    let named = [
        (providers::AWS_SNS, "AWS_SNS"),
        (providers::GITHUB, "GITHUB"),
        (providers::STANDARD_WEBHOOKS, "STANDARD_WEBHOOKS"),
        (providers::STRIPE, "STRIPE"),
    ];
    for (provider, constant) in named {
        assert_eq!(provider.constant(), constant);
    }
    for provider in providers::ALL {
        assert!(provider.constant().eq_ignore_ascii_case(&provider.id().replace('-', "_")), "{}", provider.id());
    }
}

#[test]
fn provider_names_are_unique() {
    let mut known = BTreeMap::new();
    for scheme in schemes() {
        let other = known.insert(scheme.name().to_owned(), scheme.id().to_owned());
        assert_eq!(other, None, "{} and {other:?} are both called {}", scheme.id(), scheme.name());
    }
}

#[test]
fn every_file_says_what_it_is_where_it_was_read_and_how_it_was_checked() {
    for scheme in schemes() {
        let id = scheme.id();
        assert!(
            scheme.category().is_some_and(|category| CATEGORIES.contains(&category)),
            "{id}: {:?}",
            scheme.category()
        );
        assert!(scheme.source().is_some_and(|source| !source.trim().is_empty()), "{id} names no source");
        assert!(scheme.checked().is_some(), "{id} does not say how it was checked");
        assert!(scheme.notes().is_some_and(|notes| notes.matches('`').count() % 2 == 0), "{id}: notes");
    }
}

#[test]
fn what_was_checked_with_vectors_has_them() {
    for scheme in schemes() {
        let has = |folder: &str| root().join(format!("tests/vectors/{folder}/{}.json", scheme.id())).exists();
        match scheme.checked().unwrap().to_string().as_str() {
            "official SDK" => assert!(has("official"), "{}", scheme.id()),
            "published example" => assert!(has("published") || has("recipe"), "{}", scheme.id()),
            _ => {}
        }
    }
}

/// The ids in the README's tables of providers that are left out.
fn left_out() -> BTreeSet<String> {
    let readme = readme();
    let (_, tables) = readme.split_once("## What is left out").unwrap();
    let rows = tables.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(id, _)| id.to_owned()).collect()
}

#[test]
fn the_providers_that_the_readme_leaves_out_have_no_file() {
    for id in left_out() {
        assert_eq!(Provider::find(&id), None, "take `{id}` out of the README's list of what is left out");
    }
}

#[test]
fn every_wanted_provider_has_a_file_or_a_reason_in_the_readme() {
    let left_out = left_out();
    let wanted = include_str!("../vectors/providers.txt").lines().map(str::trim).filter(|line| !line.is_empty());
    let missing: Vec<_> = wanted.filter(|id| Provider::find(id).is_none() && !left_out.contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_readme_has_the_right_numbers() {
    let mut counts = BTreeMap::<String, usize>::new();
    for scheme in schemes() {
        *counts.entry(scheme.checked().unwrap().to_string()).or_default() += 1;
    }
    counts.insert(String::new(), providers::ALL.len());
    let before = readme();
    let mut after = String::new();
    let mut rows = 0;
    for line in before.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", by, what, number, ""] if number.parse::<usize>().is_ok() => {
                let by_cell = if by.is_empty() { " ".to_owned() } else { format!(" {by} ") };
                writeln!(after, "|{by_cell}| {what} | {} |", counts.get(*by).copied().unwrap_or(0)).unwrap();
                rows += 1;
            }
            _ => writeln!(after, "{line}").unwrap(),
        }
    }
    assert_eq!(rows, counts.len(), "a row for each way of checking");
    if env::var_os("COUNTERSIGN_BLESS").is_some() {
        fs::write(root().join("crates/countersign/catalogue/README.md"), &after).unwrap();
    } else {
        assert_eq!(after, before, "run this test with COUNTERSIGN_BLESS=1");
    }
}

#[test]
fn the_main_readme_does_not_overstate_the_number_of_providers() {
    let readme = include_str!("../../README.md");
    let counted = readme.split("more than ").skip(1).filter_map(|rest| rest.split_once(" providers"));
    let numbers: Vec<usize> = counted.filter_map(|(number, _)| number.parse().ok()).collect();
    assert!(!numbers.is_empty() && numbers.iter().all(|number| *number < providers::ALL.len()), "{numbers:?}");
}

/// The configuration that a provider's page shows, with the secret and the credential for keys from files.
fn configuration(provider: Provider, secret: &str, credential: &str) -> String {
    let output = Command::new(program()).args(["providers", provider.id()]).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = page.split_once("For countersign.toml:\n").unwrap();
    let (snippet, rest) = rest.split_once("\n\nIn Rust:\n").unwrap();
    assert!(rest.contains(&format!("providers::{}", provider.constant())), "{rest}");
    let mut pieces = snippet.split("\"env:");
    let first = pieces.next().unwrap().to_owned();
    let configured = pieces.fold(first, |text, piece| {
        let file = if text.ends_with("bearer = ") { credential } else { secret };
        format!("{text}\"file:{file}{}", &piece[piece.find('"').unwrap()..])
    });
    // A value that is valid for every setting; some become part of a URL.
    configured.replace("\"…\"", "\"example.com\"") + "\n"
}

#[test]
fn a_gateway_starts_with_what_every_page_says_to_configure() {
    let folder = env::temp_dir().join(format!("countersign-catalogue-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let credential = folder.join("credential");
    fs::write(&credential, "a-long-random-credential").unwrap();
    let mut config = "listen = \"127.0.0.1:0\"\n".to_owned();
    for provider in providers::ALL {
        let endpoint = Endpoint::find(provider.id());
        let secret = folder.join(format!("{}.secret", provider.id()));
        fs::write(&secret, endpoint.secret).unwrap();
        config.push_str(&configuration(*provider, secret.to_str().unwrap(), credential.to_str().unwrap()));
    }
    let path = folder.join("countersign.toml");
    fs::write(&path, config).unwrap();
    let line = first_line(Command::new(program()).arg("serve").arg("--config").arg(&path));
    fs::remove_dir_all(folder).unwrap();
    assert!(line.contains("listening on") && line.contains(&format!("({} endpoints)", providers::ALL.len())), "{line}");
}
