//! Finds the scheme for a command: a provider of the catalogue, or a scheme file.

use std::{fs, path::Path};

use countersign::{Provider, Scheme, providers};

use crate::failure::Failure;

/// The scheme of a provider of the catalogue.
pub(crate) fn provider(id: &str) -> Result<Scheme, Failure> {
    let provider = find(id)?;
    provider.scheme().map_err(|error| Failure::new(format!("the catalogue's `{id}` is wrong: {error}")))
}

/// The provider with this id or alias.
pub(crate) fn find(id: &str) -> Result<Provider, Failure> {
    Provider::find(id).ok_or_else(|| {
        let similar = similar(id);
        let hint = similar.map(|known| format!("did you mean `{known}`? ")).unwrap_or_default();
        Failure::new(format!(
            "there is no provider `{id}` in the catalogue: {hint}`countersign providers` lists all of them; for any \
             other, write a scheme file"
        ))
    })
}

/// The scheme in a file; the file's name without its ending is the provider's id.
pub(crate) fn file(path: &Path) -> Result<Scheme, Failure> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let id = path.file_stem().map_or_else(|| "own".into(), |stem| stem.to_string_lossy().into_owned());
    Scheme::from_toml(id, &text).map_err(|error| {
        Failure::new(format!("{}:{}:{}: {}", path.display(), error.line(), error.column(), error.message()))
    })
}

/// The scheme that the command line names: a provider or a file, but not both.
pub(crate) fn either(id: Option<&str>, path: Option<&Path>) -> Result<Scheme, Failure> {
    match (id, path) {
        (Some(id), None) => provider(id),
        (None, Some(path)) => file(path),
        (Some(_), Some(_)) => Err(Failure::new("give a provider or --scheme FILE, not both")),
        (None, None) => Err(Failure::new(
            "no provider: name one that `countersign providers` lists, or a scheme file of your own with --scheme FILE",
        )),
    }
}

/// The scheme, and the file of the request. With --scheme, the first positional argument is the request.
pub(crate) fn before_request<'a>(
    id: Option<&'a str>,
    scheme: Option<&Path>,
    request: Option<&'a Path>,
) -> Result<(Scheme, Option<&'a Path>), Failure> {
    match (scheme, request) {
        (Some(path), None) => Ok((file(path)?, id.map(Path::new))),
        (scheme, request) => Ok((either(id, scheme)?, request)),
    }
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be read: {error}", path.display()))
}

/// The provider that was probably meant: the same in another case, one letter off, or with the same beginning.
fn similar(id: &str) -> Option<&'static str> {
    let id = id.to_lowercase();
    let is_alike = |known: &&str| id.len() >= 3 && (known.starts_with(&id) || id.starts_with(*known));
    let known = || providers::ALL.iter().map(|provider| provider.id());
    let same = known().find(|known| *known == id);
    let apart = || known().find(|known| id.len() >= 3 && one_apart(known, &id));
    same.or_else(apart).or_else(|| known().find(is_alike))
}

/// Whether the texts differ by one letter that is added, left out, changed or swapped with its neighbour.
fn one_apart(a: &str, b: &str) -> bool {
    let same_start = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a.as_bytes()[same_start..], &b.as_bytes()[same_start..]);
    let skip = |text: &'_ [u8], count: usize| text.get(count..).map(<[u8]>::to_vec);
    let swapped = a.len() >= 2 && b.len() >= 2 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
    swapped || skip(a, 1) == skip(b, 1) || skip(a, 1) == skip(b, 0) || skip(a, 0) == skip(b, 1)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_misspelt_provider_gets_the_right_name() {
        for wrong in ["strpe", "stripee", "srtipe", "Stripe"] {
            assert!(find(wrong).unwrap_err().to_string().contains("did you mean `stripe`?"), "{wrong}");
        }
        assert!(!find("zz").unwrap_err().to_string().contains("did you mean"));
    }
}
