//! Printing: colours, standard output and error, and control characters made visible.

use std::{
    borrow::Cow,
    env, fmt,
    io::{self, IsTerminal, Write},
};

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colours: bool,
}

impl Style {
    /// Colours if standard output is a terminal that has them and `NO_COLOR` is not set.
    pub(crate) fn of_stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colours: io::stdout().is_terminal() && !unwanted && !dumb }
    }

    pub(crate) fn good(self, text: impl fmt::Display) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(self, text: impl fmt::Display) -> String {
        self.paint("31", text)
    }

    pub(crate) fn bold(self, text: impl fmt::Display) -> String {
        self.paint("1", text)
    }

    pub(crate) fn faint(self, text: impl fmt::Display) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: impl fmt::Display) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// Writes a line, or several, to standard output. A reader that went away, such as `head`, is not an error.
pub(crate) fn line(text: impl fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", escaped(&text.to_string())).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints what is wrong on standard error.
pub(crate) fn print_error(message: &str) {
    eprintln!("countersign: {}", escaped(message));
}

/// The text with all characters escaped that could [control](controls_terminal) the terminal: what is printed may come
/// from a request, or from a file that somebody else wrote. Our own colours, line ends and tabs stay. JSON keeps its
/// meaning.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(controls_terminal) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = COLOURS.iter().find(|colour| rest.starts_with(**colour));
        let taken = colour.map_or(c.len_utf8(), |colour| colour.len());
        if colour.is_none() && controls_terminal(c) {
            shown.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    Cow::Owned(shown)
}

/// Whether a terminal could take the character for a command, or show the text around it in another order
/// (Unicode Standard Annex #9, section 2).
fn controls_terminal(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Some readers end a line there.
    let separates = matches!(c, '\u{2028}' | '\u{2029}');
    reorders || separates || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The escape sequences that [`Style`] writes.
const COLOURS: [&str; 5] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m"];

/// Text from a request as a single line: its control characters are escaped, line ends included.
pub(crate) fn escaped_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || controls_terminal(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// `yes` or `no`.
pub(crate) fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::{Style, escaped, escaped_line};

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(escaped_line("a\x1b[31mé\n"), "a\\u{1b}[31mé\\n");
    }

    #[test]
    fn only_our_own_colours_reach_the_terminal() {
        let style = Style { colours: true };
        for ours in [style.good("é"), style.bad("b"), style.bold("c"), style.faint("d"), "a\tb\nc".to_owned()] {
            assert_eq!(escaped(&ours), ours);
        }
        assert_eq!(
            escaped("\x1b]0;x\x07\r\x1b[2J\x1b[33m\u{9b}1m"),
            r"\u001b]0;x\u0007\u000d\u001b[2J\u001b[33m\u009b1m"
        );
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let json = serde_json::json!({ "a": "\u{9b}31m\u{7f}\x1b[31m\n\u{202e}exe.\u{2066}\u{2028}" });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped(&json.to_string())).ok(), Some(json));
    }
}
