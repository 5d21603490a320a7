//! Checks that `ADVERSARY.md` and the tests agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use countersign_tests::program::root;

/// The rows, and the tests of each.
fn rows() -> BTreeMap<String, Vec<String>> {
    let page = fs::read_to_string(root().join("tests/ADVERSARY.md")).unwrap();
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = cells.map(|line| line.split(" | ").collect::<Vec<_>>());
    let names = |tests: &str| tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let rows: Vec<_> = cells.filter(|cells| cells.len() == 3 && is_row(cells[0])).collect();
    let table: BTreeMap<String, Vec<String>> =
        rows.iter().map(|cells| (cells[0].to_owned(), names(cells[2]))).collect();
    assert_eq!(table.len(), rows.len(), "a row is listed twice");
    table
}

/// The rows in the section "What no socket shows".
fn beyond_sockets() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("tests/ADVERSARY.md")).unwrap();
    let (_, section) = page.split_once("## What no socket shows").unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    cells.flat_map(|(rows, _)| rows.split(", ")).filter(|row| is_row(row)).map(str::to_owned).collect()
}

fn is_row(cell: &str) -> bool {
    cell.starts_with(['A', 'B', 'C', 'D', 'E']) && cell[1..].parse::<u8>().is_ok()
}

/// The names of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    tests_below(&["crates", "tests/tests", "tests/src"])
}

fn tests_below(folders: &[&str]) -> BTreeSet<String> {
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut tests = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                tests.extend(tests_in(&path));
            }
        }
    }
    tests
}

fn tests_in(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with("//")) {
            tests.push(rest.split(['(', '<']).next().unwrap().to_owned());
            is_test = false;
        }
    }
    tests
}

/// The row in the name of a test, such as `a12` or `e4`.
fn row_of(test: &str) -> Option<String> {
    let row = test.split('_').next()?.to_uppercase();
    is_row(&row).then_some(row)
}

#[test]
fn every_row_has_tests_that_exist() {
    let (rows, tests) = (rows(), tests());
    let count = |letter: &str| rows.keys().filter(|row| row.starts_with(letter)).count();
    assert_eq!(["A", "B", "C", "D", "E"].map(count), [13, 10, 7, 10, 11]);
    for (row, named) in &rows {
        assert!(!named.is_empty(), "{row} has no test");
        for name in named {
            assert!(tests.contains(name), "{row}: there is no test `{name}`");
        }
    }
}

#[test]
fn every_test_of_a_row_is_in_the_table() {
    let rows = rows();
    let of_rows: Vec<(String, String)> = tests().into_iter().filter_map(|test| Some((row_of(&test)?, test))).collect();
    assert!(of_rows.len() > 60);
    for (row, test) in of_rows {
        assert!(rows.get(&row).is_some_and(|named| named.contains(&test)), "`{test}` is missing in ADVERSARY.md");
    }
}

#[test]
fn every_row_is_shown_on_sockets_or_the_page_says_why_not() {
    let (beyond, on_sockets) =
        (beyond_sockets(), tests_below(&["tests/tests/adversary", "crates/countersign-cli/tests"]));
    for (row, named) in rows() {
        let is_shown = named.iter().any(|name| on_sockets.contains(name));
        assert!(is_shown != beyond.contains(&row), "{row}: on sockets is {is_shown}, and the page says otherwise");
    }
}
