//! Lists `catalogue/*.toml` as constants, so that a new provider is one new file and nothing else.

#![expect(clippy::disallowed_methods, reason = "a build script has no other way to learn its folders")]

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&root).join("catalogue");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut ids = Vec::new();
    let mut aliases = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let id = stem.ok_or("a catalogue file name is not UTF-8")?.to_owned();
            let listed =
                aliases_of(&fs::read_to_string(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
            aliases.extend(listed.into_iter().map(|alias| (alias, id.clone())));
            ids.push(id);
        }
    }
    ids.sort();
    aliases.sort();

    let mut code = String::new();
    for id in &ids {
        let name = constant(id);
        writeln!(code, "#[doc = \"The provider `{id}`.\"]")?;
        writeln!(
            code,
            "pub const {name}: Provider = Provider {{ id: \"{id}\", toml: include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/catalogue/{id}.toml\")) }};"
        )?;
    }
    let names: Vec<String> = ids.iter().map(|id| constant(id)).collect();
    writeln!(code, "/// Every provider of the catalogue, ordered by id.")?;
    writeln!(code, "pub const ALL: &[Provider] = &[{}];", names.join(", "))?;
    // Looked up without reading a file: a gateway starts with the schemes that it uses, and no others.
    writeln!(code, "const ALIASES: &[(&str, Provider)] = &[")?;
    for (alias, id) in &aliases {
        writeln!(code, "    (\"{alias}\", {}),", constant(id))?;
    }
    writeln!(code, "];")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalogue.rs"), code)?;
    Ok(())
}

/// What is wrong with a file is said by the test that reads them all; here a missing list is an empty one.
fn aliases_of(file: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let table: toml::Table = file.parse()?;
    let aliases = table.get("aliases").and_then(toml::Value::as_array);
    Ok(aliases.into_iter().flatten().filter_map(|alias| alias.as_str().map(str::to_owned)).collect())
}

fn constant(id: &str) -> String {
    id.replace('-', "_").to_uppercase()
}
