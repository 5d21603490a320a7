//! Reads a curl command, as browsers and request inspectors copy it, for a POSIX shell.

use bytes::Bytes;
use http::request::Parts;

/// The request that the command would send. Nothing is run and no file is read.
pub(super) fn parse(bytes: &[u8]) -> Result<(Parts, Bytes), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the curl command is not UTF-8".to_owned())?;
    let mut words = words(text)?.into_iter().skip(1);
    let mut command = Command::default();
    while let Some(word) = words.next() {
        let (option, attached) = split(&word);
        if NO_VALUE.contains(&option) {
            continue;
        }
        if !word.starts_with('-') {
            command.url = Some(word);
            continue;
        }
        let missing = || format!("the option `{option}` of the curl command has no value");
        let mut value = || attached.map(str::to_owned).or_else(|| words.next()).ok_or_else(missing);
        if IGNORED.contains(&option) {
            value()?;
        } else if !command.take(option, value)? {
            return Err(format!(
                "the option `{option}` of the curl command is not understood: leave it away, or save the request"
            ));
        }
    }
    command.request()
}

#[derive(Default)]
struct Command {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    data: Option<String>,
}

impl Command {
    /// Takes one option; `false` if it is unknown.
    fn take(&mut self, option: &str, value: impl FnOnce() -> Result<String, String>) -> Result<bool, String> {
        match option {
            "-X" | "--request" => self.method = Some(value()?),
            "--url" => self.url = Some(value()?),
            "-H" | "--header" => {
                let line = value()?;
                let (name, value) = line.split_once(':').ok_or("a header of the curl command has no colon")?;
                self.headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
            }
            "--data-raw" => self.add(value()?),
            "-d" | "--data" | "--data-ascii" | "--data-binary" | "--json" => {
                let data = value()?;
                if data.starts_with('@') {
                    return Err("the body of the curl command is in a file: save the request with its body".to_owned());
                }
                if option == "--json" {
                    self.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                }
                self.add(data);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Several are joined as those of a form.
    fn add(&mut self, data: String) {
        self.data = Some(match self.data.take() {
            Some(before) => format!("{before}&{data}"),
            None => data,
        });
    }

    fn request(mut self) -> Result<(Parts, Bytes), String> {
        let url = self.url.ok_or("the curl command has no URL")?;
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let method = self.method.unwrap_or_else(|| if self.data.is_some() { "POST" } else { "GET" }.to_owned());
        if self.data.is_some() && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            self.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        let parts = super::head(&method, &url, self.headers)?;
        Ok((parts, self.data.unwrap_or_default().into()))
    }
}

/// `-XPOST` and `--request=POST` are one word each.
fn split(word: &str) -> (&str, Option<&str>) {
    let is_short = word.starts_with('-') && !word.starts_with("--");
    match word.split_at_checked(2) {
        Some((option, value)) if is_short && !value.is_empty() && !NO_VALUE.contains(&word) => (option, Some(value)),
        _ => match word.split_once('=').filter(|_| word.starts_with("--")) {
            Some((option, value)) => (option, Some(value)),
            None => (word, None),
        },
    }
}

/// The words of a command, as a POSIX shell (and bash with its `$'...'`) takes them. Variables stay what they are.
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
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

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
            '\\' if quote == Quote::Ansi => {
                word.push(ansi(chars).ok_or("an escape of the curl command is not understood")?);
            }
            c => word.push(c),
        }
    }
}

/// The character that an escape of `$'...'` stands for, of those that browsers write.
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

/// A character by its number of at most so many digits. Half of a surrogate pair is none.
fn hex(chars: &mut Chars<'_>, most: usize) -> Option<char> {
    let mut number = 0;
    for _ in 0..most {
        let Some(digit) = chars.next_if(char::is_ascii_hexdigit) else { break };
        number = number * 16 + digit.to_digit(16)?;
    }
    char::from_u32(number)
}

/// Options that change nothing of the request that a signature covers.
const NO_VALUE: [&str; 17] = [
    "--compressed",
    "--fail",
    "--globoff",
    "--http1.1",
    "--http2",
    "--include",
    "--insecure",
    "--location",
    "--silent",
    "--verbose",
    "-L",
    "-f",
    "-g",
    "-i",
    "-k",
    "-s",
    "-v",
];

/// The same, with a value.
const IGNORED: [&str; 12] = [
    "--connect-timeout",
    "--cookie",
    "--max-time",
    "--output",
    "--referer",
    "--user",
    "--user-agent",
    "-A",
    "-b",
    "-e",
    "-o",
    "-u",
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
    fn short_options_may_have_their_value_attached() {
        let (parts, body) = parse(b"curl -XPUT -d a=1 -d 'b=2' example.com").unwrap();
        assert_eq!((parts.method.as_str(), &*body), ("PUT", &b"a=1&b=2"[..]));
        assert_eq!(parts.headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(parse(b"curl http://a/").unwrap().0.method, "GET");
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
            "curl a -d $'\\q'",
            "curl a -d $'\\ud800'",
        ] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
