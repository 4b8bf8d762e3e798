//! Events into hints: what belongs together is told together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{CreateKind, EventKind, ModifyKind};

use super::{Hint, WatchTimes, Why};
use crate::path::WorkspacePath;
use crate::system::path_bytes;

/// Paths that are worth naming; beyond, a whole scan is quicker.
const NAMED: usize = 4_096;

/// A new folder is looked at once more after this: what was made in it before it was watched made no
/// event of its own.
const AGAIN: Duration = Duration::from_secs(1);

/// Gathers events until it is time to tell.
pub(super) struct Gather {
    root: PathBuf,
    changed: Named,
    everything: Option<Why>,
    root_touched: bool,
    /// First and last event not yet told.
    since: Option<(Instant, Instant)>,
    /// Of what is not yet told.
    new_folders: Named,
    /// New folders that were told, and when they are to be told again.
    again: Option<(Instant, Named)>,
}

impl Gather {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            changed: Named::default(),
            everything: None,
            root_touched: false,
            since: None,
            new_folders: Named::default(),
            again: None,
        }
    }

    pub fn add(&mut self, event: &notify::Event) {
        if event.need_rescan() {
            return self.everything(Why::Overflow);
        }
        if event.paths.is_empty() {
            // Says nothing about where.
            return self.everything(Why::Failed);
        }
        let new_folder = matches!(
            event.kind,
            EventKind::Create(CreateKind::Folder | CreateKind::Any)
                | EventKind::Modify(ModifyKind::Name(_))
        );
        for path in &event.paths {
            self.add_path(path, new_folder);
        }
        self.happened();
    }

    fn add_path(&mut self, path: &Path, new_folder: bool) {
        let Ok(relative) = path.strip_prefix(&self.root) else {
            self.root_touched = true;
            return;
        };
        let bytes = path_bytes(relative);
        if bytes.is_empty() {
            self.root_touched = true;
            return;
        }
        match WorkspacePath::new(bytes) {
            Ok(path) => {
                if new_folder {
                    self.new_folders.add(path.clone());
                }
                self.changed.add(path);
            }
            Err(_) => self.everything = Some(Why::Failed),
        }
    }

    pub fn everything(&mut self, why: Why) {
        self.everything = Some(why);
        self.happened();
    }

    fn happened(&mut self) {
        let now = Instant::now();
        self.since = Some(self.since.map_or((now, now), |(first, _)| (first, now)));
    }

    /// When there is something to tell; `None`: not before something happens.
    pub fn due(&self, times: &WatchTimes) -> Option<Instant> {
        let told = self
            .since
            .map(|(first, last)| (last + times.quiet).min(first + times.latest));
        let again = self.again.as_ref().map(|(again, _)| *again);
        told.into_iter().chain(again).min()
    }

    pub fn root_touched(&self) -> bool {
        self.root_touched
    }

    /// What there is to tell now.
    pub fn take(&mut self) -> Option<Hint> {
        self.take_at(Instant::now())
    }

    fn take_at(&mut self, now: Instant) -> Option<Hint> {
        let mut told = std::mem::take(&mut self.changed);
        if let Some((_, folders)) = self.again.take_if(|(again, _)| *again <= now) {
            told.extend(folders);
        }
        // Those that come while others wait are told again after them: also where something happens all the time.
        if self.again.is_none() && !self.new_folders.is_empty() {
            self.again = Some((now + AGAIN, std::mem::take(&mut self.new_folders)));
        }
        self.since = None;
        self.root_touched = false;
        match self.everything.take() {
            Some(why) => Some(Hint::Everything(why)),
            None => told.hint(),
        }
    }
}

/// Paths, until there are more than are worth naming.
#[derive(Default)]
struct Named {
    paths: BTreeSet<WorkspacePath>,
    many: bool,
}

impl Named {
    fn add(&mut self, path: WorkspacePath) {
        if self.many {
            return;
        }
        self.paths.insert(path);
        if self.paths.len() > NAMED {
            self.many = true;
            self.paths.clear();
        }
    }

    fn extend(&mut self, other: Self) {
        self.many |= other.many;
        other.paths.into_iter().for_each(|path| self.add(path));
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.many
    }

    fn hint(self) -> Option<Hint> {
        match (self.many, self.paths.is_empty()) {
            (true, _) => Some(Hint::Everything(Why::Many)),
            (false, false) => Some(Hint::Paths(self.paths.into_iter().collect())),
            (false, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn made(gather: &mut Gather, folder: &str) {
        let event = notify::Event::new(EventKind::Create(CreateKind::Folder));
        gather.add(&event.add_path(Path::new("/w").join(folder)));
    }

    fn named(hint: Option<Hint>) -> Vec<String> {
        match hint {
            Some(Hint::Paths(paths)) => paths.iter().map(WorkspacePath::to_lossy).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// What was made in a new folder before it was watched had no event of its own.
    #[test]
    fn a_new_folder_is_told_twice_also_where_something_happens_all_the_time() {
        let begun = Instant::now();
        let after = |ms| begun + Duration::from_millis(ms);
        let mut gather = Gather::new(Path::new("/w"));
        made(&mut gather, "a");
        assert_eq!(named(gather.take_at(after(0))), ["a"]);
        for ms in [300, 600, 900] {
            made(&mut gather, "b");
            assert_eq!(named(gather.take_at(after(ms))), ["b"]);
        }
        made(&mut gather, "c");
        assert_eq!(named(gather.take_at(after(1_000))), ["a", "c"]);
        assert_eq!(named(gather.take_at(after(2_000))), ["b", "c"]);
        assert_eq!(gather.take_at(after(9_000)), None);
        assert_eq!(gather.due(&WatchTimes::default()), None);
    }

    #[test]
    fn folders_made_while_events_are_lost_are_looked_at_again_too() {
        let begun = Instant::now();
        let mut gather = Gather::new(Path::new("/w"));
        gather.everything(Why::Overflow);
        made(&mut gather, "a");
        assert_eq!(gather.take_at(begun), Some(Hint::Everything(Why::Overflow)));
        assert_eq!(named(gather.take_at(begun + AGAIN)), ["a"]);
        let later = begun + AGAIN * 2;
        for n in 0..=NAMED {
            made(&mut gather, &format!("f{n}"));
        }
        let everything = Some(Hint::Everything(Why::Many));
        assert_eq!(gather.take_at(later), everything);
        assert_eq!(gather.take_at(later + AGAIN), everything);
        assert_eq!(gather.take_at(later + AGAIN * 2), None);
    }
}
