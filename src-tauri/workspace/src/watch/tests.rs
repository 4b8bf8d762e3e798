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
