#![allow(clippy::unwrap_used)]

use super::*;
use crate::confined::Dir;
use crate::scan::{ScanOptions, rescan, scan};
use crate::{Cancel, HashOnly, Scan};

const PATIENCE: Duration = Duration::from_secs(20);

fn quick() -> WatchTimes {
    WatchTimes {
        quiet: Duration::from_millis(20),
        latest: Duration::from_millis(200),
        poll: Duration::from_millis(30),
    }
}

fn start(root: &Path) -> (Watcher, Receiver<Hint>) {
    let (sender, hints) = channel();
    let watcher = Watcher::start(root, quick(), move |hint| {
        let _ = sender.send(hint);
    });
    let first = hints.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first, Hint::Everything(Why::Began));
    (watcher.unwrap(), hints)
}

fn whole(root: &Path) -> Scan {
    let cancel = Cancel::default();
    let dir = Dir::open_root(root).unwrap();
    scan(&dir, &HashOnly, &ScanOptions::new(&cancel)).unwrap()
}

/// Follows the hints until the tree they lead to is the true one.
fn follow(root: &Path, mut seen: Scan, hints: &Receiver<Hint>) -> usize {
    let begun = Instant::now();
    let cancel = Cancel::default();
    let dir = Dir::open_root(root).unwrap();
    let mut told = 0;
    loop {
        if seen.tree == whole(root).tree {
            return told;
        }
        let left = PATIENCE.saturating_sub(begun.elapsed());
        let hint = hints
            .recv_timeout(left)
            .expect("the hints lead to the truth");
        told += 1;
        seen = match hint {
            Hint::Everything(_) => whole(root),
            Hint::Paths(paths) => {
                let options = ScanOptions::new(&cancel);
                rescan(&dir, seen, &paths, &HashOnly, &options).unwrap()
            }
        };
    }
}

#[test]
fn changes_are_told_by_path_and_reading_is_not() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("f"), "1").unwrap();
    let (watcher, hints) = start(temp.path());
    assert_eq!(watcher.state(), WatchState::Watching);
    whole(temp.path());
    std::fs::write(temp.path().join("g"), "2").unwrap();
    let Hint::Paths(paths) = hints.recv_timeout(PATIENCE).unwrap() else {
        panic!()
    };
    let names: Vec<_> = paths.iter().map(WorkspacePath::to_lossy).collect();
    assert_eq!(names, ["g"], "reading `f` made no hint");
}

#[test]
fn folders_made_in_a_row_are_not_missed() {
    let temp = tempfile::tempdir().unwrap();
    let (_watcher, hints) = start(temp.path());
    let before = whole(temp.path());
    for n in 0..50 {
        let deep = temp.path().join(format!("a{n}/b/c/d"));
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("file"), format!("{n}")).unwrap();
    }
    std::fs::rename(temp.path().join("a0"), temp.path().join("moved")).unwrap();
    std::fs::remove_dir_all(temp.path().join("a1")).unwrap();
    follow(temp.path(), before, &hints);
    let before = whole(temp.path());
    std::fs::write(
        temp.path().join("moved/b/c/d/file"),
        "changed after the move",
    )
    .unwrap();
    follow(temp.path(), before, &hints);
}

#[test]
fn a_burst_beyond_the_queue_leads_to_the_truth() {
    let temp = tempfile::tempdir().unwrap();
    let (_watcher, hints) = start(temp.path());
    let before = whole(temp.path());
    for n in 0..50_000 {
        let path = temp.path().join(format!("f{}", n % 20_000));
        if n < 40_000 {
            std::fs::write(path, "").unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }
    let told = follow(temp.path(), before, &hints);
    assert!(
        told < 100,
        "{told} hints: a burst is told as one, not as fifty thousand"
    );
}

#[test]
fn a_replaced_root_is_told_and_watched_again() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let (_watcher, hints) = start(&root);
    std::fs::rename(&root, temp.path().join("old")).unwrap();
    std::fs::create_dir(&root).unwrap();
    let mut hint = hints.recv_timeout(PATIENCE).unwrap();
    while hint != Hint::Everything(Why::Replaced) {
        hint = hints.recv_timeout(PATIENCE).unwrap();
    }
    let before = whole(&root);
    std::fs::write(root.join("new"), "x").unwrap();
    follow(&root, before, &hints);
}

/// Moves the root aside and makes another as soon as the first is watched.
struct Replacing(Option<PathBuf>);

impl Source for Replacing {
    type Watch = notify::RecommendedWatcher;
    fn watch(&mut self, root: &Path, events: Events) -> Result<Self::Watch, String> {
        let watch = source::start(root, move |event| source::pass_on(event, &events));
        if let Some(aside) = self.0.take() {
            std::fs::rename(root, aside).unwrap();
            std::fs::create_dir(root).unwrap();
        }
        watch
    }
}

#[test]
fn a_root_that_is_replaced_while_the_watch_begins_is_told_and_watched() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let (sender, hints) = channel();
    let on_hint = move |hint| {
        let _ = sender.send(hint);
    };
    let source = Replacing(Some(temp.path().join("old")));
    let _watcher = Watcher::start_with(&root, quick(), source, on_hint).unwrap();
    while hints.recv_timeout(PATIENCE).unwrap() != Hint::Everything(Why::Replaced) {}
    let before = whole(&root);
    std::fs::write(root.join("new"), "x").unwrap();
    follow(&root, before, &hints);
}

/// A system without room for another watcher, until it has.
struct Exhausted(u32);

impl Source for Exhausted {
    type Watch = ();
    fn watch(&mut self, _: &Path, _: Events) -> Result<(), String> {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 {
            Ok(())
        } else {
            Err("used up".to_owned())
        }
    }
}

#[test]
fn without_events_it_polls_says_so_and_tries_again() {
    let temp = tempfile::tempdir().unwrap();
    let (sender, hints) = channel();
    let on_hint = move |hint| {
        let _ = sender.send(hint);
    };
    let watcher = Watcher::start_with(temp.path(), quick(), Exhausted(2), on_hint).unwrap();
    for _ in 0..3 {
        assert_eq!(
            hints.recv_timeout(PATIENCE).unwrap(),
            Hint::Everything(Why::Polling)
        );
    }
    assert_eq!(
        watcher.state(),
        WatchState::Polling {
            reason: "used up".to_owned()
        }
    );
    while hints.recv_timeout(PATIENCE).unwrap() != Hint::Everything(Why::Began) {}
    assert_eq!(watcher.state(), WatchState::Watching);
}

#[test]
fn a_lost_queue_and_an_event_without_a_place_mean_everything() {
    let mut gather = Gather::new(Path::new("/w"));
    let lost = notify::Event::new(notify::EventKind::Other).set_flag(notify::event::Flag::Rescan);
    gather.add(&lost);
    assert_eq!(gather.take(), Some(Hint::Everything(Why::Overflow)));
    gather.add(&notify::Event::new(notify::EventKind::Other));
    assert_eq!(gather.take(), Some(Hint::Everything(Why::Failed)));
    assert_eq!(gather.take(), None);
    assert_eq!(
        gather.due(&quick()),
        None,
        "nothing happened, nothing is due"
    );
}

/// Hands its way of messages to the test.
struct Given(std::sync::mpsc::Sender<Events>);

impl Source for Given {
    type Watch = ();
    fn watch(&mut self, _: &Path, events: Events) -> Result<(), String> {
        self.0.send(events).map_err(|e| e.to_string())
    }
}

#[test]
fn what_an_agent_can_make_wait_is_bounded_and_a_loss_means_everything() {
    let temp = tempfile::tempdir().unwrap();
    let (sender, given) = channel();
    let (told, hints) = channel();
    let (go_on, held) = channel::<()>();
    let on_hint = move |hint| {
        let _ = told.send(hint);
        // A look that takes its time.
        let _ = held.recv_timeout(PATIENCE);
    };
    let _watcher = Watcher::start_with(temp.path(), quick(), Given(sender), on_hint).unwrap();
    let events = given.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        hints.recv_timeout(PATIENCE).unwrap(),
        Hint::Everything(Why::Began)
    );
    let kind = notify::EventKind::Create(notify::event::CreateKind::File);
    for _ in 0..40_000 {
        let event = notify::Event::new(kind).add_path(temp.path().join("f"));
        events.send(Message::Event(event));
    }
    assert_eq!(events.waiting(), 32_768);
    drop(go_on);
    assert_eq!(
        hints.recv_timeout(PATIENCE).unwrap(),
        Hint::Everything(Why::Overflow)
    );
}

/// The system's own events, whose reader waits while the gate is held.
#[cfg(target_os = "linux")]
struct Gated(Arc<Mutex<()>>);

#[cfg(target_os = "linux")]
impl Source for Gated {
    type Watch = notify::RecommendedWatcher;
    fn watch(&mut self, root: &Path, events: Events) -> Result<Self::Watch, String> {
        let gate = Arc::clone(&self.0);
        source::start(root, move |event| {
            drop(gate.lock().unwrap());
            source::pass_on(event, &events);
        })
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernels_own_queue_overflows_and_the_hints_lead_to_the_truth() {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    if limit > 200_000 {
        println!("SKIPPED: the queue of events is too long here to be filled ({limit})");
        return;
    }
    // Each file is made, written and closed: three events.
    for (files, overflows) in [(limit / 2, true), (limit / 100, false)] {
        let temp = tempfile::tempdir().unwrap();
        let gate = Arc::new(Mutex::new(()));
        let (sender, hints) = channel();
        let on_hint = move |hint| {
            let _ = sender.send(hint);
        };
        let source = Gated(Arc::clone(&gate));
        let _watcher = Watcher::start_with(temp.path(), quick(), source, on_hint).unwrap();
        assert_eq!(
            hints.recv_timeout(PATIENCE).unwrap(),
            Hint::Everything(Why::Began)
        );
        let before = whole(temp.path());
        let held = gate.lock().unwrap();
        for n in 0..files {
            std::fs::write(temp.path().join(format!("f{n}")), "x").unwrap();
        }
        drop(held);
        let mut seen = before;
        let mut overflowed = false;
        let cancel = Cancel::default();
        let dir = Dir::open_root(temp.path()).unwrap();
        let truth = whole(temp.path()).tree;
        while seen.tree != truth {
            seen = match hints.recv_timeout(PATIENCE).expect("a hint") {
                Hint::Everything(why) => {
                    overflowed |= why == Why::Overflow;
                    whole(temp.path())
                }
                Hint::Paths(paths) => {
                    let options = ScanOptions::new(&cancel);
                    rescan(&dir, seen, &paths, &HashOnly, &options).unwrap()
                }
            };
        }
        assert_eq!(overflowed, overflows, "{files} files, a queue of {limit}");
    }
}

/// In a user namespace of its own, whose limit is nobody else's.
#[cfg(target_os = "linux")]
#[test]
fn where_the_systems_watches_are_used_up_it_polls_and_says_so() {
    const LIMITED: &str = "SANDBOX_TEST_FEW_WATCHES";
    const NAME: &str = "watch::tests::where_the_systems_watches_are_used_up_it_polls_and_says_so";
    if let Ok(few) = std::env::var(LIMITED) {
        let temp = tempfile::tempdir().unwrap();
        for n in 0..50 {
            std::fs::create_dir(temp.path().join(format!("d{n}"))).unwrap();
        }
        let (sender, hints) = channel();
        let watcher = Watcher::start(temp.path(), quick(), move |hint| {
            let _ = sender.send(hint);
        })
        .unwrap();
        let first = hints.recv_timeout(PATIENCE).unwrap();
        if few == "no" {
            assert_eq!(first, Hint::Everything(Why::Began), "the control");
            assert_eq!(watcher.state(), WatchState::Watching);
            return;
        }
        assert_eq!(first, Hint::Everything(Why::Polling));
        let WatchState::Polling { reason } = watcher.state() else {
            panic!("it says that it polls");
        };
        assert!(reason.contains("max_user_watches"), "{reason}");
        std::fs::write(temp.path().join("d7/new"), "x").unwrap();
        let seen = hints.recv_timeout(PATIENCE).unwrap();
        assert_eq!(seen, Hint::Everything(Why::Polling), "and goes on");
        return;
    }
    let limited = |few: &str, limit: &str| {
        std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c"])
            .arg("echo $1 > /proc/sys/user/max_inotify_watches || exit 77; shift; exec \"$@\"")
            .args(["sh", limit])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(LIMITED, few)
            .output()
    };
    for (few, limit) in [("no", "1000"), ("yes", "10")] {
        let done = match limited(few, limit) {
            Ok(done) if done.status.code() != Some(77) => done,
            _ => {
                println!("SKIPPED: no user namespaces here, so no limit of our own");
                return;
            }
        };
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success() && said.contains("1 passed"),
            "limit {limit}: {said}\n{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}
