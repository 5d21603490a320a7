//! Lists `catalogue/*.toml` as constants, so that a new provider is one new file and nothing else.

#![expect(clippy::disallowed_methods, reason = "a build script has no other way to learn its folders")]

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&root).join("catalogue");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut ids = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            ids.push(stem.ok_or("a catalogue file name is not UTF-8")?.to_owned());
        }
    }
    ids.sort();

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
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalogue.rs"), code)?;
    Ok(())
}

fn constant(id: &str) -> String {
    id.replace('-', "_").to_uppercase()
}
