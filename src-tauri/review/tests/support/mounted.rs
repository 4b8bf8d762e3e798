//! Small file systems of other kinds, mounted for one test.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A kind that a project may lie on, and how it is made.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// The kernel's FAT: no links, no modes, times of 2 seconds.
    Fat,
    /// The kernel's exFAT.
    ExFat,
    /// exFAT by FUSE: no flags of `renameat2`, no hard links.
    ExFatByFuse,
    /// NTFS by FUSE, with links and modes, without flags.
    NtfsByFuse,
}

/// btrfs, whose subvolumes are several devices on one mount.
pub fn mount_btrfs(at: &Path) -> Option<Mounted> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk");
    let made = make_image(&image, 128).and_then(|image| {
        run("mkfs.btrfs", &["-q", image])?;
        let device = run("losetup", &["-f", "--show", image])?.trim().to_owned();
        let mounted = run("mount", &["-t", "btrfs", &device, at.to_str().unwrap()]);
        mounted.map(|_| Mounted {
            at: at.to_owned(),
            device: Some(device),
            _image: folder,
        })
    });
    made.map_err(|why| not_here("btrfs", &why, at)).ok()
}

/// Makes an empty disk of so many megabytes.
fn make_image(at: &Path, megabytes: u64) -> Result<&str, String> {
    let made = std::fs::File::create(at).and_then(|file| file.set_len(megabytes << 20));
    made.map_err(|e| e.to_string())?;
    Ok(at.to_str().unwrap())
}

pub const KINDS: &[Kind] = &[Kind::Fat, Kind::ExFat, Kind::ExFatByFuse, Kind::NtfsByFuse];

impl Kind {
    /// Whether symbolic links and permission bits are kept, and case tells names apart.
    pub fn is_like_unix(self) -> bool {
        matches!(self, Self::NtfsByFuse)
    }
}

/// A mounted one; gone when it is dropped.
pub struct Mounted {
    at: PathBuf,
    device: Option<String>,
    /// Its disk.
    _image: tempfile::TempDir,
}

/// Mounts one; `None` where this machine cannot, with the reason printed.
pub fn mount(kind: Kind, at: &Path) -> Option<Mounted> {
    try_mount(kind, at)
        .map_err(|why| not_here(&format!("{kind:?}"), &why, at))
        .ok()
}

/// Said once for each file system in the end, as no failure: a kernel has it or has it not. What every file
/// system must hold is tested everywhere, by the stand-ins of `file_systems`.
fn not_here(kind: &str, why: &str, at: &Path) {
    println!(
        "NOT HERE: {kind}: {}",
        why.replace(at.to_str().unwrap(), "\u{2026}")
    );
}

fn try_mount(kind: Kind, at: &Path) -> Result<Mounted, String> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk");
    let image = make_image(&image, 64)?;
    let place = at.to_str().unwrap();
    match kind {
        Kind::Fat => run("mkfs.vfat", &[image])?,
        Kind::ExFat | Kind::ExFatByFuse => run("mkfs.exfat", &[image])?,
        Kind::NtfsByFuse => run("mkfs.ntfs", &["-F", "-Q", "-q", image])?,
    };
    if let Kind::NtfsByFuse = kind {
        run("lowntfs-3g", &["-o", "permissions", image, place])?;
        return Ok(Mounted {
            at: at.to_owned(),
            device: None,
            _image: folder,
        });
    }
    let device = run("losetup", &["-f", "--show", image])?.trim().to_owned();
    let mounted = match kind {
        Kind::Fat => run("mount", &["-t", "vfat", &device, place]),
        Kind::ExFat => run("mount", &["-t", "exfat", "-i", &device, place]),
        _ => run("mount.exfat-fuse", &[&device, place]),
    };
    if let Err(why) = mounted {
        let _ = run("losetup", &["-d", &device]);
        return Err(why);
    }
    Ok(Mounted {
        at: at.to_owned(),
        device: Some(device),
        _image: folder,
    })
}

pub fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(args).output();
    let done = done.map_err(|e| format!("{program}: {e}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(format!("{program}: {}", said.trim().replace('\n', "; ")))
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", self.at.to_str().unwrap()]);
        if let Some(device) = &self.device {
            let _ = run("losetup", &["-d", device]);
        }
    }
}
