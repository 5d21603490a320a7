use std::io::{BufRead, BufReader};

use crate::program::{Running, countersign, ran, run};

#[test]
fn every_verdict_of_the_demo_is_right() {
    let ran = run(&["demo", "--once"]);
    assert_eq!((ran.code, &*ran.err), (0, ""), "{}", ran.out);
    let rows = || ran.out.lines().filter(|line| line.ends_with('✓'));
    assert!(!ran.out.contains('✗'), "{}", ran.out);
    for kind in ["good", "replayed", "forged", "tampered", "stale", "oversized", "unsigned"] {
        assert!(rows().any(|row| row.contains(kind)), "{kind} is not in {}", ran.out);
    }
    let good = rows().filter(|row| row.contains(" good ")).count();
    assert!(good >= 6, "{}", ran.out);
    let sum =
        format!("{0} of {0} verdicts right; the handler ran {good} times, for {good} good deliveries", rows().count());
    assert_eq!(ran.out.lines().last(), Some(&*sum));
}

#[test]
fn a_port_that_is_taken_is_a_mistake() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    run(&["demo", "--once", "--port", &port]).is_mistake(&[&port, "cannot listen"]);
}

#[cfg(unix)]
#[test]
fn the_line_that_the_demo_prints_works_as_it_is() {
    let mut demo = Running(countersign().arg("demo").spawn().unwrap());
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains(" send stripe --to ")).unwrap();
    let secret_file = line.rsplit(' ').next().unwrap().to_owned();
    let send = |more: &str| {
        let mut shell = std::process::Command::new("sh");
        ran(shell.arg("-c").arg(format!("{}{more}", line.trim())).output().unwrap())
    };
    assert!(std::path::Path::new(&secret_file).exists());
    let answered = send("");
    assert!(answered.code == 0 && answered.out.starts_with("200 OK"), "{answered:?}");
    let answered = send(" --tamper body");
    assert!(answered.code == 0 && answered.out.starts_with("401 "), "{answered:?}");
    assert!(lines.any(|line| line.contains("accepted in ")));
    assert!(lines.any(|line| line.contains("refused: signature in ")));

    demo.signal(rustix::process::Signal::TERM);
    assert_eq!(demo.0.wait().unwrap().code(), Some(0));
    assert!(!std::path::Path::new(&secret_file).exists(), "the secrets are left behind");
}
