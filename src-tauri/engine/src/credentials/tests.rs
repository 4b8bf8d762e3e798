//! Keys with a keychain of the test's own.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::*;
use crate::docker::{Deadlines, EndpointSearch};
use sandbox_protocol::routes::Routes;

use crate::Operation;
use crate::sandbox::{Config, LimitsWanted, NewSandbox};
use crate::state::record::{NetworkMode, NetworkPolicy, Owner, Record};

const KEY: &str = "sk-canary-0123456789";

#[derive(Default)]
struct Drawer {
    kept: Mutex<HashMap<String, String>>,
    locked: Mutex<bool>,
}

impl Drawer {
    fn open(&self) -> Result<std::sync::MutexGuard<'_, HashMap<String, String>>, Unanswered> {
        if *self.locked.lock().unwrap() {
            return Err(Unanswered("it is locked".to_owned()));
        }
        Ok(self.kept.lock().unwrap())
    }
}

impl Keychain for Drawer {
    fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, Unanswered> {
        Ok(self.open()?.get(name).cloned().map(Zeroizing::new))
    }
    fn set(&self, name: &str, value: &str) -> Result<(), Unanswered> {
        self.open()?.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
    fn remove(&self, name: &str) -> Result<(), Unanswered> {
        self.open()?.remove(name);
        Ok(())
    }
}

fn engine(folder: &Path, keychain: Option<Arc<dyn Keychain>>) -> Engine {
    Engine::open(Config {
        data_dir: folder.join("data"),
        home: None,
        endpoints: EndpointSearch::default(),
        deadlines: Deadlines::default(),
        process: Owner { uid: 1, gid: 1 },
        certificates: Vec::new(),
        guest: &[],
        keychain,
        proxy: None,
        near: Arc::new(crate::network::near),
        clock: Arc::new(|| 7),
    })
    .unwrap()
}

fn new(provider: &str, place: Place) -> NewKey {
    NewKey {
        provider: provider.to_owned(),
        key: Secret::new(KEY.to_owned()),
        place: Some(place),
        server: None,
        model: None,
    }
}

/// Whether a text is in any file of a folder.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = fs::read(&path).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_where_it_is_said_to_be_and_nowhere_else() {
    let temp = tempfile::tempdir().unwrap();
    let drawer = Arc::new(Drawer::default());
    let engine = engine(temp.path(), Some(drawer.clone()));
    let data = engine.data().root().to_owned();

    engine
        .set_key(new("anthropic", Place::Keychain))
        .await
        .unwrap();
    assert_eq!(drawer.kept.lock().unwrap().values().next().unwrap(), KEY);
    assert!(!holds(&data, KEY), "in the keychain only");
    let kept = engine.keys().unwrap().remove(0);
    assert_eq!((kept.place, kept.since), (Place::Keychain, 7));
    assert_eq!(engine.key_of(&kept).await.unwrap().unwrap().expose(), KEY);

    // Another place: it leaves the first one.
    engine.set_key(new("anthropic", Place::File)).await.unwrap();
    assert!(drawer.kept.lock().unwrap().is_empty());
    let file = data.join("keys/anthropic");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::metadata(data.join("keys"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    assert!(holds(&data, KEY), "the probe can succeed");

    engine
        .set_key(new("anthropic", Place::Session))
        .await
        .unwrap();
    assert!(!holds(&data, KEY) && !file.exists());
    assert!(
        !fs::read_to_string(data.join("keys.json"))
            .unwrap()
            .contains("anthropic")
    );
    assert_eq!(engine.keys().unwrap().len(), 1, "while this program runs");

    engine.remove_key("anthropic").await.unwrap();
    assert_eq!(engine.keys().unwrap(), []);
    assert!(engine.remove_key("anthropic").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keychain_nothing_is_kept_anywhere() {
    let temp = tempfile::tempdir().unwrap();
    let drawer = Arc::new(Drawer::default());
    let engine = engine(temp.path(), Some(drawer.clone()));
    engine
        .set_key(new("openai", Place::Keychain))
        .await
        .unwrap();
    *drawer.locked.lock().unwrap() = true;
    let error = engine
        .set_key(new("anthropic", Place::Keychain))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("locked") && !error.to_string().contains(KEY),
        "{error}"
    );
    assert_eq!(engine.keys().unwrap().len(), 1);
    assert!(!holds(engine.data().root(), KEY));
    // One that cannot be forgotten stays listed.
    assert!(engine.remove_key("openai").await.is_err());
    assert_eq!(engine.keys().unwrap().len(), 1);
    *drawer.locked.lock().unwrap() = false;
    engine.remove_key("openai").await.unwrap();
    assert!(drawer.kept.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_memory_of_another_program_is_known_and_left_to_it() {
    let temp = tempfile::tempdir().unwrap();
    let window = engine(temp.path(), None);
    let command = engine(temp.path(), None);
    window
        .set_key(new("anthropic", Place::Session))
        .await
        .unwrap();
    assert_eq!(command.keys().unwrap(), window.keys().unwrap());
    assert!(!holds(window.data().root(), KEY), "only that there is one");
    for refused in [
        command
            .set_key(new("anthropic", Place::File))
            .await
            .map(drop),
        command.remove_key("anthropic").await,
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("the window that is open"), "{error}");
    }
    assert_eq!(window.keys().unwrap()[0].place, Place::Session);

    // A gateway goes on with it whoever hands over.
    let record = sandbox(&window, temp.path()).await;
    assert_eq!(window.routes_for(&record).await.list.len(), 1);
    let routes = command.routes_for(&record).await;
    assert_eq!(
        (routes.list.len(), routes.as_before),
        (0, vec!["anthropic".to_owned()])
    );

    window.remove_key("anthropic").await.unwrap();
    assert_eq!(command.keys().unwrap(), []);
    window
        .set_key(new("anthropic", Place::Session))
        .await
        .unwrap();
    drop(window);
    assert_eq!(command.keys().unwrap(), [], "it ended with its program");
    command
        .set_key(new("anthropic", Place::Session))
        .await
        .unwrap();
    assert_eq!(command.keys().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_goes_on_with_a_key_that_the_keychain_does_not_give_again() {
    let temp = tempfile::tempdir().unwrap();
    let drawer = Arc::new(Drawer::default());
    let engine = engine(temp.path(), Some(drawer.clone()));
    engine
        .set_key(new("anthropic", Place::Keychain))
        .await
        .unwrap();
    let record = sandbox(&engine, temp.path()).await;
    assert_eq!(engine.routes_for(&record).await.list.len(), 1);
    *drawer.locked.lock().unwrap() = true;
    let routes = engine.routes_for(&record).await;
    assert_eq!(
        (routes.list.len(), routes.as_before),
        (0, vec!["anthropic".to_owned()])
    );
    *drawer.locked.lock().unwrap() = false;
    drawer.kept.lock().unwrap().clear();
    let routes = engine.routes_for(&record).await;
    assert_eq!(routes, Routes::default(), "what was deleted there is gone");
}

/// A sandbox with a network, whose agent uses Anthropic's key.
async fn sandbox(engine: &Engine, folder: &Path) -> Record {
    let project = folder.join("site");
    fs::create_dir(&project).unwrap();
    let new = NewSandbox {
        project,
        name: None,
        agent: "claude".to_owned(),
        command: None,
        image: None,
        image_from: None,
        runtime: None,
        keys: Vec::new(),
        network: NetworkPolicy {
            mode: NetworkMode::Approved,
            ..NetworkPolicy::default()
        },
        limits: LimitsWanted::default(),
        rules: sandbox_workspace::Rules::default(),
        start: false,
    };
    engine.create(new, &Operation::silent()).await.unwrap();
    engine.records().unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let engine = engine(temp.path(), None);
    let own = |server: Option<&str>| NewKey {
        server: server.map(str::to_owned),
        key: None,
        ..new("own", Place::File)
    };
    assert!(engine.set_key(own(None)).await.is_err());
    assert!(
        engine
            .set_key(own(Some("http://llm.example.com")))
            .await
            .is_err()
    );
    assert!(engine.set_key(new("nobody", Place::File)).await.is_err());
    let without = NewKey {
        key: None,
        ..new("openai", Place::File)
    };
    assert!(engine.set_key(without).await.is_err());
    let kept = engine
        .set_key(own(Some("http://localhost:11434/v1")))
        .await
        .unwrap();
    assert_eq!(kept.place, Place::Nowhere);
}

#[tokio::test]
async fn a_model_is_changed_beside_its_key() {
    for place in [Place::Keychain, Place::File, Place::Session] {
        let folder = tempfile::tempdir().unwrap();
        let drawer = Arc::new(Drawer::default());
        let engine = engine(folder.path(), Some(drawer.clone()));
        let server = Some("https://models.office.example/v1".to_owned());
        let first = NewKey {
            server: server.clone(),
            model: Some("first".to_owned()),
            ..new(OWN, place)
        };
        engine.set_key(first).await.unwrap();
        let changed = engine.set_model(OWN, Some("second".to_owned())).await;
        let changed = changed.unwrap();
        assert_eq!(changed.model.as_deref(), Some("second"));
        assert_eq!((changed.place, &changed.server), (place, &server));
        assert_eq!(
            engine.keys().unwrap().as_slice(),
            std::slice::from_ref(&changed)
        );
        let key = engine.key_of(&changed).await.unwrap();
        assert_eq!(key.unwrap().expose(), KEY, "{place:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_gone_is_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let drawer = Arc::new(Drawer::default());
    let engine = engine(folder.path(), Some(drawer.clone()));
    assert!(matches!(
        engine.set_model(OWN, None).await,
        Err(Error::NotFound { .. })
    ));
    let first = NewKey {
        server: Some("https://models.office.example/v1".to_owned()),
        ..new(OWN, Place::Keychain)
    };
    let before = engine.set_key(first).await.unwrap();
    drawer.kept.lock().unwrap().clear();
    let changed = engine.set_model(OWN, Some("second".to_owned())).await;
    assert!(matches!(changed, Err(Error::InvalidRequest { .. })));
    assert_eq!(engine.keys().unwrap(), [before]);
}

fn kept(provider: &str) -> Kept {
    Kept {
        provider: provider.to_owned(),
        place: Place::File,
        since: 0,
        server: None,
        model: Some("m".to_owned()),
    }
}

#[test]
fn programs_are_told_of_the_route_and_given_a_stand_in() {
    let temp = tempfile::tempdir().unwrap();
    let recipes = engine(temp.path(), None).recipes();
    let told = |agent: &str, providers: &[&str]| -> HashMap<String, String> {
        let keys: Vec<Kept> = providers.iter().map(|id| kept(id)).collect();
        environment(recipes.find(agent), &keys)
            .into_iter()
            .collect()
    };
    let claude = told("claude", &["anthropic"]);
    assert_eq!(
        claude["ANTHROPIC_BASE_URL"],
        "http://127.0.0.1:3128/keys/anthropic"
    );
    assert_eq!(claude["ANTHROPIC_AUTH_TOKEN"], PLACEHOLDER);
    let shell = told("shell", &["openai"]);
    assert_eq!(
        shell["OPENAI_BASE_URL"],
        "http://127.0.0.1:3128/keys/openai/v1"
    );
    // Several at once are one document.
    let both: serde_json::Value = serde_json::from_str(
        &told("opencode", &["anthropic", "openai"])["OPENCODE_CONFIG_CONTENT"],
    )
    .unwrap();
    for provider in ["anthropic", "openai"] {
        let url = &both["provider"][provider]["options"]["baseURL"];
        assert_eq!(url, &format!("http://127.0.0.1:3128/keys/{provider}/v1"));
    }
    // A server of one's own goes before.
    let aider = told("aider", &["openai", "own"]);
    assert_eq!(aider["OPENAI_API_BASE"], "http://127.0.0.1:3128/keys/own");
    assert_eq!(aider["AIDER_MODEL"], "openai/m");
    let codex = recipes.find("codex").unwrap();
    let line = crate::agents::start::with_flags(codex, &codex.start, &[kept("openai")]);
    assert!(
        line.starts_with("codex -c model_provider=kept -c 'model_providers.kept={"),
        "{line}"
    );
    assert!(
        line.ends_with("--dangerously-bypass-approvals-and-sandbox"),
        "{line}"
    );
    assert_eq!(
        crate::agents::start::with_flags(codex, &codex.start, &[]),
        codex.start
    );
}
