use countersign::providers;

use crate::program::run;

#[test]
fn the_table_has_a_line_for_each_provider() {
    let ran = run(&["providers"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, providers::ALL.len() + 1));
    let github = ran.out.lines().find(|line| line.starts_with("github ")).unwrap();
    for word in ["GitHub", "devops", "hmac-sha256", "{body}", "not covered", "official SDK"] {
        assert!(github.contains(word), "{github}");
    }
}

#[test]
fn a_long_content_is_cut_in_the_table_and_not_elsewhere() {
    let ran = run(&["providers"]);
    let widest = ran.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 210, "{widest}");
    let line = ran.out.lines().find(|line| line.contains('…')).unwrap();
    let json = run(&["providers", line.split(' ').next().unwrap(), "--json"]).json();
    let begin = line.split('…').next().unwrap().rsplit("  ").next().unwrap();
    let signs = json["signs"].as_str().unwrap();
    assert!(signs.starts_with(begin) && signs.len() > begin.len(), "{begin}: {signs}");
}

#[test]
fn json_has_an_object_for_each_provider() {
    let all = run(&["providers", "--json"]).json();
    assert_eq!(all.as_array().unwrap().len(), providers::ALL.len());
    let one = run(&["providers", "stripe", "--json"]).json();
    assert_eq!((&one["id"], &one["event_id"]["covered"]), (&"stripe".into(), &true.into()));
    assert_eq!(one["toml"], providers::STRIPE.toml());
}

#[test]
fn one_provider_is_shown_with_its_file() {
    let ran = run(&["providers", "github"]);
    assert!(ran.out.contains("header `x-github-delivery` (covered by the signature: no)"), "{}", ran.out);
    assert!(ran.out.contains(providers::GITHUB.toml().trim_end()));
}

#[test]
fn the_file_alone_is_a_scheme_that_can_be_used() {
    for provider in providers::ALL {
        let ran = run(&["providers", provider.id(), "--toml"]);
        assert_eq!((ran.code, ran.out.trim_end()), (0, provider.toml().trim_end()));
    }
    assert_eq!(
        run(&["providers", "standardwebhooks", "--toml"]).out.trim_end(),
        providers::STANDARD_WEBHOOKS.toml().trim_end()
    );
}

#[test]
fn an_unknown_provider_is_a_mistake() {
    run(&["providers", "githb"]).is_mistake(&["did you mean `github`?"]);
    run(&["providers", "--toml"]).is_mistake(&["NAME"]);
}
