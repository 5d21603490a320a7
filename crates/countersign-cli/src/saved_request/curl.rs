//! Parses a curl command for a POSIX shell, as browsers and request inspectors copy it.

use std::vec::IntoIter;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Uri, request::Parts};
use percent_encoding::percent_decode_str;

/// The request that the command would send. Nothing is run and no file is read.
pub(super) fn parse(bytes: &[u8]) -> Result<(Parts, Bytes), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the curl command is not UTF-8".to_owned())?;
    if text.lines().any(|line| line.ends_with('^')) {
        return Err("this is the curl command for Windows' `cmd`: copy the one for bash".to_owned());
    }
    let mut words = words(text)?.into_iter();
    let mut command = Command::default();
    words.next();
    while let Some(word) = words.next() {
        if word.starts_with("--") {
            command.long(&word, &mut words)?;
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            command.short(letters, &mut words)?;
        } else {
            command.set_url(word)?;
        }
    }
    command.request()
}

#[derive(Default)]
struct Command {
    method: Option<String>,
    url: Option<String>,
    /// Name and password.
    user: Option<String>,
    headers: Vec<(String, String)>,
    data: Option<String>,
    is_json: bool,
}

impl Command {
    /// Takes a long option, such as `--request POST` or `--request=POST`.
    fn long(&mut self, word: &str, words: &mut IntoIter<String>) -> Result<(), String> {
        let (option, attached) = word.split_once('=').map_or((word, None), |(option, value)| (option, Some(value)));
        self.option(option, attached, words).map(drop)
    }

    /// Takes the short options of one word, such as `-sXPOST`: the first with a value takes the rest of the word.
    fn short(&mut self, letters: &str, words: &mut IntoIter<String>) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let attached = Some(rest).filter(|rest| !rest.is_empty());
            if self.option(&format!("-{letter}"), attached, words)? {
                break;
            }
        }
        Ok(())
    }

    /// Takes one option; `true` if it has a value.
    fn option(&mut self, option: &str, attached: Option<&str>, words: &mut IntoIter<String>) -> Result<bool, String> {
        if NO_VALUE.contains(&option) {
            return Ok(false);
        }
        let missing = || format!("the option `{option}` of the curl command has no value");
        let mut value = || attached.map(str::to_owned).or_else(|| words.next()).ok_or_else(missing);
        if IGNORED.contains(&option) {
            value()?;
        } else if !self.take(option, value)? {
            return Err(format!(
                "the option `{option}` of the curl command is not supported: remove it, or save the request itself"
            ));
        }
        Ok(true)
    }

    /// Takes an option that has a value; `false` if it is unknown.
    fn take(&mut self, option: &str, value: impl FnOnce() -> Result<String, String>) -> Result<bool, String> {
        match option {
            "-X" | "--request" => self.method = Some(value()?),
            "--url" => self.set_url(value()?)?,
            "-u" | "--user" => {
                let user = Some(value()?).filter(|user| user.contains(':'));
                self.user = Some(
                    user.ok_or("the curl command has a user without a password, for which curl would prompt: add it")?,
                );
            }
            "-H" | "--header" => {
                let line = value()?;
                let (name, value) = line.split_once(':').ok_or("a header of the curl command has no colon")?;
                self.headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
            }
            "--data-raw" => self.add(value()?),
            "-d" | "--data" | "--data-ascii" | "--data-binary" | "--json" => {
                let data = value()?;
                if data.starts_with('@') {
                    return Err(
                        "the body of the curl command is in a file: save the request itself, with its body".to_owned()
                    );
                }
                self.is_json |= option == "--json";
                self.add(data);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_url(&mut self, url: String) -> Result<(), String> {
        match self.url.replace(url) {
            Some(_) => Err("the curl command has several URLs: keep one, or save the request itself".to_owned()),
            None => Ok(()),
        }
    }

    /// Adds data. curl joins several with `&`.
    fn add(&mut self, data: String) {
        self.data = Some(match self.data.take() {
            Some(before) => format!("{before}&{data}"),
            None => data,
        });
    }

    fn request(mut self) -> Result<(Parts, Bytes), String> {
        let url = self.url.take().ok_or("the curl command has no URL")?;
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let method = self.method.take().unwrap_or_else(|| if self.data.is_some() { "POST" } else { "GET" }.to_owned());
        if self.data.is_some() {
            let form_or_json = if self.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            self.add_header("Content-Type", form_or_json.to_owned());
        }
        if let Some(user) = self.user.take().map(String::into_bytes).or_else(|| user_of(&url)) {
            self.add_header("Authorization", format!("Basic {}", STANDARD.encode(user)));
        }
        let parts = super::head(&method, &url, self.headers)?;
        Ok((parts, self.data.unwrap_or_default().into()))
    }

    /// Adds a header that curl makes, unless the command has it.
    fn add_header(&mut self, name: &str, value: String) {
        if !self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            self.headers.push((name.to_owned(), value));
        }
    }
}

/// Name and password in front of the host of a URL, with a colon between them.
fn user_of(url: &str) -> Option<Vec<u8>> {
    let url: Uri = url.parse().ok()?;
    let (user, _) = url.authority()?.as_str().rsplit_once('@')?;
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    Some(percent_decode_str(name).chain(*b":").chain(percent_decode_str(password)).collect())
}

/// Splits a command into words as a POSIX shell does, with bash's `$'...'`. A variable of the shell is an error, since
/// its value is not known.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some('\r') if chars.next_if_eq(&'\n').is_some() => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' => quoted(&mut chars, word.get_or_insert_default(), Quote::Single)?,
            '"' => quoted(&mut chars, word.get_or_insert_default(), Quote::Double)?,
            '$' if chars.next_if_eq(&'\'').is_some() => {
                quoted(&mut chars, word.get_or_insert_default(), Quote::Ansi)?;
            }
            '$' if chars.peek().is_some_and(|c| begins_variable(*c)) => return Err(VARIABLE.to_owned()),
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Whether this character after a dollar sign begins a variable or a command.
fn begins_variable(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_{(".contains(c)
}

const VARIABLE: &str = "the curl command has a shell variable (`$…`), whose value is not known: replace it by its value, or put a backslash \
                        in front of a `$` that is not a variable";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    Single,
    Double,
    /// `$'...'`, in which `\n` is a line feed.
    Ansi,
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn quoted(chars: &mut Chars<'_>, word: &mut String, quote: Quote) -> Result<(), String> {
    let open = || "a quotation mark of the curl command is not closed".to_owned();
    let end = if quote == Quote::Double { '"' } else { '\'' };
    loop {
        match chars.next().ok_or_else(open)? {
            c if c == end => return Ok(()),
            '\\' if quote == Quote::Double => match chars.next().ok_or_else(open)? {
                '\n' => {}
                c if "$`\"\\".contains(c) => word.push(c),
                c => word.extend(['\\', c]),
            },
            '$' if quote == Quote::Double && chars.peek().is_some_and(|c| begins_variable(*c)) => {
                return Err(VARIABLE.to_owned());
            }
            '\\' if quote == Quote::Ansi => {
                word.push(ansi(chars).ok_or("an escape in the curl command is not supported")?);
            }
            c => word.push(c),
        }
    }
}

/// The character of an escape in `$'...'`, for the escapes that browsers write.
fn ansi(chars: &mut Chars<'_>) -> Option<char> {
    match chars.next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'x' => hex(chars, 2).filter(char::is_ascii),
        'u' => hex(chars, 4),
        'U' => hex(chars, 8),
        c if "\\'\"?".contains(c) => Some(c),
        _ => None,
    }
}

/// A character by its number in hex, of at most `most` digits; `None` for half of a surrogate pair.
fn hex(chars: &mut Chars<'_>, most: usize) -> Option<char> {
    let mut number = 0;
    for _ in 0..most {
        let Some(digit) = chars.next_if(char::is_ascii_hexdigit) else { break };
        number = number * 16 + digit.to_digit(16)?;
    }
    char::from_u32(number)
}

/// Options without a value that do not change what a signature covers.
const NO_VALUE: [&str; 25] = [
    "--basic",
    "--compressed",
    "--fail",
    "--globoff",
    "--http1.1",
    "--http2",
    "--include",
    "--insecure",
    "--location",
    "--no-buffer",
    "--show-error",
    "--silent",
    "--verbose",
    "-#",
    "-4",
    "-6",
    "-L",
    "-N",
    "-S",
    "-f",
    "-g",
    "-i",
    "-k",
    "-s",
    "-v",
];

/// Options with a value that do not change what a signature covers.
const IGNORED: [&str; 13] = [
    "--connect-timeout",
    "--cookie",
    "--max-time",
    "--output",
    "--referer",
    "--user-agent",
    "--write-out",
    "-A",
    "-b",
    "-e",
    "-m",
    "-o",
    "-w",
];

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_command_is_the_request_that_it_sends() {
        let text = "curl 'https://u:p@example.com:8443/in?a=1' \\\n  -H 'X-Sig: v1=ab' --header=\"X-Q: \\\"q\\\" \\d\" -s \\\n \
                    --data-raw $'{\"a\":\"it\\'s\\n\\u00e9\\u0021\"}' --compressed";
        let (parts, body) = parse(text.as_bytes()).unwrap();
        assert_eq!((parts.method.as_str(), parts.uri.to_string()), ("POST", "/in?a=1".to_owned()));
        assert_eq!(
            (&parts.headers["x-sig"], &parts.headers["host"]),
            (&"v1=ab".parse().unwrap(), &"example.com:8443".parse().unwrap())
        );
        assert_eq!(parts.headers["x-q"], "\"q\" \\d");
        assert_eq!(&*body, "{\"a\":\"it's\né!\"}".as_bytes());
    }

    #[test]
    fn what_only_a_shell_knows_is_asked_for() {
        for command in ["curl a -H \"X-T: $SECRET\"", "curl a -H X-T:${SECRET}", "curl a -d \"$(cat body)\""] {
            assert!(parse(command.as_bytes()).unwrap_err().contains("variable"), "{command}");
        }
        assert_eq!(parse(b"curl a -d 'cost: $5' -d \"\\$6\" -d $").unwrap().1, "cost: $5&$6&$");
        assert!(parse(b"curl \"http://a/\" ^\r\n  -H \"X-Sig: 1\"").unwrap_err().contains("the one for bash"));
    }

    #[test]
    fn short_options_may_have_their_value_attached() {
        let (parts, body) = parse(b"curl -XPUT -d a=1 -d 'b=2' example.com").unwrap();
        assert_eq!((parts.method.as_str(), &*body), ("PUT", &b"a=1&b=2"[..]));
        assert_eq!(parts.headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(parse(b"curl http://a/").unwrap().0.method, "GET");
    }

    #[test]
    fn short_options_may_stand_in_one_word() {
        let (parts, body) = parse(b"curl http://a/hooks -sX PUT -vd '{}' -kH'X-Token: t' -sSfL").unwrap();
        assert_eq!((parts.method.as_str(), parts.uri.path(), &*body), ("PUT", "/hooks", &b"{}"[..]));
        assert_eq!([&parts.headers["x-token"], &parts.headers["host"]], ["t", "a"]);
        assert_eq!(parse(b"curl -sXPUT a").unwrap().0.method, "PUT");
    }

    /// The credentials of RFC 7617 section 2, with an escape where they stand in a URL.
    #[test]
    fn a_user_and_password_become_the_header_of_basic_authentication() {
        let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        for command in [
            "curl -u 'Aladdin:open sesame' a",
            "curl -su'Aladdin:open sesame' a",
            "curl --user='Aladdin:open sesame' http://other:one@a/",
            "curl http://Aladdin:open%20sesame@a/",
            "curl http://Aladdin:no@a/ -H 'authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='",
        ] {
            let (parts, _) = parse(command.as_bytes()).unwrap();
            let given: Vec<_> = parts.headers.get_all("authorization").iter().collect();
            assert_eq!(given, [basic], "{command}");
            assert_eq!(parts.headers["host"], "a", "{command}");
        }
        assert_eq!(parse(b"curl http://user@a/").unwrap().0.headers["authorization"], "Basic dXNlcjo=");
    }

    #[test]
    fn json_has_one_content_type() {
        let types = |command: &[u8]| {
            let parts = parse(command).unwrap().0;
            parts.headers.get_all("content-type").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        let given: Vec<String> = types(b"curl a --json {} -H 'Content-Type: application/cloudevents+json'");
        assert_eq!(given, ["application/cloudevents+json"]);
        assert_eq!(types(b"curl a --json {}"), ["application/json"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for wrong in [
            "curl",
            "curl -H",
            "curl 'a",
            "curl a -H b",
            "curl a -d @file",
            "curl a -F b=c",
            "curl a -sF b=c",
            "curl a -sX",
            "curl a b",
            "curl a --url b",
            "curl a -u user",
            "curl a -d $'\\q'",
            "curl a -d $'\\ud800'",
        ] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
