//! The home folder in a snapshot, and back: on a real engine, and cut off in between.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use sandbox_engine::docker::EndpointSearch;
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Code, Engine, Error, Operation, SandboxId};
use support::containers::{Run, guest, search};

use crate::house::{House, engine_at, now_ms};

/// As `pip install --user` and a person leave a home: programs, links, empty and closed folders, old times.
const INSTALL: &str = r#"
    set -e
    mkdir -p ~/.local/lib/python3/site-packages/tool ~/.local/bin ~/.cache/empty ~/.go/mod
    printf 'print("hello")\n' > ~/.local/lib/python3/site-packages/tool/__init__.py
    printf '#!/bin/sh\necho tool\n' > ~/.local/bin/tool
    chmod 755 ~/.local/bin/tool
    ln -s tool ~/.local/bin/alias
    ln -s /etc/passwd ~/.local/bin/outside
    ln -s nowhere ~/.dangling
    head -c 6000000 /dev/urandom > ~/.cache/large
    printf x > ~/"$(printf 'new\nline\377')"
    printf 'token' > ~/.token && chmod 600 ~/.token
    printf y > ~/.go/mod/read-only && chmod 444 ~/.go/mod/read-only && chmod 555 ~/.go/mod
    touch -h -d '2001-02-03 04:05:06.789012345' ~/.local/bin/tool ~/.local/bin/alias
    touch -d '2002-02-03 04:05:06.5' ~/.local/bin ~/.cache/empty ~/.go/mod
"#;

/// Everything that was there in another state, and more.
const WRECK: &str = r#"
    set -e
    rm -r ~/.cache ~/.local/bin/tool
    chmod 755 ~/.go/mod && rm -f ~/.go/mod/read-only
    printf 'other' > ~/.token && chmod 644 ~/.token
    rm ~/.dangling && mkdir -p ~/.dangling/now/a/folder
    ln -sfn /etc/hosts ~/.local/bin/outside
    mkfifo ~/pipe
    mkdir ~/closed && printf secret > ~/closed/inside && chmod 000 ~/closed
    head -c 3000000 /dev/urandom > ~/.local/lib/more
"#;

/// Kinds, modes, times, targets and contents of everything below the home.
const LOOK: &str = r#"
    cd ~ && find . -mindepth 1 -printf '%P %y %m %T@ %l\n' 2>/dev/null | LC_ALL=C sort
    find . -type f -readable -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 md5sum
"#;

struct Home {
    _run: Run,
    house: House,
    id: SandboxId,
}

impl Home {
    /// A sandbox that runs, with something installed.
    async fn new() -> Self {
        Self::with(NetworkPolicy::default()).await
    }

    async fn with(network: NetworkPolicy) -> Self {
        let run = Run::new().await;
        let house = House::new(run.guest.clone());
        let id = house.sandbox(network, true).await;
        let home = Self {
            _run: run,
            house,
            id,
        };
        home.sh(INSTALL).await;
        home
    }

    async fn sh(&self, script: &str) -> String {
        sh(&self.house.engine, &self.id, script).await
    }

    async fn look(&self) -> String {
        self.sh(LOOK).await
    }

    async fn containers(&self) -> Vec<String> {
        let docker = self.house.engine.docker().await.unwrap();
        let instance = self.house.engine.data().instance();
        let all = docker.own_containers(instance).await.unwrap();
        all.into_iter().map(|(_, name)| name).collect()
    }

    async fn end(self) {
        self.house.engine.remove(&self.id).await.unwrap();
        assert_eq!(self.containers().await, [""; 0]);
    }
}

async fn sh(engine: &Engine, id: &SandboxId, script: &str) -> String {
    let command = ["bash", "-c", script].map(str::to_owned).to_vec();
    let running = engine.exec(id, command, Vec::new()).await.unwrap();
    let (status, out, err) = running.collect(1 << 20).await.unwrap();
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&err));
    String::from_utf8_lossy(&out).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_comes_back_to_the_byte_and_so_does_what_was_there_before() {
    let home = Home::new().await;
    let (engine, op) = (&home.house.engine, Operation::silent());
    home.sh("echo of the workspace > /workspace/a.txt").await;
    let installed = home.look().await;
    assert!(installed.contains("789012345"), "{installed}");
    let plain = engine.snapshot(&home.id, None, false, &op).await.unwrap();
    assert_eq!(plain.home, None);
    let kept = engine
        .snapshot(&home.id, Some("works".to_owned()), true, &op)
        .await
        .unwrap();
    assert!(kept.home.unwrap().bytes > 6_000_000);
    assert_eq!(home.containers().await.len(), 1, "the copier is put away");

    home.sh(WRECK).await;
    home.sh("echo wrecked > /workspace/a.txt").await;
    let wrecked = home.look().await;
    assert_ne!(wrecked, installed, "the probe");
    // Without the home it stays as it is.
    engine
        .reset(&home.id, Some("works"), false, &op)
        .await
        .unwrap();
    assert_eq!(home.look().await, wrecked);
    home.sh("echo wrecked > /workspace/a.txt").await;

    let reset = engine
        .reset(&home.id, Some("works"), true, &op)
        .await
        .unwrap();
    assert_eq!(reset.failed, [""; 0]);
    assert_eq!(home.look().await, installed);
    assert_eq!(home.sh("cat /workspace/a.txt").await, "of the workspace\n");
    assert_eq!(home.sh("~/.local/bin/tool").await, "tool\n");

    // Undone: with the closed folder, which only its owner could open. A FIFO is recorded and not made.
    let safety = reset.safety.as_str();
    engine
        .reset(&home.id, Some(safety), true, &op)
        .await
        .unwrap();
    let undone = home.look().await;
    let without_pipe = |look: &str| {
        let lines = look.lines().filter(|line| !line.starts_with("pipe "));
        lines.map(|l| l.to_owned() + "\n").collect::<String>()
    };
    assert_ne!(without_pipe(&wrecked), wrecked, "there was one");
    assert_eq!(without_pipe(&undone), without_pipe(&wrecked));
    assert_eq!(
        home.sh("chmod 700 ~/closed && cat ~/closed/inside").await,
        "secret"
    );
    assert_eq!(home.sh("cat /workspace/a.txt").await, "wrecked\n");
    home.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_home_it_says_so_and_does_nothing() {
    let run = Run::new().await;
    let house = House::new(run.guest.clone());
    let (engine, op) = (&house.engine, Operation::silent());
    let id = house.sandbox(NetworkPolicy::default(), false).await;
    let said = engine.snapshot(&id, None, true, &op).await.unwrap_err();
    assert!(said.to_string().contains("no home folder yet"), "{said}");
    assert_eq!(
        engine.snapshots(&id).unwrap().0.len(),
        1,
        "the baseline alone"
    );
    let said = engine.reset(&id, None, true, &op).await.unwrap_err();
    assert_eq!(said.code(), Code::InvalidRequest, "{said}");
    assert_eq!(
        engine.snapshots(&id).unwrap().0.len(),
        1,
        "no safety for nothing"
    );
    // The control.
    engine.snapshot(&id, None, false, &op).await.unwrap();
    engine.reset(&id, None, false, &op).await.unwrap();
    engine.remove(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_a_home_is_refused_and_a_workspace_is_not() {
    let home = Home::new().await;
    let op = Operation::silent();
    home.house.engine.stop(&home.id).await.unwrap();
    let kept = home.house.engine.snapshot(&home.id, None, true, &op);
    let kept = kept.await.unwrap();
    let nowhere = EndpointSearch {
        docker_host: Some("unix:///nonexistent/no.sock".to_owned()),
        ..EndpointSearch::default()
    };
    let alone = home.house.again(nowhere);
    let count = || alone.snapshots(&home.id).unwrap().0.len();
    let had = count();
    let said = alone.snapshot(&home.id, None, true, &op).await.unwrap_err();
    assert!(matches!(said, Error::Engine(_)), "{said}");
    let to = Some(kept.id.as_str());
    let said = alone.reset(&home.id, to, true, &op).await.unwrap_err();
    assert!(matches!(said, Error::Engine(_)), "{said}");
    assert_eq!(count(), had, "nothing half done");
    alone.snapshot(&home.id, None, false, &op).await.unwrap();
    assert_eq!(count(), had + 1);
    home.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sandbox_has_a_home_too_and_a_wiped_one_gets_it_back() {
    // With a gateway, whose volume is made before the container.
    let home = Home::with(NetworkPolicy {
        mode: NetworkMode::Approved,
        ..NetworkPolicy::default()
    })
    .await;
    let (engine, op) = (&home.house.engine, Operation::silent());
    let installed = home.look().await;
    engine.stop(&home.id).await.unwrap();
    let kept = engine.snapshot(&home.id, None, true, &op).await.unwrap();
    let wiped = engine.wipe(&home.id, &op).await.unwrap();
    assert_eq!(wiped.failed, [""; 0]);
    assert_eq!(
        home.containers().await,
        [""; 0],
        "container and home are gone"
    );
    let to = Some(kept.id.as_str());
    engine.reset(&home.id, to, true, &op).await.unwrap();
    engine.start(&home.id, &op).await.unwrap();
    assert_eq!(home.look().await, installed);
    home.end().await;
}

/// Makes everything in the store old enough to be let go of.
fn age(folder: &Path) {
    let old = SystemTime::now() - Duration::from_secs(7200);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            age(&path);
        } else {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(old).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_snapshot_gives_the_room_of_its_home_back() {
    let home = Home::new().await;
    let (engine, op) = (&home.house.engine, Operation::silent());
    let before = engine.store_stats().unwrap();
    let kept = engine.snapshot(&home.id, None, true, &op).await.unwrap();
    let with = engine.store_stats().unwrap();
    assert!(
        with.on_disk > before.on_disk + 6_000_000,
        "{before:?} {with:?}"
    );
    assert!(with.logical > before.logical + 6_000_000, "it is counted");
    // The same home again costs next to nothing.
    engine.snapshot(&home.id, None, true, &op).await.unwrap();
    let twice = engine.store_stats().unwrap();
    assert!(
        twice.on_disk < with.on_disk + 1_000_000,
        "{with:?} {twice:?}"
    );

    let store = home.house.dir(&home.id).join("../../store");
    age(&store);
    engine.prune().unwrap();
    let held = engine.store_stats().unwrap();
    assert!(
        held.on_disk > before.on_disk + 6_000_000,
        "what is named stays"
    );
    for one in engine.snapshots(&home.id).unwrap().0 {
        if one.home.is_some() {
            let id = one.id.as_str();
            engine.delete_snapshot(&home.id, id).await.unwrap();
        }
    }
    age(&store);
    engine.prune().unwrap();
    let after = engine.store_stats().unwrap();
    assert!(
        after.on_disk < before.on_disk + 1_000_000,
        "{before:?} {after:?}"
    );
    assert!(
        engine
            .snapshots(&home.id)
            .unwrap()
            .0
            .iter()
            .all(|s| s.id != kept.id)
    );
    home.end().await;
}

/// What a child does; no test of its own when there is no job.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(point) = std::env::var("HOME_POINT") else {
        return;
    };
    let var = |name| std::env::var(name).unwrap();
    let left = AtomicU32::new(var("HOME_NTH").parse().unwrap());
    fail::cfg_callback(point, move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    })
    .unwrap();
    let now = Arc::new(AtomicI64::new(now_ms()));
    let data = var("HOME_DATA");
    let engine = engine_at(Path::new(&data), guest(), search(), now);
    let id = SandboxId::try_from(var("HOME_SANDBOX")).unwrap();
    let to = var("HOME_TO");
    let op = Operation::silent();
    engine.reset(&id, Some(&to), true, &op).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_that_is_cut_off_is_gone_to_its_end() {
    let home = Home::new().await;
    let (engine, op) = (&home.house.engine, Operation::silent());
    let installed = home.look().await;
    let kept = engine.snapshot(&home.id, None, true, &op).await.unwrap();
    home.sh("echo wrecked > /workspace/a.txt").await;
    for (point, nth) in [
        ("reset-intent", 1),
        ("home-sent", 1),
        ("home-sent", 20),
        ("reset-home", 1),
        ("restore-journaled", 1),
    ] {
        home.sh(WRECK).await;
        let died = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "home::child"])
            .env("HOME_POINT", point)
            .env("HOME_NTH", nth.to_string())
            .env("HOME_DATA", home.house.data())
            .env("HOME_SANDBOX", home.id.as_str())
            .env("HOME_TO", kept.id.as_str())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(died.signal().is_some(), "{point} was passed: {died}");
        let done = engine.recover().await.unwrap();
        assert!(
            done.iter().any(|one| one.what == "reset" && one.resolved),
            "{point}: {done:?}"
        );
        assert_eq!(home.look().await, installed, "{point} {nth}");
        assert_eq!(home.sh("cat /workspace/a.txt").await, "one\n");
        assert_eq!(
            home.containers().await.len(),
            1,
            "{point}: no copier is left"
        );
        assert!(!home.house.dir(&home.id).join("home-copier").exists());
        home.sh("echo wrecked > /workspace/a.txt").await;
    }
    home.end().await;
}
