//! While somebody else works in the same folder, or the disk is full: nothing of the user's is lost.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use sandbox_review::copyout::{self, CopyOutError};
use sandbox_workspace::{Cancel, Dir, Silent};
use support::*;

#[test]
fn an_editor_that_saves_all_the_time_never_loses_its_last_write() {
    for by_rename in [true, false] {
        race::race(by_rename);
    }
}

#[test]
fn late_writes_of_an_open_file_land_in_the_backup() {
    let mut case = Case::new(|root| write(root, "f", "old\n"));
    let mut open = std::fs::OpenOptions::new()
        .append(true)
        .open(case.project().join("f"))
        .unwrap();
    write(&case.workspace(), "f", "agent\n");
    case.copy_out();
    open.write_all(b"late\n").unwrap();
    assert_eq!(std::fs::read(case.project().join("f")).unwrap(), b"agent\n");
    assert!(race::contents(&case).contains(&b"old\nlate\n"[..]));
    case.undo();
    assert_eq!(
        std::fs::read(case.project().join("f")).unwrap(),
        b"old\nlate\n",
        "undo brings it back"
    );
}

/// Mounts a small file system; `None` where that is not allowed (an ordinary user).
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: &Path, kilobytes: u32) -> Option<Self> {
        let options = format!("size={kilobytes}k,nr_inodes=4096");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .output();
        done.is_ok_and(|done| done.status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_the_project_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let Some(_mounted) = Small::mount(home.path(), 16 * 1024) else {
        println!("SKIPPED: needs the right to mount a small file system");
        return;
    };
    let project = home.path().join("project");
    let copyouts = home.path().join("copyouts");
    std::fs::create_dir(&project).unwrap();
    std::fs::create_dir(&copyouts).unwrap();
    rich(&project);
    // The rest of the case lies elsewhere: only project and stage share the small disk.
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    write(&case.workspace(), "large", vec![7; 3 << 20]);
    let plan_on = |case: &mut Case| {
        let capture = case.capture();
        let changes = case.changes();
        let (picks, _) = copyout::choose(&changes.list, true);
        copyout::plan(&copyout::Request {
            project: &Dir::open_root(&project).unwrap(),
            base: &case.base,
            capture: &capture,
            capture_id: None,
            picks: &picks,
            blobs: &case.blobs,
            merge: true,
            leave_conflicts: false,
            resolutions: &[],
        })
        .unwrap()
    };
    let plan = plan_on(&mut case);
    let before = picture(&project);
    let run = || {
        copyout::execute(
            &plan,
            &Dir::open_root(&project).unwrap(),
            &Dir::open_root(&copyouts).unwrap(),
            &case.blobs,
            &Silent,
            &Cancel::default(),
        )
    };
    let mut refused = 0;
    for left in (0..4096).step_by(256) {
        // Fill the disk, but for so many kilobytes.
        let filler = home.path().join("filler");
        let free = Dir::open_root(home.path())
            .unwrap()
            .free_space()
            .unwrap()
            .free;
        std::fs::write(
            &filler,
            vec![1; usize::try_from(free).unwrap().saturating_sub(left * 1024)],
        )
        .unwrap();
        let error = run().expect_err("too little room");
        refused += u32::from(error.is_full());
        std::fs::remove_file(&filler).unwrap();
        assert_eq!(picture(&project), before, "{left} KiB left: {error}");
        assert!(
            copyout::recover(
                &Dir::open_root(&copyouts).unwrap(),
                &Dir::open_root(&project).unwrap()
            )
            .unwrap()
            .len()
                <= 1
        );
    }
    assert_eq!(refused, 16, "said to be the disk");
    // The control: with room, the same plan is carried out.
    assert!(!run().unwrap().applied.is_empty());
    assert_ne!(picture(&project), before);
}

#[test]
fn a_mount_inside_the_project_is_written_through_a_stage_of_its_own() {
    let mut case = Case::new(|root| {
        write(root, "f", "old\n");
        std::fs::create_dir(root.join("mounted")).unwrap();
    });
    let Some(_mounted) = Small::mount(&case.project().join("mounted"), 1024 * 8) else {
        println!("SKIPPED: needs the right to mount a small file system");
        return;
    };
    chmod(&case.project(), "mounted", 0o755);
    for root in [case.project(), case.workspace()] {
        write(&root, "mounted/deep/g", "old\n");
        write(&root, "mounted/h", "goes\n");
    }
    case.base = case.capture();
    // The probe: a plain rename from outside into the mount is refused.
    std::fs::write(case.home.path().join("probe"), "x").unwrap();
    let refused = std::fs::rename(
        case.home.path().join("probe"),
        case.project().join("mounted/probe"),
    );
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::CrossesDevices
    );

    let before = picture(&case.project());
    write(&case.workspace(), "f", "new\n");
    write(&case.workspace(), "mounted/deep/g", "new\n");
    std::fs::remove_file(case.workspace().join("mounted/h")).unwrap();
    let report = case.copy_out();
    assert_eq!(report.conflicts, []);
    assert_eq!(
        picture(&case.project()),
        picture(&case.workspace()),
        "and no stage is left behind"
    );
    case.undo();
    assert_eq!(picture(&case.project()), before);
}

/// Seen before anything is staged, also where the folder of another change is in order.
#[test]
fn a_folder_that_cannot_be_written_to_is_met_before_anything_is_done() {
    let mut case = Case::new(|root| {
        write(root, "f", "old\n");
        std::fs::create_dir(root.join("closed")).unwrap();
    });
    let closed = case.project().join("closed");
    let Some(mounted) = Small::mount(&closed, 8 * 1024) else {
        println!("SKIPPED: needs the right to mount a small file system");
        return;
    };
    chmod(&case.project(), "closed", 0o755);
    let remount = |how: &str| {
        let options = format!("remount,{how}");
        let mut mount = Command::new("mount");
        let done = mount.args(["-o", &options]).arg(&closed).status();
        assert!(done.unwrap().success());
    };
    write(&case.workspace(), "f", "new\n");
    write(&case.workspace(), "closed/g", "new\n");
    let before = picture(&case.project());
    let plan = case.plan(true);
    remount("ro");
    let refused = case.run(&plan).unwrap_err();
    assert!(
        refused.to_string().contains("closed") && matches!(refused, CopyOutError::File { .. }),
        "{refused}"
    );
    assert_eq!(picture(&case.project()), before);
    assert_eq!(copyout::history(&case.copyouts()).unwrap(), []);
    // The probe: the same plan is written where the folder is open.
    remount("rw");
    assert_eq!(case.run(&plan).unwrap().conflicts, []);
    drop(mounted);
}
