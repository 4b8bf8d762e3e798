//! Cargo's part: tests whose lines are counted, and the bench.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::shell::{Failure, Shell};

/// What a run of tests came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// Failed, or could not be run.
    pub failed: u64,
    /// Names and reasons of what was skipped.
    pub skipped: Vec<String>,
    /// What this machine's kernel does not have, each once: the tests that ask went on with what it has.
    pub absent: BTreeSet<String>,
    /// What the tests that failed printed, line by line.
    pub failures: Vec<String>,
    /// The lines that come now are of tests that failed.
    pub failing: bool,
}

/// Lines kept of what failed tests print: the end is read, and one of them may print without end.
const FAILURE_LINES: usize = 400;

impl Count {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
        self.absent.extend(other.absent);
        self.failures.extend(other.failures);
    }

    /// Takes in one line of a test harness. Understands Rust's and vitest's.
    fn take(&mut self, line: &str) {
        let plain = without_colour(line);
        let line = plain.trim();
        match line {
            "failures:" => self.failing = true,
            "successes:" => self.failing = false,
            _ if line.starts_with("test result: ") => self.failing = false,
            _ if self.failing && self.failures.len() < FAILURE_LINES => {
                self.failures.push(plain.trim_end().to_owned());
            }
            _ => {}
        }
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.passed += number_before(rest, " passed");
            self.failed += number_before(rest, " failed");
            let ignored = number_before(rest, " ignored");
            if ignored > 0 {
                self.skipped.push(format!("{ignored} ignored test(s)"));
            }
        } else if let Some(rest) = line.strip_prefix("SKIPPED") {
            self.skipped
                .push(rest.trim_start_matches(':').trim().to_owned());
        } else if let Some(rest) = line.strip_prefix("NOT HERE: ") {
            self.absent.insert(rest.to_owned());
        } else if let Some(rest) = line.strip_prefix("Tests  ") {
            self.passed += number_before(rest, " passed");
            self.failed += number_before(rest, " failed");
            let left = number_before(rest, " skipped") + number_before(rest, " todo");
            if left > 0 {
                self.skipped
                    .push(format!("{left} test(s) of the interface"));
            }
        }
    }
}

fn without_colour(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            for c in rest.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn number_before(text: &str, word: &str) -> u64 {
    let Some(end) = text.find(word) else { return 0 };
    let digits = text[..end]
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// Runs a test program, shows its output and counts. A program that fails without a failed test counts as
/// one failure.
pub fn count(command: &mut Command) -> Result<Count, Failure> {
    println!("$ {}", format!("{command:?}").replace('"', ""));
    let mut child = command
        // A backtrace buries what the test said, and of a long run only the end is kept.
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| Failure::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
    let mut count = Count::default();
    if let Some(out) = child.stdout.take() {
        let mut reader = BufReader::new(out);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            count.take(&text);
            line.clear();
        }
    }
    let ended_well = child.wait().is_ok_and(|status| status.success());
    if !ended_well && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// Ratios beside peers. Each is printed with its own peer's figure of the same run.
pub fn bench(shell: &Shell, options: &[&str]) -> Result<(), Failure> {
    let run = |package: &str, example: &str, options: &[&str]| {
        let mut words = vec![
            "run",
            "--release",
            "-p",
            package,
            "--example",
            example,
            "--",
        ];
        words.extend(options);
        shell.run("cargo", &words)
    };
    run("sandbox-workspace", "bench_workspace", options)?;
    run("sandbox-review", "bench_review", &[])?;
    crate::ready::everything(shell)?;
    run("sandbox-tests", "bench_reset", &[])?;
    run("sandbox-tests", "bench_opening", &[])?;
    shell.run("cargo", &["build", "--release", "-p", "agent-sandbox"])?;
    run("sandbox-tests", "bench_window", &[])?;
    gateway(shell)
}

/// In a network of its own, in which loopback has a public address.
fn gateway(shell: &Shell) -> Result<(), Failure> {
    let example = [
        "--release",
        "-p",
        "sandbox-guest",
        "--example",
        "bench_gateway",
    ];
    shell.run("cargo", &[&["build"], &example[..]].concat())?;
    let bench = shell.path("target/release/examples/bench_gateway");
    let arch = std::env::consts::ARCH;
    let guest = shell.path(&format!(
        "target/{arch}-unknown-linux-musl/guest/sandbox-guest"
    ));
    let words = [
        "-n",
        "-m",
        &bench.to_string_lossy(),
        &guest.to_string_lossy(),
    ]
    .map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    shell.run("unshare", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_harnesses_are_counted() {
        let mut count = Count::default();
        count.take("test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out");
        count.take("\u{1b}[2m      Tests \u{1b}[22m \u{1b}[32m139 passed\u{1b}[39m (139)");
        count.take("SKIPPED: quota: no loop devices");
        count.take("NOT HERE: FAT: unknown filesystem type");
        count.take("NOT HERE: FAT: unknown filesystem type");
        assert_eq!((count.passed, count.failed), (151, 1));
        assert_eq!(count.absent.len(), 1);
        assert_eq!(
            count.skipped,
            ["2 ignored test(s)", "quota: no loop devices"]
        );
    }

    #[test]
    fn what_failed_tests_print_is_kept() {
        let mut count = Count::default();
        for line in [
            "successes:",
            "---- fine stdout ----",
            "failures:",
            "---- bad stdout ----",
            "  left: 1",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
            "afterwards",
        ] {
            count.take(line);
        }
        assert_eq!(count.failures, ["---- bad stdout ----", "  left: 1"]);
        let mut total = Count::default();
        total.add(count);
        assert_eq!((total.failed, total.failures.len()), (1, 2));
    }

    #[test]
    fn a_program_that_dies_counts_as_a_failure() {
        let dead = count(&mut Command::new("false")).expect("starts");
        assert_eq!(dead.failed, 1);
    }
}
