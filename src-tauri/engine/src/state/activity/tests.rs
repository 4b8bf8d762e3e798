#![allow(clippy::unwrap_used)]
use super::*;

fn entry(what: &str) -> ActivityEntry {
    ActivityEntry {
        id: 0,
        time: 5,
        kind: ActivityKind::Network,
        what: what.to_owned(),
        decision: None,
        detail: String::new(),
        subject: None,
    }
}

fn log(most: u64) -> (tempfile::TempDir, ActivityLog) {
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog {
        folder: folder.path().to_owned(),
        most,
    };
    (folder, log)
}

fn decision(number: u64, part: Part, what: &str) -> Decision {
    Decision {
        number,
        part,
        entry: entry(what),
    }
}

fn words(log: &ActivityLog) -> Vec<(u64, String)> {
    let entries = log.read().unwrap().into_iter();
    entries.map(|entry| (entry.id, entry.what)).collect()
}

fn on_disk(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

#[test]
fn a_flood_of_one_part_pushes_out_none_of_another_and_takes_bounded_room() {
    let (folder, log) = log(4000);
    log.append(Part::Own, entry("copied out")).unwrap();
    let reached = vec![decision(1, Part::Reached, "reached.test")];
    log.append_decisions("g", reached).unwrap();
    log.append(Part::ByItself, entry("a snapshot")).unwrap();
    for round in 0..200 {
        let first = 2 + round * 10;
        let names = (first..first + 10).map(|n| decision(n, Part::Refused, "refused.test"));
        log.append_decisions("g", names.collect()).unwrap();
    }
    assert!(on_disk(folder.path()) < 2 * 4000 + 1000);
    let kept = words(&log);
    assert_eq!(kept[0], (0, "Older entries are not kept".to_owned()));
    assert_eq!(kept[1], (1, "copied out".to_owned()));
    assert_eq!(kept[2], (2, "reached.test".to_owned()));
    assert_eq!(kept[3], (3, "a snapshot".to_owned()));
    let newest: Vec<u64> = kept[4..].iter().map(|(id, _)| *id).collect();
    assert_eq!(newest.last(), Some(&2003), "the newest is there");
    assert!(newest.len() >= 20, "{}", newest.len());
    assert!(
        newest.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "no hole"
    );
    let detail = &log.read().unwrap()[0].detail;
    let gone = 2003 - 3 - newest.len();
    assert!(detail.starts_with(&format!("{gone} so far")), "{detail}");
    // The control: in one part it would be gone.
    for _ in 0..200 {
        log.append(Part::Own, entry("something else that was done"))
            .unwrap();
    }
    assert!(!words(&log).iter().any(|(_, what)| what == "copied out"));
}

#[test]
fn numbers_go_on_where_the_newer_file_is_not_there_yet() {
    let (folder, log) = log(300);
    let mut given = Vec::new();
    for _ in 0..20 {
        given.push(log.append(Part::Own, entry("one")).unwrap().id);
        // A crash between the rename and the first line after it.
        let [newer, older] = Part::Own.names().map(|name| folder.path().join(name));
        if given.len() == 10 {
            fs::rename(newer, older).unwrap();
            assert_eq!(words(&log).last().unwrap().0, 10);
        }
    }
    assert_eq!(given, (1..=20).collect::<Vec<u64>>());
}

#[test]
fn what_a_crash_cut_short_is_passed_over_and_spoils_nothing() {
    let (folder, log) = log(FILE_MOST);
    log.append(Part::Own, entry("first")).unwrap();
    log.append(Part::Own, entry("second")).unwrap();
    let path = folder.path().join("activity.jsonl");
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in first..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(words(&log)[0], (1, "first".to_owned()), "cut at {cut}");
        let added = log.append(Part::Own, entry("third")).unwrap();
        assert_eq!(added.id, 2, "the second never was: cut at {cut}");
        let expected = [(1, "first".to_owned()), (2, "third".to_owned())];
        assert_eq!(words(&log), expected, "cut at {cut}");
    }
    // In the first line of all, and of nothing else.
    fs::write(&path, &whole[..first / 2]).unwrap();
    log.append(Part::Own, entry("third")).unwrap();
    assert_eq!(words(&log), [(1, "third".to_owned())]);
}

#[test]
fn a_decision_is_written_down_once_however_often_it_is_told() {
    let (_folder, log) = log(FILE_MOST);
    let told = |from: u64, to: u64| -> Vec<Decision> {
        let part = |n: u64| [Part::Reached, Part::Refused][usize::from(n.is_multiple_of(2))];
        (from..=to)
            .map(|n| decision(n, part(n), &n.to_string()))
            .collect()
    };
    let new = log.append_decisions("one", told(1, 5)).unwrap();
    assert_eq!(new.len(), 5);
    // A listener that did not know how far the one before it had come; and a second one beside it.
    let new = log.append_decisions("one", told(3, 8)).unwrap();
    let whats: Vec<&str> = new.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(whats, ["6", "7", "8"]);
    assert!(log.append_decisions("one", told(1, 8)).unwrap().is_empty());
    // Another gateway counts anew.
    assert_eq!(log.append_decisions("two", told(1, 2)).unwrap().len(), 2);
    let ids: Vec<u64> = words(&log).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=10).collect::<Vec<u64>>());
}

#[test]
fn lines_of_before_numbers_were_written_down_have_their_place() {
    let (folder, log) = log(FILE_MOST);
    let old = r#"{"time":1,"kind":"started","what":"Started"}"#;
    let path = folder.path().join("activity.jsonl");
    fs::write(&path, format!("{old}\n{{\"id\":0,\n{old}\n")).unwrap();
    assert_eq!(log.append(Part::Refused, entry("new")).unwrap().id, 4);
    assert_eq!(log.append(Part::Own, entry("newer")).unwrap().id, 5);
    let ids: Vec<u64> = words(&log).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [0, 1, 3, 4, 5], "the second one does not read");
}

#[test]
fn an_endless_text_is_cut() {
    let (folder, log) = log(FILE_MOST);
    let long = ActivityEntry {
        detail: "\u{20ac}".repeat(100_000),
        ..entry("one")
    };
    let written = log.append(Part::Own, long).unwrap();
    assert!(written.detail.len() <= TEXT_MOST + 3 && written.detail.ends_with('\u{2026}'));
    assert!(on_disk(folder.path()) < 6000);
    assert_eq!(
        log.append(Part::Own, entry("two")).unwrap().id,
        2,
        "past its end"
    );
}

#[test]
fn many_append_at_once_and_each_has_its_own_number() {
    let (_folder, log) = log(20_000);
    let append = |log: &ActivityLog| {
        let one = |_| log.append(Part::Own, entry("one")).unwrap().id;
        (0..100).map(one).collect::<Vec<u64>>()
    };
    let mut ids: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| append(&log))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    ids.sort_unstable();
    assert_eq!(ids, (1..=400).collect::<Vec<u64>>());
}
