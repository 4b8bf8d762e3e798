//! One log-in by browser for several sandboxes: only its file travels, only when asked, and whatever a sandbox puts
//! in its place.

use std::path::{Path, PathBuf};

use sandbox_engine::credentials::{NewKey, Place, Secret};
use sandbox_engine::sandbox::State;
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Error, Operation, SandboxId};
use support::containers::guest;

use crate::house::House;

const AGENT: &str =
    "[[agent]]\nid = \"mine\"\nname = \"Mine\"\nlogin_files = [\".mine/token.json\"]\n";
/// The same, and it can use a key.
const AGENT_WITH_KEY: &str = "[agent.keys.openai.env]\nMINE = \"{placeholder}\"\n";
const TOKEN: &str = "{\"token\":\"canary-log-in-1\"}";

fn house() -> House {
    let house = House::new(guest());
    std::fs::write(house.engine.data().root().join("agents.toml"), AGENT).unwrap();
    house
}

fn approved() -> NetworkPolicy {
    NetworkPolicy {
        mode: NetworkMode::Approved,
        ..NetworkPolicy::default()
    }
}

async fn restart(house: &House, id: &SandboxId) {
    house.engine.stop(id).await.unwrap();
    house.engine.start(id, &Operation::silent()).await.unwrap();
}

async fn token(house: &House, id: &SandboxId) -> String {
    house.sh(id, "cat ~/.mine/token.json 2>/dev/null").await.1
}

async fn log_in(house: &House, id: &SandboxId, token: &str) {
    let script = format!("mkdir -p ~/.mine && printf '%s' '{token}' > ~/.mine/token.json");
    assert_eq!(house.sh(id, &script).await.0, 0);
}

/// Files below a folder that hold a text.
fn holding(folder: &Path, text: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = std::fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            holding(&path, text, found);
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            if bytes
                .windows(text.len())
                .any(|piece| piece == text.as_bytes())
            {
                found.push(path);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_goes_where_the_user_wants_it_and_nowhere_else() {
    let house = house();
    let engine = &house.engine;
    let first = house.agent("mine", approved(), true).await;
    let second = house.agent("mine", approved(), true).await;
    let said = engine.keep_log_in(&first, Place::File).await;
    assert!(
        matches!(said, Err(Error::NotFound { .. })),
        "nobody logged in: {said:?}"
    );
    log_in(&house, &first, TOKEN).await;
    house
        .sh(&first, "echo '{\"hook\":1}' > ~/.mine/settings.json")
        .await;
    restart(&house, &second).await;
    assert_eq!(
        token(&house, &second).await,
        "",
        "off until it is asked for"
    );

    let kept = engine.keep_log_in(&first, Place::File).await.unwrap();
    assert_eq!((kept.agent.as_str(), kept.from.as_str()), ("mine", "site"));
    restart(&house, &second).await;
    assert_eq!(token(&house, &second).await, TOKEN);
    let (_, seen) = house
        .sh(&second, "ls -A ~/.mine; stat -c '%a %U' ~/.mine/token.json")
        .await;
    assert_eq!(
        seen, "token.json\n600 agent",
        "only the file, and only for its user"
    );
    for (agent, network, why) in [
        ("shell", approved(), "another agent"),
        ("mine", NetworkPolicy::default(), "offline"),
    ] {
        let other = house.agent(agent, network, true).await;
        assert_eq!(token(&house, &other).await, "", "{why}");
        engine.remove(&other).await.unwrap();
    }

    // Kept anew it follows; where the agent has its own by now, that stays.
    let newer = TOKEN.replace('1', "2");
    log_in(&house, &first, &newer).await;
    engine.keep_log_in(&first, Place::File).await.unwrap();
    restart(&house, &second).await;
    assert_eq!(token(&house, &second).await, newer);
    log_in(&house, &second, "{\"token\":\"own\"}").await;
    restart(&house, &second).await;
    assert_eq!(token(&house, &second).await, "{\"token\":\"own\"}");

    // It is nowhere else, and gone when it is forgotten.
    let mut found = Vec::new();
    let root = engine.data().root().to_owned();
    holding(&root, "canary-log-in", &mut found);
    assert_eq!(found, [root.join("keys/log-in-mine")]);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&found[0]).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    engine.forget_log_in("mine").await.unwrap();
    assert!(!found[0].exists() && engine.log_ins().unwrap().is_empty());
    assert!(engine.forget_log_in("mine").await.is_err());

    // In memory only; and wiping one of its sandboxes forgets it, or it would come straight back.
    engine.keep_log_in(&first, Place::Session).await.unwrap();
    let mut found = Vec::new();
    holding(&root, "canary-log-in", &mut found);
    assert_eq!(found, Vec::<PathBuf>::new());
    engine.wipe(&second, &Operation::silent()).await.unwrap();
    assert!(engine.log_ins().unwrap().is_empty());
    assert_eq!(token(&house, &second).await, "");
    for id in [first, second] {
        engine.remove(&id).await.unwrap();
    }
}

/// A key for other programs in the sandbox is none of the agent's; with one of its own it needs no log-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_is_put_in_unless_the_agent_itself_has_a_key() {
    let house = house();
    let engine = &house.engine;
    let id = house.agent("mine", approved(), true).await;
    log_in(&house, &id, TOKEN).await;
    engine.keep_log_in(&id, Place::Session).await.unwrap();
    let key = NewKey {
        provider: "openai".to_owned(),
        key: Secret::new("sk-canary-of-the-test".to_owned()),
        place: Some(Place::Session),
        server: None,
        model: None,
    };
    engine.set_key(key).await.unwrap();
    engine
        .use_keys(&id, vec!["openai".to_owned()])
        .await
        .unwrap();
    let gone = "rm ~/.mine/token.json";
    assert_eq!(house.sh(&id, gone).await.0, 0);
    restart(&house, &id).await;
    assert_eq!(token(&house, &id).await, TOKEN, "the key is not its own");

    let recipes = engine.data().root().join("agents.toml");
    std::fs::write(recipes, format!("{AGENT}{AGENT_WITH_KEY}")).unwrap();
    assert_eq!(house.sh(&id, gone).await.0, 0);
    restart(&house, &id).await;
    assert_eq!(token(&house, &id).await, "", "it has a key");
    engine.remove(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_stands_in_the_place_of_a_log_in_is_refused() {
    let house = house();
    let engine = &house.engine;
    let id = house.agent("mine", approved(), true).await;
    log_in(&house, &id, TOKEN).await;
    engine.keep_log_in(&id, Place::Session).await.unwrap();
    engine.forget_log_in("mine").await.unwrap();
    let file = "cd ~/.mine && rm -rf token.json && ";
    for (what, script) in [
        ("a link", format!("{file} ln -s /etc/passwd token.json")),
        ("a link to its own", format!("{file} echo '{{\"a\":1}}' > real && ln -s real token.json")),
        ("a pipe", format!("{file} mkfifo token.json")),
        ("a folder", format!("{file} mkdir token.json")),
        ("10 GB", format!("{file} {{ truncate -s 10G token.json || truncate -s 1G token.json; }}")),
        ("one byte too much", format!("{file} head -c 65537 /dev/zero | tr '\\0' ' ' > token.json")),
        ("bytes", format!("{file} printf '\\xff\\xfe' > token.json")),
        ("no JSON", format!("{file} echo PATH=/evil > token.json")),
        ("a list", format!("{file} echo '[1]' > token.json")),
        ("nothing", format!("{file} : > token.json")),
        ("not to be read", format!("{file} echo '{{\"a\":1}}' > token.json && chmod 0 token.json")),
        ("behind a link", "mv ~/.mine ~/real && ln -s real ~/.mine && cd ~/real && rm -rf token.json && echo '{\"a\":1}' > token.json".to_owned()),
    ] {
        let (status, said) = house.sh(&id, &script).await;
        assert_eq!(status, 0, "{what}: {said}");
        let kept = engine.keep_log_in(&id, Place::Session).await;
        assert!(matches!(kept, Err(Error::InvalidRequest { .. })), "{what}: {kept:?}");
        assert!(engine.log_ins().unwrap().is_empty(), "{what}");
    }

    // Swapped all the time: what comes out is one whole token or nothing.
    let swap = "rm -rf ~/.mine ~/real && mkdir ~/.mine && cd ~/.mine && (setsid sh -c 'while [ ! -e ~/enough ]; do \
        printf %s \"{\\\"token\\\":\\\"whole\\\"}\" > token.json; printf %s \"{\\\"token\\\":\\\"longer and whole\\\"}\" > token.json; \
        ln -sf /etc/passwd token.json; rm -f token.json; done; touch ~/ended' >/dev/null 2>&1 &)";
    assert_eq!(house.sh(&id, swap).await.0, 0);
    for _ in 0..20 {
        if engine.keep_log_in(&id, Place::File).await.is_ok() {
            let file = engine.data().root().join("keys/log-in-mine");
            let text = std::fs::read_to_string(file).unwrap();
            assert!(text.contains("whole") && !text.contains("root"), "{text}");
        }
    }
    let end = "touch ~/enough; until [ -e ~/ended ]; do sleep 0.05; done; rm -rf ~/.mine";
    assert_eq!(house.sh(&id, end).await.0, 0);

    // The way in is as narrow: nothing is written by a link, and the sandbox starts all the same.
    log_in(&house, &id, TOKEN).await;
    engine.keep_log_in(&id, Place::Session).await.unwrap();
    let other = house.agent("mine", approved(), true).await;
    assert_eq!(token(&house, &other).await, TOKEN);
    house
        .sh(&other, "rm -rf ~/.mine && ln -s /workspace ~/.mine")
        .await;
    restart(&house, &other).await;
    assert!(matches!(
        engine.glimpse(&other).await.unwrap().state,
        State::Running
    ));
    assert_eq!(house.sh(&other, "ls /workspace").await.1, "a.txt");
    let noted = engine.activity(&other).unwrap();
    let noted = noted.iter().find(|entry| entry.what.contains("not put in"));
    assert!(
        noted.is_some_and(|entry| entry.detail.contains("link")),
        "{noted:?}"
    );
    for id in [id, other] {
        engine.remove(&id).await.unwrap();
    }
}
