//! A project on a stick: what its disk cannot take is said for itself in the review, and the rest is copied out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::Stage;

/// A small exFAT disk, mounted. Dropped before the folder that it lies on.
struct Stick {
    at: PathBuf,
    device: String,
    _image: tempfile::TempDir,
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).output();
    let done = done.map_err(|error| format!("{program}: {error}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(format!("{program}: {}", said.trim()))
}

impl Stick {
    /// `None` where this machine cannot, with the reason printed.
    fn mount(at: &Path) -> Option<Self> {
        let mount = || {
            let image = tempfile::tempdir().unwrap();
            let disk = image.path().join("disk");
            fs::File::create(&disk).unwrap().set_len(64 << 20).unwrap();
            let disk = disk.to_str().unwrap();
            run("mkfs.exfat", &[disk])?;
            let device = run("losetup", &["-f", "--show", disk])?;
            // Over the files of the stage, which it hides.
            let how = ["-o", "nonempty", &device, at.to_str().unwrap()];
            if let Err(why) = run("mount.exfat-fuse", &how) {
                let _ = run("losetup", &["-d", &device]);
                return Err(why);
            }
            Ok(Self {
                at: at.to_owned(),
                device,
                _image: image,
            })
        };
        let mounted: Result<Self, String> = mount();
        mounted
            .map_err(|why| println!("NOT HERE: exFAT by FUSE: {why}"))
            .ok()
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", self.at.to_str().unwrap()]);
        let _ = run("losetup", &["-d", &self.device]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stick_cannot_take_is_said_for_itself_and_the_rest_is_copied_out() {
    let stage = Stage::new();
    let site = stage.path("site");
    let Some(_stick) = Stick::mount(&site) else {
        return;
    };
    fs::write(site.join("index.html"), "<h1>Hello</h1>\n").unwrap();
    let id = stage.sandbox(&[]);
    let work = "echo dark > 'a:b.md'; ln -s index.html link; echo fine > fine.md";
    assert!(stage.inside(&id, work).is_some(), "the workspace takes all");

    let mut opened = stage.open("e2e-stick").await;
    let page = &mut opened.page;
    page.click("tab-review").await;
    let footer = "[data-testid='review-footer']";
    page.until_says(footer, "2 do not fit your disk").await;
    let said = page.text(footer).await;
    assert!(!said.contains("never copied"), "{said}");
    page.click_css("[data-testid='review-file'][data-path='a:b.md']")
        .await;
    let note = "[data-testid='unfit']";
    page.until_says(note, "The disk of your folder cannot take this file")
        .await;
    page.until_says(note, "Give it another name").await;
    page.picture("cannot-hold").await;

    page.click_css("[data-testid='review-file'][data-path='fine.md']")
        .await;
    page.until_gone(note).await;
    page.press("a").await;
    page.until_says(footer, "1 file will be copied").await;
    page.click("copy-out").await;
    page.until_says("[data-testid='toast']", "Copied 1 file")
        .await;
    assert_eq!(fs::read_to_string(site.join("fine.md")).unwrap(), "fine\n");
    assert!(!site.join("link").exists());
    page.picture("copied").await;
    opened.page.close().await;
}
