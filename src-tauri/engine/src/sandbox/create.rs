//! Handing over a folder: the whole of it is one transaction.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use sandbox_workspace::project::{
    HandOver, HandOverOptions, LeftOut, Preflight, check_project, hand_over, preflight,
};
use sandbox_workspace::snapshots::{NewSnapshot, SnapshotKind, Snapshots};
use sandbox_workspace::system::owner;
use sandbox_workspace::{Dir, Rules};
use tokio::task::block_in_place;

use super::{Engine, Working, discard, key_routes, up};
use crate::event::Event;
use crate::image::folder::FolderImage;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::state::data_dir::SandboxDir;
use crate::state::lock::{self, Held};
use crate::state::record::{
    Limits, NetworkPolicy, Owner, ProjectPath, Record, SCHEMA, workspace_files, workspace_size,
};
use crate::{Error, Result, SandboxId};

/// Owner of workspaces when the app runs as root and the project is root's too: nobody's id on the
/// usual systems, and never the container's root.
const UNPRIVILEGED: Owner = Owner {
    uid: 10_001,
    gid: 10_001,
};
/// Longest name, in characters.
const NAME_MOST: usize = 80;

/// Left-out paths that are named one by one.
const NAMED_MOST: usize = 10;

/// What an entry of the activity list is called that says what hand-over did to the copy.
pub const HAND_OVER_NOTE: &str = "Note on the hand-over";

/// Limits as far as they were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitsWanted {
    /// Cores, in thousandths.
    pub cpu_millis: Option<u32>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Processes and threads together.
    pub processes: Option<u32>,
    /// Bytes of the largest file.
    pub file_size: Option<u64>,
    /// Bytes of the workspace.
    pub workspace_size: Option<u64>,
    /// Files in it.
    pub workspace_files: Option<u64>,
}

impl From<Limits> for LimitsWanted {
    fn from(limits: Limits) -> Self {
        Self {
            cpu_millis: Some(limits.cpu_millis),
            memory: Some(limits.memory),
            processes: Some(limits.processes),
            file_size: Some(limits.file_size),
            workspace_size: Some(limits.workspace_size),
            workspace_files: Some(limits.workspace_files),
        }
    }
}

/// What to hand over, and how.
#[derive(Debug, Clone)]
pub struct NewSandbox {
    /// The user's folder.
    pub project: PathBuf,
    /// Its name; absent: the folder's, made unique.
    pub name: Option<String>,
    /// The recipe's id.
    pub agent: String,
    /// What to run, for the recipe `own`.
    pub command: Option<String>,
    /// A local image instead of the environment image.
    pub image: Option<String>,
    /// The folder's own file that says what the image is; beats `image`.
    pub image_from: Option<FolderImage>,
    /// A runtime instead of the engine's own; one that is missing is refused, never replaced.
    pub runtime: Option<String>,
    /// What it may reach.
    pub network: NetworkPolicy,
    /// Providers whose keys it uses, beside those of its agent.
    pub keys: Vec<String>,
    /// What it may use.
    pub limits: LimitsWanted,
    /// What stays out.
    pub rules: Rules,
    /// Whether it is started at once.
    pub start: bool,
}

impl Engine {
    /// What handing over a folder would take in. Changes nothing.
    pub fn preflight(&self, project: &Path, rules: &Rules, op: &Operation) -> Result<Preflight> {
        let config = self.config();
        let (folder, _) = check_project(project, config.home.as_deref(), self.data().root())?;
        let counted = preflight(&folder, rules, &op.phase(Phase::Counting), op.cancel())?;
        counted.check_room(&Dir::open_root(self.data().root())?)?;
        Ok(counted)
    }

    /// Limits of a new sandbox where nothing was chosen for it: those of the settings, or the usual ones.
    pub fn default_limits(&self) -> Result<Limits> {
        let chosen = self.settings()?.default_limits;
        Ok(chosen.unwrap_or_else(Self::usual_limits))
    }

    /// Half of the computer's cores and at least two, 4 GiB (the temporary files count as memory), 1024
    /// processes, files of up to 16 GiB, a workspace of up to 50 GiB in two million files.
    pub fn usual_limits() -> Limits {
        let cores = available_parallelism().map_or(2, |n| n.get() as u32);
        Limits {
            cpu_millis: (cores / 2).max(2.min(cores)) * 1000,
            memory: 4 << 30,
            processes: 1024,
            file_size: 16 << 30,
            workspace_size: workspace_size(),
            workspace_files: workspace_files(),
        }
    }

    /// The name that a sandbox of this folder gets where none is chosen.
    pub fn suggested_name(&self, project: &Path) -> Result<String> {
        Ok(unique(&usual_name(project), &self.names()?))
    }

    /// The hand-over rules of the newest sandbox of this folder: what was answered before is not asked again.
    pub fn rules_before(&self, project: &Path) -> Result<Option<Rules>> {
        let Ok(project) = fs::canonicalize(project) else {
            return Ok(None);
        };
        let records = self.records()?.into_iter();
        let newest = records
            .filter(|record| record.project.as_path() == project)
            .max_by_key(|record| record.created);
        Ok(newest.map(|record| record.rules))
    }

    /// Bytes that are free where the data folder lies.
    pub fn free_space(&self) -> Result<u64> {
        Ok(Dir::open_root(self.data().root())?.free_space()?.free)
    }

    /// Makes a sandbox. Failed or cancelled, it leaves nothing.
    ///
    /// # Errors
    /// [`Error::ProjectUnusable`], [`Error::NameTaken`], [`Error::DiskFull`], [`Error::InvalidRequest`] for a
    /// rule or provider that is none, [`Error::Engine`] where it is to be started.
    pub async fn create(&self, new: NewSandbox, op: &Operation) -> Result<SandboxId> {
        let recipes = self.recipes();
        let Some(recipe) = recipes.find(&new.agent) else {
            return Err(unknown_agent(&new.agent, &recipes));
        };
        let hosts: Vec<&str> = recipe.hosts.iter().map(String::as_str).collect();
        crate::network::rules::grant(&new.network, &hosts, Vec::new())?;
        for provider in &new.keys {
            crate::credentials::known(provider)?;
        }
        let chosen = new.limits.memory.is_some();
        let mut limits = self.limits(new.limits)?;
        if !chosen {
            limits.memory = limits.memory.max(recipe.memory);
        }
        if let Some(runtime) = new.runtime.as_ref().filter(|_| new.start) {
            // Before anything is copied.
            self.docker().await?.offers(runtime)?;
        }
        let config = self.config();
        let (project, path) =
            check_project(&new.project, config.home.as_deref(), self.data().root())?;
        let (id, dir, lock, name) = self.reserve(new.name.as_deref(), &path)?;
        let made = async {
            let (record, warnings) =
                block_in_place(|| self.fill(&id, &dir, name, &project, path, limits, &new, op))?;
            let mut working = Working {
                engine: self.clone(),
                dir: dir.clone(),
                record,
                lock,
            };
            if new.start {
                up::bring_up(&mut working, op).await?;
            }
            op.enter(Phase::Starting)?;
            fs::remove_file(dir.creating()).map_err(|e| Error::io("finish", dir.creating(), e))?;
            Ok((working, warnings))
        };
        match made.await {
            Ok((working, warnings)) => {
                let project = working.record.project.to_lossy();
                self.note(
                    &id,
                    ActivityKind::HandedOver,
                    "Folder handed over",
                    project,
                    None,
                );
                for warning in warnings {
                    self.note(&id, ActivityKind::HandedOver, HAND_OVER_NOTE, warning, None);
                }
                self.events().send(Event::Sandbox(id.clone()));
                Ok(id)
            }
            Err(error) => {
                discard::discard(self, &id).await;
                Err(error)
            }
        }
    }

    pub(super) fn limits(&self, wanted: LimitsWanted) -> Result<Limits> {
        let usual = self.default_limits()?;
        let limits = Limits {
            cpu_millis: wanted.cpu_millis.unwrap_or(usual.cpu_millis),
            memory: wanted.memory.unwrap_or(usual.memory),
            processes: wanted.processes.unwrap_or(usual.processes),
            file_size: wanted.file_size.unwrap_or(usual.file_size),
            workspace_size: wanted.workspace_size.unwrap_or(usual.workspace_size),
            workspace_files: wanted.workspace_files.unwrap_or(usual.workspace_files),
        };
        let least = [
            (u64::from(limits.cpu_millis), 100, "0.1 cores"),
            (limits.memory, 256 << 20, "256 MB of memory"),
            (u64::from(limits.processes), 32, "32 processes"),
            (limits.file_size, 1 << 20, "files of 1 MB"),
            (limits.workspace_size, 1 << 20, "a workspace of 1 MB"),
            (limits.workspace_files, 10, "10 files"),
        ];
        match least.iter().find(|(value, least, _)| value < least) {
            Some((_, _, words)) => Err(Error::InvalidRequest {
                message: format!("a sandbox needs at least {words}"),
            }),
            None => Ok(limits),
        }
    }

    /// Chooses id and name and marks them as taken, so that two creates never get the same.
    fn reserve(
        &self,
        wanted: Option<&str>,
        project: &Path,
    ) -> Result<(SandboxId, SandboxDir, Held, String)> {
        let _names = lock::wait(&self.data().root().join("names.lock"))?;
        let taken = self.names()?;
        let name = match wanted {
            Some(name) => {
                check_name(name)?;
                if taken.iter().any(|t| t == name) {
                    return Err(Error::NameTaken {
                        name: name.to_owned(),
                    });
                }
                name.to_owned()
            }
            None => unique(&usual_name(project), &taken),
        };
        let id = SandboxId::random().map_err(|e| Error::Internal {
            message: format!("no random numbers from the system: {e}"),
        })?;
        let dir = self.data().sandbox(&id);
        dir.make()?;
        let lock = lock::wait(&dir.lock())?;
        fs::write(dir.creating(), &name).map_err(|e| Error::io("write", dir.creating(), e))?;
        Ok((id, dir, lock, name))
    }

    /// Names of all sandboxes, also of those that are being made.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for id in self.data().ids()? {
            let dir = self.data().sandbox(&id);
            match Record::load(&dir) {
                Ok(Some(record)) => names.push(record.name),
                _ => names.extend(fs::read_to_string(dir.creating()).ok()),
            }
        }
        Ok(names)
    }

    #[allow(clippy::too_many_arguments)]
    fn fill(
        &self,
        id: &SandboxId,
        dir: &SandboxDir,
        name: String,
        project: &Dir,
        path: PathBuf,
        limits: Limits,
        new: &NewSandbox,
        op: &Operation,
    ) -> Result<(Record, Vec<String>)> {
        op.enter(Phase::Counting)?;
        let counted = preflight(project, &new.rules, &op.phase(Phase::Counting), op.cancel())?;
        counted.check_room(&Dir::open_root(dir.root())?)?;
        op.enter(Phase::Copying)?;
        let process = self.config().process;
        let owner = owner_of(process, &path)?;
        let place = dir.workspace();
        fs::create_dir(&place).map_err(|e| Error::io("make the folder", &place, e))?;
        let workspace = Dir::open_root(&place)?;
        let given = (owner != process).then_some((owner.uid, owner.gid));
        let options = HandOverOptions {
            rules: &new.rules,
            owner: given,
            totals: (counted.entries(), counted.bytes),
            progress: &op.phase(Phase::Copying),
            cancel: op.cancel(),
        };
        let handed = hand_over(project, &workspace, self.store(), &options)?;
        if let Some((uid, gid)) = given {
            workspace.chown_self(uid, gid)?;
        }
        op.enter(Phase::Baseline)?;
        if let Some(kind) = new.image_from {
            self.folder_image_of(&self.store().tree(&handed.id)?, kind)?;
        }
        let baseline = self.baseline(dir, &handed)?;
        handed
            .index
            .save(&dir.index())
            .map_err(|e| Error::io("write", dir.index(), e))?;
        let record = Record {
            schema: SCHEMA,
            id: id.clone(),
            name,
            project: ProjectPath::new(path),
            created: self.now(),
            agent: new.agent.clone(),
            agent_version: None,
            guest: None,
            command: new.command.clone(),
            network: new.network.clone(),
            keys: key_routes::in_order(new.keys.clone()),
            log_in: std::collections::BTreeMap::new(),
            limits,
            image: new.image.clone(),
            image_from: new.image_from,
            packages: Vec::new(),
            runtime: new.runtime.clone(),
            owner,
            rules: handed.rules,
            rewritten: handed.rewritten,
            baseline,
            base: handed.id,
            epoch: 0,
            container_made: false,
        };
        record.save(dir)?;
        let warnings = handed.warnings.iter().map(ToString::to_string);
        Ok((
            record,
            stays_out(&handed.left_out)
                .into_iter()
                .chain(warnings)
                .collect(),
        ))
    }

    fn baseline(&self, dir: &SandboxDir, handed: &HandOver) -> Result<String> {
        let summary = self.store().summary(&handed.id)?;
        let snapshot = Snapshots::new(dir.snapshots()).add(NewSnapshot {
            kind: SnapshotKind::Baseline,
            name: None,
            time_ms: self.now().unsigned_abs(),
            tree: handed.id,
            base: handed.id,
            changed: 0,
            bytes: summary.bytes,
            home: None,
        })?;
        Ok(snapshot.id.as_str().to_owned())
    }
}

/// What stays out, in a line.
fn stays_out(left_out: &[LeftOut]) -> Option<String> {
    let names: Vec<String> = left_out
        .iter()
        .take(NAMED_MOST)
        .map(|one| one.path.to_string())
        .collect();
    let more = match left_out.len().saturating_sub(NAMED_MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!names.is_empty()).then(|| format!("Stays out of the copy: {}{more}.", names.join(", ")))
}

fn unknown_agent(id: &str, recipes: &crate::agents::Recipes) -> Error {
    let known: Vec<&str> = recipes
        .list
        .iter()
        .map(|recipe| recipe.id.as_str())
        .collect();
    let known = known.join(", ");
    Error::InvalidRequest {
        message: format!(
            "there is no agent \u{201c}{}\u{201d}; there are {known}",
            id.escape_debug()
        ),
    }
}

fn owner_of(process: Owner, project: &Path) -> Result<Owner> {
    if process.uid != 0 {
        return Ok(process);
    }
    let found = fs::metadata(project).map_err(|e| Error::io("read", project, e))?;
    Ok(match owner(&found) {
        (0, _) => UNPRIVILEGED,
        (uid, gid) => Owner { uid, gid },
    })
}

pub(super) fn check_name(name: &str) -> Result<()> {
    let wrong = |why: &str| {
        Err(Error::InvalidRequest {
            message: format!("the name {why}"),
        })
    };
    if name.trim().is_empty() {
        return wrong("is empty");
    }
    if name.chars().count() > NAME_MOST {
        return wrong("is longer than 80 characters");
    }
    if name
        .chars()
        .any(|c| c.is_control() || sandbox_workspace::escape::is_hidden(c))
    {
        return wrong("holds a character that cannot be seen");
    }
    if name.starts_with('-') {
        return wrong("begins with a dash, which a command line would take for an option");
    }
    Ok(())
}

fn usual_name(project: &Path) -> String {
    let name: String = project
        .file_name()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() && !sandbox_workspace::escape::is_hidden(*c))
        .take(NAME_MOST - 8)
        .collect();
    let name = name.trim().trim_start_matches('-').to_owned();
    if name.is_empty() {
        "project".to_owned()
    } else {
        name
    }
}

fn unique(name: &str, taken: &[String]) -> String {
    let is_free = |candidate: &String| !taken.contains(candidate);
    std::iter::once(name.to_owned())
        .chain((2..).map(|n| format!("{name}-{n}")))
        .find(is_free)
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_name_is_made_unique_by_a_number() {
        let taken = ["p".to_owned(), "p-2".to_owned()];
        assert_eq!(unique("p", &taken), "p-3");
        assert_eq!(unique("q", &taken), "q");
    }

    #[test]
    fn a_folder_with_a_hostile_name_gets_a_plain_one() {
        assert_eq!(usual_name(Path::new("/x/-rf\u{202e}\n")), "rf");
        assert_eq!(usual_name(Path::new("/x/\u{7}")), "project");
    }

    #[test]
    fn names_that_cannot_be_typed_are_refused() {
        for name in ["", "  ", "-x", "a\nb", "a\u{202e}b", &"x".repeat(81)] {
            assert!(check_name(name).is_err(), "took {name:?}");
        }
        assert!(check_name("My site (2)").is_ok());
    }
}
