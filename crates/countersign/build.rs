//! Lists `catalogue/*.toml` as constants, so that a new provider is one new file and nothing else.

#![expect(clippy::disallowed_methods, reason = "a build script has no other way to learn its folders")]

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&root).join("catalogue");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut entries = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let id = stem.ok_or("a catalogue file name is not UTF-8")?.to_owned();
            entries.push(Entry { id, file: fs::read_to_string(&path)?.parse()? });
        }
    }
    entries.sort_by(|one, other| one.id.cmp(&other.id));
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalogue.rs"), code(&entries)?)?;
    Ok(())
}

/// A file of the catalogue. What is wrong with one is said by the test that reads them all; here it is left out.
struct Entry {
    id: String,
    file: toml::Table,
}

fn code(entries: &[Entry]) -> Result<String, std::fmt::Error> {
    let mut code = String::new();
    for entry in entries {
        let (id, constant) = (&entry.id, entry.constant());
        writeln!(code, "#[doc = {:?}]", entry.doc())?;
        writeln!(
            code,
            "pub const {constant}: Provider = Provider {{ id: \"{id}\", constant: \"{constant}\", toml: include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/catalogue/{id}.toml\")) }};"
        )?;
    }
    let names: Vec<String> = entries.iter().map(Entry::constant).collect();
    writeln!(code, "/// Every provider of the catalogue, ordered by id.")?;
    writeln!(code, "pub const ALL: &[Provider] = &[{}];", names.join(", "))?;
    // Looked up without reading a file: a gateway starts with the schemes that it uses, and no others.
    let mut aliases: Vec<_> =
        entries.iter().flat_map(|entry| entry.aliases().map(|alias| (alias, entry.constant()))).collect();
    aliases.sort();
    writeln!(code, "const ALIASES: &[(&str, Provider)] = &[")?;
    for (alias, constant) in aliases {
        writeln!(code, "    ({alias:?}, {constant}),")?;
    }
    writeln!(code, "];")?;
    Ok(code)
}

impl Entry {
    fn constant(&self) -> String {
        let name = self.id.replace('-', "_").to_uppercase();
        if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
    }

    fn aliases(&self) -> impl Iterator<Item = &str> {
        let aliases = self.file.get("aliases").and_then(toml::Value::as_array);
        aliases.into_iter().flatten().filter_map(toml::Value::as_str)
    }

    /// One line for the constant's documentation, and one for its source.
    fn doc(&self) -> String {
        let name = escaped(text(&self.file, "name").unwrap_or(&self.id));
        let mut doc = format!("{name} (`{}`)", self.id);
        if let Some(signature) = self.file.get("signature").and_then(toml::Value::as_table) {
            if let Some(algorithm) = text(signature, "algorithm") {
                doc.extend([format!(": `{}`", code_text(algorithm))]);
            }
            if let Some(header) = header(signature) {
                doc.extend([format!(" in the header `{}`", code_text(header))]);
            }
        }
        doc.push('.');
        if let Some(source) = text(&self.file, "source").filter(|source| is_link(source)) {
            doc.extend([format!("\n\nSource: <{source}>")]);
        }
        doc
    }
}

fn text<'a>(table: &'a toml::Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(toml::Value::as_str)
}

/// The signature's header, the first if there are several.
fn header(signature: &toml::Table) -> Option<&str> {
    let header = signature.get("header")?;
    header.as_str().or_else(|| header.as_array()?.first()?.as_str())
}

/// Whether the text can stand between angle brackets as it is.
fn is_link(source: &str) -> bool {
    let is_web = source.starts_with("https://") || source.starts_with("http://");
    is_web && source.chars().all(|c| c.is_ascii_graphic() && !"<>\"`\\^{|}".contains(c))
}

/// Text that Markdown shows as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
    }
    escaped
}

/// Text for between backticks, where nothing but a backtick or the line's end can go wrong.
fn code_text(text: &str) -> String {
    text.replace(|c: char| c == '`' || c.is_control(), " ")
}
