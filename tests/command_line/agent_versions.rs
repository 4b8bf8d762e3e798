//! An agent's versions: asked of its registry, tried, taken, gone back from. The agents are small packages that a
//! person names in `agents.toml`.

use std::fs;

use crate::bench_of_one::Bench;
use crate::network::{create, sh};

const OWN: &str = r#"
[[agent]]
id = "jay"
name = "Jay"
npm = "json5"
version = "2.2.0"
program = "json5"
start = "json5"

[[agent]]
id = "pie"
name = "Pie"
pip = "pyflakes"
version = "3.2.0"
program = "pyflakes"
start = "pyflakes"

[[agent]]
id = "shell"
name = "Twice"
"#;

fn bench() -> Bench {
    let bench = Bench::new();
    fs::create_dir_all(bench.data()).unwrap();
    fs::write(bench.data().join("agents.toml"), OWN).unwrap();
    bench
}

/// The version that sandboxes get from now on.
fn taken(bench: &Bench, agent: &str) -> String {
    let listed = bench.run(["agents", "--json"]).ended(0).json();
    let rows = listed["agents"].as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == agent).unwrap();
    row["version"].as_str().unwrap().to_owned()
}

fn numbers(version: &str) -> Vec<u64> {
    let one = |part: &str| part.parse().unwrap_or(0);
    version.trim().split('.').map(one).collect()
}

#[test]
fn a_newer_version_is_taken_once_it_installs_and_a_sandbox_gets_it_at_its_next_start() {
    let bench = bench();
    let id = create(&bench, &["--agent", "jay"]);
    let inside = || {
        sh(&bench, &id, "json5 --version")
            .ended(0)
            .out
            .trim()
            .to_owned()
    };
    let again = || {
        bench.run(["stop", id.as_str()]).ended(0);
        bench.run(["start", id.as_str()]).ended(0);
    };
    assert_eq!(inside(), "2.2.0");

    let updated = bench
        .run(["agents", "update", "jay", "--json"])
        .ended(0)
        .json();
    let newest = updated["version"].as_str().unwrap().to_owned();
    assert!(numbers(&newest) > numbers("2.2.0"), "{newest}");
    assert_eq!(taken(&bench, "jay"), newest);
    assert_eq!(inside(), "2.2.0", "what runs stays as it is");
    again();
    assert_eq!(inside(), newest);

    // One that there is not: the sandbox starts as it was, and says so.
    bench
        .run(["agents", "update", "jay", "--version", "99.0.0"])
        .ended(0);
    again();
    assert_eq!(inside(), newest);
    let log = bench.run(["activity", id.as_str()]).ended(0).out;
    assert!(
        log.contains("It was not updated, and started as it was"),
        "{log}"
    );

    bench.run(["agents", "update", "jay", "--tried"]).ended(0);
    assert_eq!(taken(&bench, "jay"), "2.2.0");
    again();
    assert_eq!(inside(), "2.2.0");
}

#[test]
fn python_packages_are_asked_for_likewise_and_what_is_wrong_is_said() {
    let bench = bench();
    let updated = bench
        .run(["agents", "update", "pie", "--json"])
        .ended(0)
        .json();
    let newest = updated["version"].as_str().unwrap();
    assert!(numbers(newest) > numbers("3.2.0"), "{newest}");
    assert_eq!(taken(&bench, "pie"), newest);

    let listed = bench.run(["agents"]).ended(0).out;
    assert!(
        listed.contains("agents.toml, line 18: there is an agent shell already"),
        "{listed}"
    );
    for (agent, version) in [("shell", "1.0"), ("nobody", "1.0"), ("pie", "1 && id")] {
        let said = bench.run(["agents", "update", agent, "--version", version]);
        assert_ne!(said.code, 0, "{agent} {version}");
        assert_eq!(taken(&bench, "pie"), newest);
    }
}
