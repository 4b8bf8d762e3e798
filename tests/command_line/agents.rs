//! The real agents, installed from their packages, each in a sandbox of its own. The model is played by
//! `model/server.py` on the sandbox's loopback, in each provider's own protocol; everything else is real.

use std::io::Write;
use std::process::Stdio;

use crate::bench_of_one::Bench;

const SERVER: &str = include_str!("model/server.py");

/// Sets up, in the sandbox: the model server, then what the agent needs to find it.
fn run(agent: &str, setup: &str, command: &str) {
    let bench = Bench::new();
    let project = bench.project();
    let made = bench.run([
        "create",
        "--json",
        "--agent",
        agent,
        "--network",
        "offline",
        project.to_str().unwrap(),
    ]);
    let id = made.ended(0).json()["id"].as_str().unwrap().to_owned();
    let mut feeding = bench
        .command(["exec", &id, "--", "sh", "-c", "cat > /tmp/server.py"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    feeding
        .stdin
        .take()
        .unwrap()
        .write_all(SERVER.as_bytes())
        .unwrap();
    assert!(feeding.wait().unwrap().success());

    let script = format!(
        "(python3 /tmp/server.py 8099 >/tmp/server.log 2>&1 &)
         until curl -s -o /dev/null http://127.0.0.1:8099/; do sleep 0.1; done
         {setup}
         timeout 120 {command} </dev/null; status=$?; cat /tmp/server.log; exit $status"
    );
    let said = bench
        .run(["exec", &id, "--", "bash", "-c", &script])
        .ended(0);
    assert!(said.out.contains("Finished."), "{}\n{}", said.out, said.err);
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
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:8099 ANTHROPIC_API_KEY=dummy \
         CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
        "claude -p 'Make a file' --dangerously-skip-permissions",
    );
}

#[test]
fn codex_works_in_a_sandbox() {
    run(
        "codex",
        r#"mkdir -p ~/.codex; export PLAYED_KEY=dummy
           cat > ~/.codex/config.toml <<'END'
model = "m"
model_provider = "played"
[model_providers.played]
name = "played"
base_url = "http://127.0.0.1:8099/v1"
env_key = "PLAYED_KEY"
wire_api = "responses"
END"#,
        "codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox 'Make a file'",
    );
}

#[test]
fn opencode_works_in_a_sandbox() {
    run(
        "opencode",
        r#"export OPENCODE_CONFIG_CONTENT='{"provider":{"played":{"npm":"@ai-sdk/openai-compatible",
           "name":"Played","options":{"baseURL":"http://127.0.0.1:8099/v1","apiKey":"dummy"},
           "models":{"m":{"name":"m"}}}},"model":"played/m","small_model":"played/m",
           "autoupdate":false,"permission":{"bash":"allow","edit":"allow"}}'"#,
        "opencode run 'Make a file'",
    );
}

#[test]
fn gemini_works_in_a_sandbox() {
    run(
        "gemini",
        r#"mkdir -p ~/.gemini; export GEMINI_API_KEY=dummy GEMINI_CLI_TRUST_WORKSPACE=true
           export GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8099
           echo '{"security":{"auth":{"selectedType":"gemini-api-key"}}}' > ~/.gemini/settings.json"#,
        "gemini -y -m gemini-2.5-flash -p 'Make a file'",
    );
}
