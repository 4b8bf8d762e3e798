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
    paths: BTreeSet<WorkspacePath>,
    everything: Option<Why>,
    root_touched: bool,
    /// First and last event not yet told.
    since: Option<(Instant, Instant)>,
    new_folders: BTreeSet<WorkspacePath>,
    again: Option<Instant>,
}

impl Gather {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            paths: BTreeSet::new(),
            everything: None,
            root_touched: false,
            since: None,
            new_folders: BTreeSet::new(),
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
            Ok(path) if self.everything.is_none() => {
                if new_folder && self.new_folders.len() < NAMED {
                    self.new_folders.insert(path.clone());
                }
                self.paths.insert(path);
                if self.paths.len() > NAMED {
                    self.everything = Some(Why::Many);
                    self.paths.clear();
                }
            }
            Ok(_) => {}
            Err(_) => self.everything = Some(Why::Failed),
        }
    }

    pub fn everything(&mut self, why: Why) {
        self.everything = Some(why);
        self.paths.clear();
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
        match (told, self.again) {
            (Some(told), Some(again)) => Some(told.min(again)),
            (told, again) => told.or(again),
        }
    }

    pub fn root_touched(&self) -> bool {
        self.root_touched
    }

    /// What there is to tell now.
    pub fn take(&mut self) -> Option<Hint> {
        let now = Instant::now();
        if self.since.is_none() {
            if self.again.is_some_and(|again| again <= now) {
                self.again = None;
                self.paths = std::mem::take(&mut self.new_folders);
            }
        } else if !self.new_folders.is_empty() {
            self.again = Some(now + AGAIN);
        }
        self.since = None;
        self.root_touched = false;
        if let Some(why) = self.everything.take() {
            return Some(Hint::Everything(why));
        }
        let paths: Vec<_> = std::mem::take(&mut self.paths).into_iter().collect();
        (!paths.is_empty()).then_some(Hint::Paths(paths))
    }
}
