//! Linux and macOS: `*at` calls on descriptors.
//!
//! macOS differs in answers, which are brought in line here: `unlink` of a folder is `EPERM` and not
//! `EISDIR`, a link where a folder is asked for `ELOOP` and not `ENOTDIR`, a socket that is opened
//! `EOPNOTSUPP` and not `ENXIO`. Its file systems fold case and accents by default: what is asked for by one
//! name may be listed by another, and a tree from a Linux image with both `A` and `a` fails to be made
//! (`AlreadyExists`) rather than losing one.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    Access, AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT,
    Uid,
};
use rustix::io::Errno;

use super::{Rename, resolve};
use crate::confined::{Kind, Space, Stat};
use crate::tree::{FileTime, Special};

/// An open folder.
pub(in crate::confined) type Handle = OwnedFd;

/// Opens a root by its path, following links on the way.
pub(in crate::confined) fn open_root(path: &Path) -> io::Result<Handle> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Opens a folder any number of components below, through no link.
pub(in crate::confined) fn open_folder(at: &Handle, path: &[u8]) -> io::Result<Handle> {
    Ok(resolve::open_folder(at.as_fd(), path, resolve::FOLDER)?)
}

/// As [`open_folder`], as a place only ([`open_place`]).
pub(in crate::confined) fn open_place_below(at: &Handle, path: &[u8]) -> io::Result<Handle> {
    Ok(resolve::open_folder(at.as_fd(), path, resolve::PLACE)?)
}

/// Opens the folder at one name.
pub(in crate::confined) fn open_child(at: &Handle, name: &[u8]) -> io::Result<Handle> {
    match resolve::open_one(at.as_fd(), name, resolve::FOLDER) {
        // As Linux says it.
        Err(Errno::LOOP) if cfg!(target_os = "macos") => Err(Errno::NOTDIR.into()),
        done => Ok(done?),
    }
}

/// Opens the folder at one name as a place only: names in it can be looked at and opened, it cannot be listed.
/// On Linux for less than half of what a full open costs.
pub(in crate::confined) fn open_place(at: &Handle, name: &[u8]) -> io::Result<Handle> {
    match resolve::open_one(at.as_fd(), name, resolve::PLACE) {
        // As Linux says it.
        Err(Errno::LOOP) if cfg!(target_os = "macos") => Err(Errno::NOTDIR.into()),
        done => Ok(done?),
    }
}

/// Opens a place fully.
pub(in crate::confined) fn open_itself(at: &Handle) -> io::Result<Handle> {
    Ok(resolve::open_one(at.as_fd(), b".", resolve::FOLDER)?)
}

/// Opens what is at one name for reading; a link, a socket and a device without a driver are refused
/// ([`is_no_file`]).
pub(in crate::confined) fn open_file(at: &Handle, name: &[u8]) -> io::Result<File> {
    Ok(File::from(resolve::open_one(
        at.as_fd(),
        name,
        OFlags::RDONLY,
    )?))
}

/// Opens what is at one name for writing at its end.
pub(in crate::confined) fn open_append(at: &Handle, name: &[u8]) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND;
    Ok(File::from(resolve::open_one(at.as_fd(), name, flags)?))
}

/// Whether a path was refused for a link in it, or for leaving the root.
pub(in crate::confined) fn is_refused(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::XDEV))
}

/// Whether something was not opened because it is no regular file.
pub(in crate::confined) fn is_no_file(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::LOOP | Errno::NXIO | Errno::NODEV))
        || cfg!(target_os = "macos") && errno == Some(Errno::OPNOTSUPP)
}

/// What lies at one name.
pub(in crate::confined) fn stat(at: &Handle, name: &[u8]) -> io::Result<Stat> {
    Ok(rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
}

/// The folder itself.
pub(in crate::confined) fn stat_self(at: &Handle) -> io::Result<Stat> {
    Ok(rustix::fs::fstat(at)?.into())
}

/// An open file.
pub(in crate::confined) fn stat_file(file: &File) -> io::Result<Stat> {
    Ok(rustix::fs::fstat(file)?.into())
}

/// Where a link points.
pub(in crate::confined) fn read_link(at: &Handle, name: &[u8]) -> io::Result<Vec<u8>> {
    Ok(rustix::fs::readlinkat(at, name, Vec::new()).map(CString::into_bytes)?)
}

/// Names and kinds; no kind where the file system does not say.
pub(in crate::confined) fn list(at: &Handle) -> io::Result<Vec<(Vec<u8>, Option<Kind>)>> {
    let mut found = Vec::new();
    for entry in rustix::fs::Dir::read_from(at)? {
        let entry = entry?;
        found.extend(named(entry.file_name().to_bytes(), entry.file_type()));
    }
    Ok(found)
}

/// As [`list`], of a handle whose position nobody else moves: it is read as it stands.
#[cfg(target_os = "linux")]
pub(in crate::confined) fn list_once(at: &Handle) -> io::Result<Vec<(Vec<u8>, Option<Kind>)>> {
    use std::mem::MaybeUninit;
    thread_local! {
        static BUFFER: std::cell::RefCell<Vec<MaybeUninit<u8>>> =
            std::cell::RefCell::new(vec![MaybeUninit::uninit(); 64 * 1024]);
    }
    BUFFER.with_borrow_mut(|buffer| {
        let mut entries = rustix::fs::RawDir::new(at, buffer);
        let mut found = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            found.extend(named(entry.file_name().to_bytes(), entry.file_type()));
        }
        Ok(found)
    })
}

#[cfg(not(target_os = "linux"))]
pub(in crate::confined) fn list_once(at: &Handle) -> io::Result<Vec<(Vec<u8>, Option<Kind>)>> {
    list(at)
}

fn named(name: &[u8], kind: FileType) -> Option<(Vec<u8>, Option<Kind>)> {
    let kind = match kind {
        FileType::Unknown => None,
        kind => Some(kind.into()),
    };
    (name != b"." && name != b"..").then(|| (name.to_vec(), kind))
}

/// The local file systems on which a change of a folder's names is one with the change of its times. Not
/// those of another machine or process (NFS, 9p, virtiofs, FUSE), which may answer from a cache, nor layers.
#[cfg(target_os = "linux")]
pub(in crate::confined) fn has_true_folder_times(at: &Handle) -> bool {
    magic(at).is_some_and(|kind| LOCAL.contains(&kind))
}

#[cfg(not(target_os = "linux"))]
pub(in crate::confined) fn has_true_folder_times(_at: &Handle) -> bool {
    false
}

/// The file systems that hold no files: each name in them is a reading of the kernel's own state.
#[cfg(target_os = "linux")]
pub(in crate::confined) fn shows_system_state(at: &Handle) -> bool {
    const PROC: u64 = 0x9fa0;
    const SYSFS: u64 = 0x6265_6572;
    const CGROUP: u64 = 0x0027_e0eb;
    const CGROUP2: u64 = 0x6367_7270;
    const DEBUGFS: u64 = 0x6462_6720;
    const TRACEFS: u64 = 0x7472_6163;
    const SECURITYFS: u64 = 0x7363_6673;
    const BPF: u64 = 0xcafe_4a11;
    const DEVPTS: u64 = 0x1cd1;
    magic(at).is_some_and(|kind| {
        [
            PROC, SYSFS, CGROUP, CGROUP2, DEBUGFS, TRACEFS, SECURITYFS, BPF, DEVPTS,
        ]
        .contains(&kind)
    })
}

#[cfg(not(target_os = "linux"))]
pub(in crate::confined) fn shows_system_state(_at: &Handle) -> bool {
    false
}

/// ext2 to ext4, XFS, btrfs, F2FS, ZFS, tmpfs.
#[cfg(target_os = "linux")]
const LOCAL: [u64; 6] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x0102_1994,
];

#[cfg(target_os = "linux")]
fn magic(at: &Handle) -> Option<u64> {
    rustix::fs::fstatfs(at).ok().map(|s| s.f_type as u64)
}

/// The file systems known to keep what an entry is: those, and overlayfs, which lies on one of them.
#[cfg(target_os = "linux")]
pub(in crate::confined) fn keeps_entries(at: &Handle) -> bool {
    const OVERLAY: u64 = 0x794c_7630;
    magic(at).is_some_and(|kind| LOCAL.contains(&kind) || kind == OVERLAY)
}

/// APFS and HFS+.
#[cfg(target_os = "macos")]
pub(in crate::confined) fn keeps_entries(at: &Handle) -> bool {
    let name = rustix::fs::fstatfs(at).map(|s| s.f_fstypename.map(|c| c as u8));
    name.is_ok_and(|name| name.starts_with(b"apfs\0") || name.starts_with(b"hfs\0"))
}

/// Whether names can be made and removed in a folder.
pub(in crate::confined) fn check_writable(at: &Handle) -> io::Result<()> {
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    Ok(rustix::fs::accessat(at, c".", wanted, AtFlags::EACCESS)?)
}

/// Room on the file system.
// The widths of these fields differ by platform.
#[allow(clippy::unnecessary_cast)]
pub(in crate::confined) fn space(at: &Handle) -> io::Result<Space> {
    let raw = rustix::fs::fstatvfs(at)?;
    Ok(Space {
        free: raw.f_bavail.saturating_mul(raw.f_frsize),
        total: raw.f_blocks.saturating_mul(raw.f_frsize),
        // btrfs and others say 0 of 0.
        free_files: if raw.f_files == 0 {
            u64::MAX
        } else {
            raw.f_favail as u64
        },
    })
}

/// Makes a file that only its owner can read; fails where anything is.
pub(in crate::confined) fn create_new(at: &Handle, name: &[u8]) -> io::Result<File> {
    let flags = OFlags::RDWR
        | OFlags::CREATE
        | OFlags::EXCL
        | OFlags::NOFOLLOW
        | OFlags::CLOEXEC
        | OFlags::NOCTTY;
    let made = rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o600))?;
    Ok(File::from(made))
}

/// Sets the permission bits of an open file or folder.
pub(in crate::confined) fn set_mode_of(file: impl AsFd, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, permissions(mode))?)
}

/// Makes a folder with at most this mode.
pub(in crate::confined) fn mkdir(at: &Handle, name: &[u8], mode: u32) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(at, name, permissions(mode))?)
}

/// Makes a link.
pub(in crate::confined) fn symlink(at: &Handle, target: &[u8], name: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::symlinkat(target, at, name)?)
}

/// Moves a name. On macOS by `renameatx_np`, with `RENAME_SWAP` or `RENAME_EXCL`.
pub(in crate::confined) fn rename(
    at: &Handle,
    name: &[u8],
    into: &Handle,
    to: &[u8],
    how: Rename,
) -> io::Result<()> {
    let flags = match how {
        Rename::NoReplace => RenameFlags::NOREPLACE,
        Rename::Exchange => RenameFlags::EXCHANGE,
        Rename::Replace => RenameFlags::empty(),
    };
    Ok(rustix::fs::renameat_with(at, name, into, to, flags)?)
}

/// A second name for what is at one, a link itself. On macOS links take none on some file systems.
pub(in crate::confined) fn hard_link(
    at: &Handle,
    name: &[u8],
    into: &Handle,
    to: &[u8],
) -> io::Result<()> {
    Ok(rustix::fs::linkat(at, name, into, to, AtFlags::empty())?)
}

/// Removes a name that is not a folder.
pub(in crate::confined) fn unlink(at: &Handle, name: &[u8]) -> io::Result<()> {
    match rustix::fs::unlinkat(at, name, AtFlags::empty()) {
        Err(Errno::PERM)
            if cfg!(target_os = "macos") && stat(at, name).is_ok_and(|s| s.kind == Kind::Dir) =>
        {
            Err(Errno::ISDIR.into())
        }
        done => Ok(done?),
    }
}

/// Removes an empty folder.
pub(in crate::confined) fn rmdir(at: &Handle, name: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)?)
}

/// Sets the permission bits at one name, without read permission; a link is an error.
#[cfg(target_os = "linux")]
pub(in crate::confined) fn set_mode(at: &Handle, name: &[u8], mode: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let handle = resolve::open_one(at.as_fd(), name, OFlags::PATH)?;
    if Stat::from(rustix::fs::fstat(&handle)?).kind == Kind::Symlink {
        return Err(Errno::LOOP.into());
    }
    // A path handle takes no fchmod before Linux 6.6; this name of it is our own and cannot be
    // made to point elsewhere.
    let own = format!("/proc/self/fd/{}", handle.as_raw_fd());
    Ok(rustix::fs::chmod(own.as_str(), permissions(mode))?)
}

/// Sets the permission bits at one name, without read permission; a link is an error. Links have modes
/// of their own on macOS: swapped in meanwhile, it is the link's that changes.
#[cfg(target_os = "macos")]
pub(in crate::confined) fn set_mode(at: &Handle, name: &[u8], mode: u32) -> io::Result<()> {
    if stat(at, name)?.kind == Kind::Symlink {
        return Err(Errno::LOOP.into());
    }
    let mode = permissions(mode);
    Ok(rustix::fs::chmodat(
        at,
        name,
        mode,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

/// Sets the modification time at one name, of a link itself.
pub(in crate::confined) fn set_mtime(at: &Handle, name: &[u8], time: FileTime) -> io::Result<()> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::utimensat(at, name, &times(time), flags)?)
}

/// Sets the modification time of an open file or folder.
pub(in crate::confined) fn set_mtime_of(file: impl AsFd, time: FileTime) -> io::Result<()> {
    Ok(rustix::fs::futimens(file, &times(time))?)
}

/// Sets owner and group at one name, of a link itself.
pub(in crate::confined) fn chown(at: &Handle, name: &[u8], uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::chownat(at, name, uid, gid, flags)?)
}

/// Sets owner and group of an open file or folder.
pub(in crate::confined) fn chown_of(file: impl AsFd, uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    Ok(rustix::fs::fchown(file, uid, gid)?)
}

/// Sets the permission bits of the folder itself.
pub(in crate::confined) fn set_mode_self(at: &Handle, mode: u32) -> io::Result<()> {
    set_mode_of(at, mode)
}

/// Sets the modification time of the folder itself.
pub(in crate::confined) fn set_mtime_self(at: &Handle, time: FileTime) -> io::Result<()> {
    set_mtime_of(at, time)
}

/// Sets owner and group of the folder itself.
pub(in crate::confined) fn chown_self(at: &Handle, uid: u32, gid: u32) -> io::Result<()> {
    chown_of(at, uid, gid)
}

/// Makes the names in a folder survive a power cut.
#[cfg(target_os = "linux")]
pub(in crate::confined) fn sync(at: &Handle) -> io::Result<()> {
    Ok(rustix::fs::fsync(at)?)
}

/// Makes the names in a folder survive a power cut: `fsync` hands them to the drive only, `F_FULLFSYNC`
/// has the drive write them. File systems without it take `fsync`.
#[cfg(target_os = "macos")]
pub(in crate::confined) fn sync(at: &Handle) -> io::Result<()> {
    match rustix::fs::fcntl_fullfsync(at) {
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOTTY) => Ok(rustix::fs::fsync(at)?),
        done => Ok(done?),
    }
}

/// Makes everything written to the file system survive a power cut.
#[cfg(target_os = "linux")]
pub(in crate::confined) fn sync_fs(at: &Handle) -> io::Result<()> {
    Ok(rustix::fs::syncfs(at)?)
}

/// Makes what lies directly in a folder survive a power cut. `sync` does not wait on macOS, so each file is
/// handed to the drive by itself before `F_FULLFSYNC` empties the drive's cache.
#[cfg(target_os = "macos")]
pub(in crate::confined) fn sync_fs(at: &Handle) -> io::Result<()> {
    rustix::fs::sync();
    for (name, kind) in list(at)? {
        if kind.is_some_and(|kind| kind != Kind::File) {
            continue;
        }
        match open_file(at, &name) {
            Ok(file) => rustix::fs::fsync(&file)?,
            Err(e) if is_no_file(&e) => {}
            // Its own mode closes it to us: `sync` has it on its way.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
            Err(e) => return Err(e),
        }
    }
    sync(at)
}

/// A file left by the sandbox must not run as its owner on the host.
fn permissions(mode: u32) -> Mode {
    // 16 bits wide on macOS.
    Mode::from_bits_truncate((mode & 0o777) as _)
}

fn times(mtime: FileTime) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: mtime.seconds,
            tv_nsec: mtime.nanos.into(),
        },
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Dir,
            FileType::Symlink => Self::Symlink,
            FileType::Fifo => Self::Special(Special::Fifo),
            FileType::Socket => Self::Special(Special::Socket),
            FileType::CharacterDevice => Self::Special(Special::CharDevice),
            FileType::BlockDevice => Self::Special(Special::BlockDevice),
            FileType::Unknown => Self::Special(Special::Unknown),
        }
    }
}

// The widths of these fields differ by platform.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
impl From<rustix::fs::Stat> for Stat {
    fn from(raw: rustix::fs::Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(raw.st_mode).into(),
            mode: raw.st_mode as u32 & 0o7777,
            size: u64::try_from(raw.st_size).unwrap_or(0),
            allocated: u64::try_from(raw.st_blocks).unwrap_or(0) * 512,
            mtime: FileTime {
                seconds: raw.st_mtime as i64,
                nanos: raw.st_mtime_nsec as u32,
            },
            ctime: FileTime {
                seconds: raw.st_ctime as i64,
                nanos: raw.st_ctime_nsec as u32,
            },
            dev: raw.st_dev as u64,
            ino: raw.st_ino as u64,
            nlink: raw.st_nlink as u64,
            uid: raw.st_uid,
            gid: raw.st_gid,
        }
    }
}
