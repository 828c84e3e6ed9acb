//! The benchmark itself works: every reference serves the load generator, and every figure is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails may panic")]

use std::process::Command;

/// Runs the benchmark with its smallest sizes and gives the figures of the reference, by case and name.
fn quick(part: &str) -> Vec<(String, String, f64)> {
    let output = Command::new(env!("CARGO_BIN_EXE_parlor-bench"))
        .args([part, "--quick", "--reference-only", "--markdown"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let figure = |line: &str| {
        let cells = cells(line);
        (cells[1].clone(), cells[2].clone(), cells[4].replace(',', "").parse().expect("a figure"))
    };
    table.lines().skip(2).map(figure).collect()
}

fn check(part: &str, figures: usize) {
    let taken = quick(part);
    assert_eq!(taken.len(), figures, "{taken:?}");
    for (case, name, value) in taken {
        assert!(value > 0.0, "{case}: {name} is {value}");
    }
}

#[test]
fn fanout_reaches_every_reader() {
    check("fanout", 22);
}

#[test]
fn sends_are_stored_and_acknowledged() {
    check("sends", 6);
}

#[test]
fn idle_connections_are_counted_and_pinged() {
    check("idle", 4);
}

#[test]
fn those_who_enter_at_once_are_answered() {
    check("joins", 3);
}

#[test]
fn tokens_arrive_whole() {
    check("relay", 12);
}

#[test]
fn bytes_are_copied_with_their_hash() {
    check("files", 2);
}

#[test]
fn passages_are_found() {
    check("retrieval", 3);
}

#[test]
fn start_and_resumes_are_timed() {
    check("start", 4);
}
