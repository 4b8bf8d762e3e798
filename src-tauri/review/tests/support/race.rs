//! An editor at work in the project while changes are copied out.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sandbox_review::copyout::CopyOutError;

use super::*;

/// Every content that lies in the project or in a kept backup.
pub fn contents(case: &Case) -> HashSet<Vec<u8>> {
    [case.project(), case.home.path().join("copyouts")]
        .iter()
        .flat_map(|at| picture(at).into_values().map(|(_, _, content)| content))
        .collect()
}

/// 200 copy-outs of one file, while an editor saves it: its last write is in the project or in a backup.
pub fn race(by_rename: bool) {
    let mut case = Case::new(|root| write(root, "f", "start\n"));
    let stop = AtomicBool::new(false);
    let round_now = AtomicU32::new(0);
    let project = case.project();
    let mut written = 0_u32;
    std::thread::scope(|scope| {
        let editor = scope.spawn(|| {
            let mut last = Vec::new();
            let mut n = 0_u32;
            let mut seen = 0;
            while !stop.load(Ordering::Relaxed) {
                let now = round_now.load(Ordering::Relaxed);
                if now == seen {
                    std::thread::yield_now();
                    continue;
                }
                // Once a round, each time at another moment of the copy-out.
                seen = now;
                // Every fourth round is left alone, so that on any machine some get through.
                if now.is_multiple_of(4) {
                    continue;
                }
                for _ in 0..now * 7_919 % 60_000 {
                    std::hint::spin_loop();
                }
                n += 1;
                last = format!("edit {n}\n").into_bytes();
                save(&project, &last, by_rename);
            }
            last
        });
        for round in 0..200 {
            // The agent's next version, over whatever the user has right now.
            let now = std::fs::read(project.join("f")).unwrap_or_default();
            std::fs::write(case.workspace().join("f"), &now).unwrap();
            case.base = case.capture();
            write(&case.workspace(), "f", format!("agent {round}\n"));
            round_now.store(round + 1, Ordering::Relaxed);
            let plan = case.plan(false);
            match case.run(&plan) {
                Ok(report) => {
                    written += u32::from(!report.applied.is_empty());
                    case.settle(&report);
                }
                Err(CopyOutError::Unresolved { .. }) => {}
                Err(e) => panic!("{e}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
        let last = editor.join().unwrap();
        assert!(
            contents(&case).contains(&last),
            "by rename: {by_rename}; {:?} is neither in the project nor in a backup",
            String::from_utf8_lossy(&last)
        );
    });
    println!("by rename: {by_rename}; {written} of 200 copy-outs were written");
    assert!(written > 0, "no copy-out got through: nothing was raced");
    assert!(written < 200, "no save came in between: nothing was raced");
}

fn save(project: &Path, content: &[u8], by_rename: bool) {
    let at = project.join("f");
    if by_rename {
        let temporary = project.join(".f.swp");
        std::fs::write(&temporary, content).unwrap();
        std::fs::rename(&temporary, &at).unwrap();
    } else {
        // Where names are not exchanged at once, nothing is there for a moment: then it is made anew.
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(&at)
            .unwrap();
        file.set_len(0).unwrap();
        file.write_all(content).unwrap();
    }
}
