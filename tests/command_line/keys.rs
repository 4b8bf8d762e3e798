//! Keys: used by sandboxes, found nowhere.

use std::process::Command;

use crate::bench_of_one::{Bench, Said, feed};
use crate::model::{KEY, Model};

fn sh(bench: &Bench, id: &str, script: &str) -> Said {
    bench.run(["exec", id, "--", "bash", "-c", script])
}

/// What the engine says of both containers, and what they said.
fn told(id: &str) -> String {
    let names = [
        format!("agent-sandbox-{id}"),
        format!("agent-sandbox-{id}-gateway"),
    ];
    let mut all = String::new();
    for verb in ["inspect", "logs", "top"] {
        for name in &names {
            let said = Command::new("docker").args([verb, name]).output().unwrap();
            all += &String::from_utf8_lossy(&said.stdout);
            all += &String::from_utf8_lossy(&said.stderr);
        }
    }
    assert!(
        all.contains("gateway"),
        "the probe looks at something: {all}"
    );
    all
}

/// Files of a folder that hold a text.
fn holding(folder: &std::path::Path, text: &str) -> Vec<String> {
    let said = Command::new("grep")
        .args(["-rlaF", text])
        .arg(folder)
        .output()
        .unwrap();
    String::from_utf8_lossy(&said.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_key_is_used_and_found_nowhere() {
    let model = Model::start();
    let bench = Bench::new();
    let server = format!("http://127.0.0.1:{}", model.port);
    bench.keep_key("openai", KEY, &["--server", &server]);
    let project = bench.project();
    let made = bench.run([
        "create",
        "--json",
        "--key",
        "openai",
        project.to_str().unwrap(),
    ]);
    let id = made.ended(0).json()["id"].as_str().unwrap().to_owned();

    let ask = "curl -sS -i -m 60 \"$OPENAI_BASE_URL/chat/completions\" -H \"Authorization: Bearer $OPENAI_API_KEY\" \
               -H 'Content-Type: application/json' -d '{\"messages\":[]}'";
    let said = sh(&bench, &id, ask).ended(0);
    assert!(said.out.contains("Finished."), "{} {}", said.out, said.err);
    assert!(
        said.out.contains("***") && !said.out.contains(KEY),
        "{}",
        said.out
    );
    assert_eq!(model.said(), ["right POST /v1/chat/completions"]);
    // Another path of the account, another provider, the key asked back by an error.
    for (path, status) in [
        ("/keys/openai/v1/organization/admin_api_keys", "403"),
        ("/keys/anthropic/v1/messages", "404"),
        ("/keys/openai/v1/models", "404"),
    ] {
        let script = format!("curl -s -m 60 -i http://127.0.0.1:3128{path}");
        let said = sh(&bench, &id, &script).ended(0);
        assert!(
            said.out.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {}",
            said.out
        );
        assert!(!said.out.contains(KEY), "{path}: {}", said.out);
    }

    // From inside: every process's environment, arguments and memory maps, and every file that can be read. The key is
    // put together there, so that the search does not find itself.
    let (head, tail) = KEY.split_at(9);
    let search = |text: &str| {
        let (head, tail) = text.split_at(9);
        format!(
            "k={head}; k=$k{tail}; for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do tr '\\0' '\\n' < $f | grep -aF \"$k\" && echo \"$f\"; done 2>/dev/null; \
             grep -rlaF --exclude-dir=proc --exclude-dir=sys \"$k\" /etc /home /opt/agent-sandbox /run /tmp /var /workspace /dev/shm 2>/dev/null; true"
        )
    };
    let said = sh(&bench, &id, &search(KEY)).ended(0);
    assert_eq!(said.out.trim(), "", "found inside");
    sh(&bench, &id, "printf %s planted-canary-1 > ~/planted; (PLANTED=planted-canary-2 sleep 60 >/dev/null 2>&1 &)").ended(0);
    for planted in ["planted-canary-1", "planted-canary-2"] {
        let said = sh(&bench, &id, &search(planted)).ended(0);
        assert_ne!(said.out.trim(), "", "the search would find it: {planted}");
    }

    // From outside.
    let all = told(&id);
    assert!(
        !all.contains(KEY) && !all.contains(head) && !all.contains(tail),
        "{all}"
    );
    let status = bench.run(["key", "list", "--json"]).ended(0);
    assert_eq!(status.json()["keys"][0]["kept"], "file");
    assert!(!status.out.contains(KEY));
    let files = holding(&bench.data(), KEY);
    assert_eq!(
        files,
        [bench.data().join("keys/openai").to_string_lossy()],
        "only where it is kept"
    );

    // Taken away it is gone at once, also from the gateway.
    bench.run(["key", "remove", "openai"]).ended(0);
    let said = sh(
        &bench,
        &id,
        "curl -s -m 60 -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/keys/openai/v1/chat/completions -d {}",
    );
    assert_eq!(said.out, "404");
    assert_eq!(holding(&bench.data(), KEY), Vec::<String>::new());
    bench.run(["remove", &id]).ended(0);
}

#[test]
fn a_key_is_typed_or_read_and_kept_where_it_was_said() {
    let bench = Bench::new();
    // No keychain answers here: nothing is kept, and nothing is put anywhere else by itself.
    let mut child = bench.command(["key", "set", "anthropic", "--from-stdin"]);
    let said = feed(&mut child, KEY);
    assert_eq!(said.code, 1, "{} {}", said.out, said.err);
    assert!(
        said.err.contains("keychain") && said.err.contains("--keep file"),
        "{}",
        said.err
    );
    assert!(!said.err.contains(KEY));
    assert_eq!(
        bench.run(["key", "list", "--json"]).ended(0).json()["keys"],
        serde_json::json!([])
    );
    assert_eq!(holding(&bench.data(), KEY), Vec::<String>::new());

    let said = bench.keep_key("anthropic", KEY, &["--json"]);
    assert_eq!(said.json()["kept"], "file");
    let agents = bench.run(["agents", "--json"]).ended(0).json();
    let claude = agents["agents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["id"] == "claude")
        .unwrap();
    assert_eq!(claude["needs"], "Uses your Anthropic key");
    let codex = agents["agents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["id"] == "codex")
        .unwrap();
    assert!(codex["needs"].as_str().unwrap().contains("needs a log-in"));

    for (args, code) in [
        (vec!["key", "set", "nobody", "--from-stdin"], 2),
        (vec!["key", "set", "openai"], 2),
        (vec!["key", "set", "own", "--no-key"], 1),
        (
            vec![
                "key",
                "set",
                "own",
                "--no-key",
                "--server",
                "http://llm.example.com",
            ],
            1,
        ),
        (vec!["key", "remove", "google"], 1),
        (vec!["key", "use", "nobody", "openai"], 1),
    ] {
        let said = bench.run_alone(&args);
        assert_eq!(said.code, code, "{args:?}: {} {}", said.out, said.err);
    }
    let mut child = bench.command(["key", "set", "openai", "--from-stdin", "--keep", "file"]);
    let said = feed(&mut child, "not a key");
    assert!(
        said.code == 2 && !said.err.contains("not a key"),
        "{}",
        said.err
    );
    bench.run_alone(["purge"]).ended(0);
    assert!(!bench.data().join("keys").exists());
}

#[test]
fn wiping_takes_the_log_ins_and_the_workspace_can_be_had_back() {
    let bench = Bench::new();
    let project = bench.project();
    let made = bench.run(["create", "--json", project.to_str().unwrap()]);
    let id = made.ended(0).json()["id"].as_str().unwrap().to_owned();
    sh(&bench, &id, "echo token > ~/.token; echo new > new.txt").ended(0);
    bench.run(["reset", &id]).ended(0);
    sh(
        &bench,
        &id,
        "test -e ~/.token && ! test -e new.txt && echo new > new.txt",
    )
    .ended(0);

    let wiped = bench.run(["reset", &id, "--wipe", "--json"]).ended(0);
    sh(
        &bench,
        &id,
        "! test -e ~/.token && ! test -e new.txt && test -e ~/.bashrc && touch ~/x",
    )
    .ended(0);
    let safety = wiped.json()["safety"].as_str().unwrap().to_owned();
    bench.run(["reset", &id, "--to", &safety]).ended(0);
    sh(&bench, &id, "test -e new.txt && test -e ~/x").ended(0);
    bench
        .run(["reset", &id, "--wipe", "--to", &safety])
        .ended(2);
    bench.run(["remove", &id]).ended(0);
}
