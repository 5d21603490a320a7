//! `countersign providers pages`.

use std::{collections::BTreeMap, fs, path::Path};

use countersign::providers;

use crate::program::{Folder, run};

/// Writes the pages, with these scheme files added, and reads them.
fn pages(folder: &Folder, own: &[&str]) -> BTreeMap<String, String> {
    let dir = folder.path("site").to_str().unwrap().to_owned();
    let mut args = vec!["providers", "pages", &dir];
    for path in own {
        args.extend(["--scheme", path]);
    }
    let ran = run(&args);
    assert_eq!(ran.code, 0, "{ran:?}");
    let entry =
        |path: &Path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap());
    fs::read_dir(&dir).unwrap().map(|file| entry(&file.unwrap().path())).collect()
}

/// The values of an attribute, as they are written.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(&format!(" {attribute}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The text that a reader sees, in one line.
fn text(page: &str) -> String {
    let body = page.split_once("<main").unwrap().1;
    let pieces = body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let text = pieces.collect::<Vec<_>>().join(" ");
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const OWN: &str = r#"
name = "<script>alert(1)</script>"
category = "\"><b>"
source = "javascript:alert(1)"
notes = "</style><img src=x onerror=alert(1)> and `<i>` and *<u>*"
[settings]
'<s"' = "</code></pre>"
[signature]
algorithm = "hmac-sha256"
header = "X-S"
value = "</pre><a href='x'>{hex}"
signs = '{setting:<s"}&amp;{body}'
"#;

#[test]
fn every_provider_has_a_page_and_every_link_leads_somewhere() {
    let folder = Folder::new();
    let pages = pages(&folder, &[]);
    assert_eq!(pages.len(), providers::ALL.len() + 1);
    for provider in providers::ALL {
        assert!(pages["index.html"].contains(&format!("href=\"{}.html\"", provider.id())), "{}", provider.id());
    }
    for (name, page) in &pages {
        for link in values(page, "href") {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            match link {
                web if web.starts_with("https://") || web.starts_with("http://") => {}
                _ if file.is_empty() => assert!(values(page, "id").contains(&fragment), "{name}: {link}"),
                _ => assert!(pages.contains_key(file), "{name}: {link}"),
            }
        }
    }
}

#[test]
fn a_page_says_what_the_terminal_says() {
    let folder = Folder::new();
    let pages = pages(&folder, &[]);
    for id in
        ["stripe", "github", "gitlab", "twilio-form", "cloudinary", "ms-graph", "upstash-qstash", "zoom", "notion"]
    {
        let page = text(&pages[&format!("{id}.html")]).replace(' ', "");
        for line in run(&["providers", id]).out.lines().filter(|line| !line.ends_with(':')) {
            // On a page, code is an element and not between backticks, and a list has only its order.
            let line = line.replace(['`', ' ', '*'], "").replace(&format!("({id})"), id);
            let page = page.replace(['`', '*'], "");
            assert!(line.split(':').all(|piece| page.contains(piece)), "{id}: {line}\n{page}");
        }
    }
}

#[test]
fn texts_of_scheme_files_stay_texts() {
    let folder = Folder::new();
    let own = folder.write("own.toml", OWN);
    let pages = pages(&folder, &[&own]);
    for page in [&pages["own.html"], &pages["index.html"]] {
        for wrong in [
            "<script>alert",
            "<img",
            "</style><img",
            "<i>",
            "<u>",
            "<s\"",
            "<a href='x'>",
            "javascript:alert(1)\"",
            "\"><b>",
        ] {
            assert!(!page.contains(wrong), "{wrong}");
        }
    }
    let read = text(&pages["own.html"]);
    for right in [
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "onerror=alert(1)> and <i> and <u>",
        "</code></pre>",
        "&amp;{body}",
    ] {
        assert!(read.contains(right), "{right} is not in {read}");
    }
    assert!(read.contains("scheme = \"own.toml\"") && read.contains("include_str!(\"own.toml\")"), "{read}");
}

#[test]
fn pages_load_nothing_and_run_nothing_but_the_filter() {
    let folder = Folder::new();
    for (name, page) in pages(&folder, &[]) {
        assert!(
            page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-"),
            "{name}"
        );
        for loading in [" src=", "<link", "<iframe", "@import", "url(", " style=", "innerHTML"] {
            let code =
                page.split("<main").next().unwrap().to_owned() + page.split("<script>").nth(1).unwrap_or_default();
            assert!(!code.contains(loading), "{name}: {loading}");
        }
        assert_eq!(page.matches("<script").count(), usize::from(name == "index.html"), "{name}");
        assert_eq!(page.contains("script-src 'sha256-"), name == "index.html", "{name}");
    }
}

#[test]
fn a_page_that_would_replace_another_is_not_made() {
    let folder = Folder::new();
    let dir = folder.path("site").to_str().unwrap().to_owned();
    let scheme = providers::GITHUB.toml();
    for (file, says) in
        [("index.toml", "a page `index` already"), ("Stripe.toml", "a page `Stripe`"), ("a b.toml", "`a b`")]
    {
        let own = folder.write(file, scheme);
        run(&["providers", "pages", &dir, "--scheme", &own]).is_mistake(&[says]);
        assert!(!Path::new(&dir).exists());
    }
    let file = folder.write("file", "");
    run(&["providers", "pages", &file]).is_mistake(&["cannot be written"]);
}
