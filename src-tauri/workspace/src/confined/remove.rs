//! Deleting a tree by handles: any depth, any mode, never outside, with few open files.

use super::{Dir, FsError, Kind};

/// Folders held open at once; deeper ones are first moved up.
const HELD: usize = 64;

/// Times a folder is listed again because something new appeared in it.
const PASSES: usize = 16;

impl Dir {
    /// Removes whatever is at `name`, with all that is in it. A link is removed, not its target.
    /// Nothing at `name` is an error of kind `NotFound`.
    ///
    /// Folders that refuse us are given mode 0700 first. Neither memory nor open files grow with the
    /// depth: a folder too many levels down is moved to the top of the tree and emptied from there.
    pub fn remove_tree(&self, name: &[u8]) -> Result<(), FsError> {
        if self.stat(name)?.kind != Kind::Dir {
            return self.unlink(name);
        }
        let top = open_forced(self, name)?;
        for pass in 0.. {
            empty(&top)?;
            match self.rmdir(name) {
                Err(e) if e.kind() == std::io::ErrorKind::DirectoryNotEmpty && pass < PASSES => {}
                done => return done,
            }
        }
        Ok(())
    }

    /// Removes everything in this folder and keeps the folder.
    pub fn remove_content(&self) -> Result<(), FsError> {
        for _ in 0..PASSES {
            empty(self)?;
            if self.list()?.is_empty() {
                return Ok(());
            }
        }
        let full = std::io::Error::from(std::io::ErrorKind::DirectoryNotEmpty);
        Err(FsError::io("empty", b".", full))
    }
}

/// One folder on the way down: its handle, its name in the one above, and what is left in it.
struct Level {
    dir: Dir,
    name: Vec<u8>,
    left: Vec<(Vec<u8>, Kind)>,
    passes: usize,
}

/// Removes what is in `top`; moved-up folders may remain and are seen by the caller's next pass.
fn empty(top: &Dir) -> Result<(), FsError> {
    let mut moved = 0_u64;
    let mut levels = vec![level(top.try_clone()?, Vec::new(), 0)?];
    while let Some(here) = levels.last_mut() {
        let Some((name, kind)) = here.left.pop() else {
            if let Some(done) = levels.pop() {
                leave(done, &mut levels)?;
            }
            continue;
        };
        if kind != Kind::Dir {
            remove_name(&here.dir, &name)?;
        } else if levels.len() < HELD {
            descend(&name, &mut levels)?;
        } else {
            let aside = move_up(&levels, &name, top, &mut moved)?;
            levels[0].left.extend(aside.map(|name| (name, Kind::Dir)));
        }
    }
    Ok(())
}

fn level(dir: Dir, name: Vec<u8>, passes: usize) -> Result<Level, FsError> {
    let left = dir.list()?;
    Ok(Level {
        dir,
        name,
        left,
        passes,
    })
}

fn remove_name(dir: &Dir, name: &[u8]) -> Result<(), FsError> {
    match dir.unlink(name) {
        Err(e) if e.is_not_found() => Ok(()),
        // Swapped for a folder meanwhile: the next pass sees it.
        Err(e) if e.kind() == std::io::ErrorKind::IsADirectory => Ok(()),
        done => done,
    }
}

fn descend(name: &[u8], levels: &mut Vec<Level>) -> Result<(), FsError> {
    let Some(here) = levels.last() else {
        return Ok(());
    };
    match here.dir.rmdir(name) {
        Ok(()) => return Ok(()),
        Err(e) if e.is_not_found() => return Ok(()),
        Err(_) => {}
    }
    match open_forced(&here.dir, name) {
        Ok(dir) => levels.push(level(dir, name.to_vec(), 0)?),
        Err(e) if e.is_not_found() => {}
        // Swapped for a file or link meanwhile.
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => remove_name(&here.dir, name)?,
        Err(e) => return Err(e),
    }
    Ok(())
}

/// Removes a folder that was emptied, or lists it again where something appeared.
fn leave(done: Level, levels: &mut Vec<Level>) -> Result<(), FsError> {
    let Some(above) = levels.last() else {
        return Ok(());
    };
    match above.dir.rmdir(&done.name) {
        Err(e) if e.kind() == std::io::ErrorKind::DirectoryNotEmpty && done.passes < PASSES => {
            levels.push(level(done.dir, done.name, done.passes + 1)?);
            Ok(())
        }
        Err(e) if e.is_not_found() => Ok(()),
        result => result,
    }
}

/// Moves a folder of the deepest level to a free name in `top`; `None` if it is gone.
fn move_up(
    levels: &[Level],
    name: &[u8],
    top: &Dir,
    moved: &mut u64,
) -> Result<Option<Vec<u8>>, FsError> {
    let Some(here) = levels.last() else {
        return Ok(None);
    };
    // Its own mode must allow that its `..` is rewritten.
    open_forced(&here.dir, name)?;
    loop {
        *moved += 1;
        let aside = format!(".removing-{moved}").into_bytes();
        match here.dir.rename_noreplace(name, top, &aside) {
            Err(e) if e.is_exists() => {}
            Err(e) if e.is_not_found() => return Ok(None),
            Err(e) => return Err(e),
            Ok(()) => return Ok(Some(aside)),
        }
    }
}

/// Opens a folder for listing and removal, giving ourselves the right where it is missing.
fn open_forced(parent: &Dir, name: &[u8]) -> Result<Dir, FsError> {
    let usable = |dir: &Dir| dir.stat_self().map(|s| s.mode & 0o700 == 0o700);
    match parent.child_dir(name) {
        Ok(dir) => {
            if !usable(&dir)? {
                // Not ours: what follows says so.
                let _ = dir.set_mode_self(0o700);
            }
            Ok(dir)
        }
        Err(e) if e.is_denied() => {
            parent.set_mode(name, 0o700)?;
            parent.child_dir(name)
        }
        Err(e) => Err(e),
    }
}
