//! The real agents, installed from their packages, each in a sandbox of its own and with a key that it never sees. The
//! model is played by `model/server.mjs` on this computer, in each provider's own protocol; everything else is real.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox_engine::SandboxId;
use sandbox_engine::agents::doing::Doing;
use sandbox_engine::agents::{self, start::with_flags};
use sandbox_engine::credentials::{Kept, Place};
use sandbox_engine::network::presets;
use sandbox_engine::terminal::{Attachment, Piece, TerminalHub, TerminalId};
use support::containers::search;
use tokio::time::Instant;

use crate::bench_of_one::{Bench, engine};
use crate::model::{KEY, Model};

/// A sandbox of an agent, whose key of this provider is for the played model.
fn make(agent: &str, provider: &str) -> (Model, Bench, SandboxId, Kept) {
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
    (model, bench, SandboxId::try_from(id).unwrap(), kept)
}

/// Every request carried the key, and nothing wrong.
fn asked_rightly(model: &Model) {
    let asked = model.said();
    assert!(
        asked.iter().any(|line| line.starts_with("right POST")),
        "{asked:?}"
    );
    assert!(
        asked.iter().all(|line| line.starts_with("right ")),
        "{asked:?}"
    );
}

fn made_a_file(bench: &Bench, id: &str) {
    let changes = bench.run(["changes", id, "--json"]).ended(0).json();
    let paths: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"made.txt"), "{paths:?}");
    let diff = bench.run(["diff", id, "made.txt"]).ended(0).out;
    assert!(diff.contains("+made by"), "{diff}");
}

/// Asked once, without a terminal.
#[tokio::main]
async fn run(agent: &str, provider: &str, command: &str) {
    let (model, bench, id, kept) = make(agent, provider);
    let recipe = agents::built_in()
        .iter()
        .find(|one| one.id == agent)
        .unwrap();
    let command = with_flags(recipe, command, &[kept]);
    let started = engine(&bench, search()).agent_start(&id).unwrap().unwrap();
    let env: Vec<String> = started
        .env
        .iter()
        .map(|(name, value)| format!("{name}='{value}'"))
        .collect();
    let script = format!(
        "export {} _=; timeout 120 {command} </dev/null",
        env.join(" ")
    );
    let said = bench.run(["exec", id.as_str(), "--", "bash", "-c", &script]);
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
    asked_rightly(&model);
    made_a_file(&bench, id.as_str());
}

const LONG: Duration = Duration::from_secs(180);

/// A terminal and what it shows, for as long as it is looked at.
struct Looked {
    hub: Arc<TerminalHub>,
    id: TerminalId,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Looked {
    async fn at(hub: Arc<TerminalHub>, id: TerminalId) -> Self {
        let mut reader: Attachment = hub.attach(id).await.unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            30.try_into().unwrap(),
            100.try_into().unwrap(),
            0,
        )));
        let shown = screen.clone();
        tokio::spawn(async move {
            while let Some(piece) = reader.next().await {
                match piece {
                    Piece::Screen(bytes) => shown.lock().unwrap().process(&bytes),
                    Piece::Output(bytes) => {
                        shown.lock().unwrap().process(&bytes);
                        reader.ack(bytes.len()).await.unwrap();
                    }
                    Piece::Ended(_) => return,
                }
            }
        });
        Self { hub, id, screen }
    }

    fn doing(&self) -> Doing {
        let all = self.hub.doing();
        let mine = all.iter().find(|(state, _)| state.id == self.id);
        mine.unwrap().1
    }

    fn shown(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let known = self.hub.known();
            assert!(
                begun.elapsed() < LONG,
                "{what}: {known:?}\n{}",
                self.shown()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn shows(&self, text: &str) {
        self.until(text, |it| it.shown().contains(text)).await;
    }
}

/// Started as the window starts it, by its own line, at its first start ever: it asks nothing, takes a prompt and does
/// it; then it is seen to wait, and no more once somebody types. Where it says what it shows then, it goes on with the
/// conversation when it is started again.
#[tokio::main]
async fn in_a_terminal(agent: &str, provider: &str, ready: &str, again: Option<&str>) {
    let (model, bench, id, _) = make(agent, provider);
    let engine = engine(&bench, search());
    let open = async || {
        let start = engine.agent_start(&id).unwrap().unwrap();
        let hub = engine.terminals(&id).await.unwrap();
        engine.ready_agent(&id).await.unwrap();
        let opened = hub.open(start.in_terminal(true, 100, 30)).await.unwrap();
        Looked::at(hub, opened.id).await
    };
    // As the window does: the played model is on this computer, and reached by the engine.
    engine.attend(&id);
    let terminal = open().await;
    terminal.shows(ready).await;
    assert_ne!(terminal.doing(), Doing::Waiting, "nothing was asked of it");

    let type_ = async |text: &str| {
        terminal
            .hub
            .input(terminal.id, text.as_bytes())
            .await
            .unwrap();
    };
    type_("Make a file").await;
    terminal.shows("Make a file").await;
    type_("\r").await;
    let made = engine.data().sandbox(&id).workspace().join("made.txt");
    terminal.until("a file is made", |_| made.exists()).await;
    terminal
        .until("it waits", |it| it.doing() == Doing::Waiting)
        .await;
    type_("\x1b[O").await;
    assert_eq!(terminal.doing(), Doing::Waiting, "the focus is no typing");
    type_("x").await;
    assert_ne!(terminal.doing(), Doing::Waiting);
    asked_rightly(&model);
    // Nor was a question asked about a site of which nothing is known. Some look for news and extensions of theirs on
    // GitHub, which is the user's to approve: everybody can be sent something there.
    let unknown = engine.asks(&id).into_iter().map(|ask| ask.host);
    let unknown: Vec<String> = unknown
        .filter(|host| presets::known_for(host).is_none() && host != "api.github.com")
        .collect();
    assert_eq!(unknown, [""; 0]);

    terminal.hub.close(terminal.id).await.unwrap();
    if let Some(shown) = again {
        let second = open().await;
        second.shows(ready).await;
        second.shows(shown).await;
        second.hub.close(second.id).await.unwrap();
    }
    made_a_file(&bench, id.as_str());
}

#[test]
fn claude_code_works_in_a_sandbox() {
    run(
        "claude",
        "anthropic",
        "claude -p 'Make a file' --dangerously-skip-permissions",
    );
}

#[test]
fn codex_works_in_a_sandbox() {
    run(
        "codex",
        "openai",
        "codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox 'Make a file'",
    );
}

#[test]
fn opencode_works_in_a_sandbox() {
    run("opencode", "own", "opencode run 'Make a file'");
}

#[test]
fn gemini_works_in_a_sandbox() {
    run(
        "gemini",
        "google",
        "gemini -y -m gemini-2.5-flash -p 'Make a file'",
    );
}

#[test]
fn aider_works_in_a_sandbox() {
    run("aider", "own", "aider --message 'Make a file'");
}

#[test]
fn claude_code_starts_without_a_question_and_tells_when_it_waits() {
    in_a_terminal(
        "claude",
        "anthropic",
        "bypass permissions on",
        Some("Finished."),
    );
}

#[test]
fn codex_starts_without_a_question_and_tells_when_it_waits() {
    in_a_terminal(
        "codex",
        "openai",
        "Ask Codex to do anything",
        Some("Finished."),
    );
}

#[test]
fn opencode_starts_without_a_question_and_tells_when_it_waits() {
    in_a_terminal("opencode", "own", "Ask anything", None);
}

#[test]
fn gemini_starts_without_a_question_and_tells_when_it_waits() {
    in_a_terminal("gemini", "google", "Type your message", None);
}

#[test]
fn aider_starts_without_a_question_and_tells_when_it_waits() {
    in_a_terminal("aider", "own", "Repo-map: disabled", None);
}
