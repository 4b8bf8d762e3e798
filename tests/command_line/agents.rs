//! The real agents, installed from their packages, each in a sandbox of its own and with a key that it never sees. The
//! model is played by `model/server.mjs` on this computer, in each provider's own protocol; everything else is real.

use sandbox_engine::agents::{self, start::with_flags};
use sandbox_engine::credentials::{Kept, Place};

use crate::bench_of_one::Bench;
use crate::model::{KEY, Model};

/// A sandbox of an agent, whose key of this provider is for the played model.
fn run(agent: &str, provider: &str, setup: &str, command: &str) {
    let model = Model::start();
    let bench = Bench::new();
    // A server of the user's own states the whole address, as its own programs would be told it.
    let path = if provider == "own" { "/v1" } else { "" };
    let server = format!("http://127.0.0.1:{}{path}", model.port);
    bench.keep_key(provider, KEY, &["--server", &server, "--model", "m"]);
    let project = bench.project();
    let project = project.to_str().unwrap();
    let made = bench.run(["create", "--json", "--agent", agent, project]);
    let id = made.ended(0).json()["id"].as_str().unwrap().to_owned();

    let kept = Kept {
        provider: provider.to_owned(),
        place: Place::File,
        since: 0,
        server: Some(server),
        model: Some("m".to_owned()),
    };
    let recipe = agents::built_in()
        .iter()
        .find(|one| one.id == agent)
        .unwrap();
    let command = with_flags(recipe, command, &[kept]);
    let env: Vec<String> = recipe
        .env
        .iter()
        .map(|(name, value)| format!("{name}='{value}'"))
        .collect();
    let script = format!(
        "export {} _=; {setup}\ntimeout 120 {command} </dev/null",
        env.join(" ")
    );
    let said = bench.run(["exec", &id, "--", "bash", "-c", &script]);
    let asked = model.said();
    assert_eq!(said.code, 0, "{}\n{}\n{asked:?}", said.out, said.err);
    assert!(
        said.out.contains("Finished."),
        "{}\n{}\n{asked:?}",
        said.out,
        said.err
    );
    assert!(
        !said.out.contains(KEY) && !said.err.contains(KEY),
        "what comes back is masked"
    );
    assert!(
        asked.iter().any(|line| line.starts_with("right POST")),
        "{asked:?}"
    );
    assert!(
        asked.iter().all(|line| line.starts_with("right ")),
        "{asked:?}"
    );

    let changes = bench.run(["changes", &id, "--json"]).ended(0).json();
    let paths: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"made.txt"), "{agent} changed {paths:?}");
    let diff = bench.run(["diff", &id, "made.txt"]).ended(0).out;
    assert!(diff.contains("+made by"), "{diff}");
}

#[test]
fn claude_code_works_in_a_sandbox() {
    run(
        "claude",
        "anthropic",
        "",
        "claude -p 'Make a file' --dangerously-skip-permissions",
    );
}

#[test]
fn codex_works_in_a_sandbox() {
    run(
        "codex",
        "openai",
        "",
        "codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox 'Make a file'",
    );
}

#[test]
fn opencode_works_in_a_sandbox() {
    run("opencode", "own", "", "opencode run 'Make a file'");
}

#[test]
fn gemini_works_in_a_sandbox() {
    run(
        "gemini",
        "google",
        "",
        "gemini -y -m gemini-2.5-flash -p 'Make a file'",
    );
}

#[test]
fn aider_works_in_a_sandbox() {
    run("aider", "own", "", "aider --message 'Make a file'");
}
