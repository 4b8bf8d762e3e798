//! The live list follows the workspace, looks only where something happened, and ends at the truth.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sandbox_engine::event::{Event, Numbered};
use sandbox_engine::sandbox::{Live, Side, Watching};
use sandbox_engine::{Engine, Operation, SandboxId};
use tokio::sync::broadcast::{Receiver, error::RecvError};

const LONG: Duration = Duration::from_secs(120);

/// A sandbox that was never started, with its watcher.
struct Watched {
    engine: Engine,
    id: SandboxId,
    watching: Watching,
    events: Receiver<Numbered>,
    clock: Arc<AtomicI64>,
    workspace: PathBuf,
    _folder: tempfile::TempDir,
}

impl Watched {
    async fn new(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(common::NOW));
        let engine = common::engine(folder.path().join("data"), clock.clone());
        let project = folder.path().join("site");
        for file in files {
            write(&project, file, "as it was\n");
        }
        let id = common::hand_over(&engine, project).await;
        let workspace = engine.data().sandbox(&id).workspace();
        let events = engine.events().subscribe();
        let watching = Watching::new(engine.clone());
        watching.watch(&id).unwrap();
        let mut watched = Self {
            engine,
            id,
            watching,
            events,
            clock,
            workspace,
            _folder: folder,
        };
        watched.next_look().await;
        watched
    }

    async fn next_look(&mut self) -> Arc<Live> {
        let told = async {
            loop {
                match self.events.recv().await {
                    Ok(Numbered {
                        event: Event::Workspace(id),
                        ..
                    }) if id == self.id => return,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => panic!("the engine is gone"),
                }
            }
        };
        tokio::time::timeout(LONG, told)
            .await
            .expect("the change is told");
        self.engine.live(&self.id).unwrap()
    }

    /// Waits until the live list has exactly these rows; whether every look on the way was a narrow one.
    async fn until(&mut self, wanted: &[&str]) -> bool {
        let mut narrow = true;
        loop {
            let live = self.next_look().await;
            narrow &= !live.whole;
            if rows(&live) == wanted {
                return narrow;
            }
        }
    }

    fn write(&self, path: &str, content: &str) {
        write(&self.workspace, path, content);
    }

    /// What a look at everything says, by an engine that remembers nothing.
    fn truth(&self) -> Vec<String> {
        rows(&self.engine.look(&self.id).unwrap())
    }
}

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// `path +added -removed`, sorted; what is passed over last.
fn rows(live: &Live) -> Vec<String> {
    let count = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let mut rows: Vec<_> = live
        .changes
        .list
        .iter()
        .map(|c| {
            format!(
                "{} +{} -{}",
                c.path.to_lossy(),
                count(c.additions),
                count(c.deletions)
            )
        })
        .collect();
    if live.changes.left_out > 0 {
        rows.push(format!("{} left out", live.changes.left_out));
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_follows_by_looking_only_where_something_happened() {
    let mut watched = Watched::new(&["a.txt", "deep/er/b.txt", "deep/c.txt"]).await;
    watched.write("a.txt", "as it was\nand more\n");
    assert!(
        watched.until(&["a.txt +1 -0"]).await,
        "one file was looked at"
    );
    watched.write("new/folder/made/at/once.txt", "1\n2\n");
    let wanted = ["a.txt +1 -0", "new/folder/made/at/once.txt +2 -0"];
    assert!(watched.until(&wanted).await, "a new folder is looked into");
    std::fs::remove_dir_all(watched.workspace.join("deep")).unwrap();
    let wanted = [
        "a.txt +1 -0",
        "deep/c.txt +0 -1",
        "deep/er/b.txt +0 -1",
        "new/folder/made/at/once.txt +2 -0",
    ];
    assert!(
        watched.until(&wanted).await,
        "a folder that went takes all with it"
    );
    assert_eq!(watched.truth(), wanted);
    assert_eq!(watched.watching.note(&watched.id), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_passed_over_stays_so_and_counts_once() {
    let mut watched = Watched::new(&["a.txt", "crate/src.rs"]).await;
    watched.write("node_modules/m/index.js", "1\n");
    watched.until(&["1 left out"]).await;
    watched.write("node_modules/m/deeper/again.js", "2\n");
    watched.write("a.txt", "other\n");
    let narrow = watched.until(&["a.txt +1 -1", "1 left out"]).await;
    assert!(narrow);
    // A build file makes the folder beside it one that a build makes again.
    watched.write("crate/target/out", "3\n");
    watched
        .until(&["a.txt +1 -1", "crate/target/out +1 -0", "1 left out"])
        .await;
    watched.write("crate/Cargo.toml", "[package]\n");
    let wanted = ["a.txt +1 -1", "crate/Cargo.toml +1 -0", "2 left out"];
    watched.until(&wanted).await;
    std::fs::remove_file(watched.workspace.join("crate/Cargo.toml")).unwrap();
    let wanted = ["a.txt +1 -1", "crate/target/out +1 -0", "1 left out"];
    watched.until(&wanted).await;
    assert_eq!(watched.truth(), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_ends_at_the_truth() {
    let mut watched = Watched::new(&["a.txt"]).await;
    let root = watched.workspace.clone();
    let made = tokio::task::spawn_blocking(move || {
        for n in 0..50_000_u32 {
            let path = root.join(format!("f{}", n % 5_000));
            // In the end every second file is there.
            if n < 45_000 || n % 2 == 0 {
                std::fs::write(path, "").unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        std::fs::write(root.join("a.txt"), "the last\n").unwrap();
    });
    made.await.unwrap();
    loop {
        let live = watched.next_look().await;
        let names: Vec<_> = live
            .changes
            .list
            .iter()
            .map(|c| c.path.to_lossy())
            .collect();
        if names.len() == 2_501 && names[0] == "a.txt" {
            let truth = watched.engine.look(&watched.id).unwrap();
            assert_eq!(rows(&live), rows(&truth));
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_looked_at_again_after_a_minute_and_when_a_scan_knew_better() {
    let mut watched = Watched::new(&["a.txt", "b.txt"]).await;
    watched.write("a.txt", "2\n");
    assert!(
        watched.until(&["a.txt +1 -1"]).await,
        "the probe: a narrow look"
    );
    watched.clock.fetch_add(60_000, Ordering::SeqCst);
    watched.write("a.txt", "3\n4\n");
    assert!(!watched.until(&["a.txt +2 -1"]).await, "a minute is past");

    // As a store through shared memory does: the content is another, and no event was made.
    drop(watched.watching);
    let (engine, id) = (&watched.engine, &watched.id);
    write(&watched.workspace, "b.txt", "5\n");
    assert_eq!(
        rows(&engine.live(id).unwrap()),
        ["a.txt +2 -1"],
        "the probe: nobody saw it"
    );
    let op = Operation::silent();
    engine
        .changes(id, Side::Base, Side::Live, &op)
        .await
        .unwrap();
    let wanted = ["a.txt +2 -1", "b.txt +1 -1"];
    assert_eq!(rows(&engine.live(id).unwrap()), wanted);
}
