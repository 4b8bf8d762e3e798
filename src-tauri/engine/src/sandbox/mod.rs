//! Sandboxes: making them, running them, reviewing what they changed, putting them back.
//!
//! Every operation on one sandbox goes through `Working`: it holds the sandbox's lock and has first
//! brought to an end whatever a crash interrupted. `list` and `status` take no lock.

mod automatic;
mod bring_in;
mod capture;
mod cells;
mod change;
mod copy_out;
mod create;
mod decisions;
mod discard;
mod disk_use;
mod doctor;
mod environment;
mod files;
mod filters;
mod for_all;
mod home;
mod home_files;
mod in_force;
mod key_routes;
mod listing;
mod live;
mod log_ins;
mod neighbours;
mod network;
mod pause;
mod ports;
mod proof;
mod purge;
mod put_back;
mod recovery;
mod reset;
mod review;
mod reviewing;
mod room;
mod saved;
mod saving;
mod services;
mod snapshot;
mod start_again;
mod starting;
mod terminals;
mod tidy_up;
mod up;
mod upkeep;
mod upstream;
mod watching;
mod working;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use bring_in::BroughtIn;
pub use capture::Capture;
pub use copy_out::{CopyOut, Wanted};
pub use create::{HAND_OVER_NOTE, LimitsWanted, NewSandbox};
pub use disk_use::{DiskUse, SandboxDiskUse};
pub use doctor::Check;
pub use files::{FileContent, FolderEntry, FolderList};
pub use filters::{Filters, Only, Shown};
pub use for_all::SitesForAll;
pub use in_force::{Became, Untold};
pub use key_routes::Standing;
pub use listing::{Row, State};
pub use live::Live;
pub(crate) use network::Keys;
pub use pause::{PausedBy, is_paused_by_user, paused_by, why_paused};
pub use ports::{Opened, Port};
pub use purge::Purged;
pub use recovery::Recovery;
pub use reset::Reset;
pub use review::{Compared, LEFT_OUT_MOST, Side};
pub use reviewing::{Accepted, ConflictSides, Review};
pub use room::{Room, RoomGuard};
use sandbox_protocol::egress::Subnet;
use sandbox_workspace::Store;
pub use saved::save_file;
pub use saving::Chosen;
use tokio::task::block_in_place;
pub use upkeep::Pruning;
pub use upstream::Offered;
pub use watching::Watching;
pub(crate) use working::Working;

use crate::credentials::{self, Keychain};
use crate::docker::container::GUEST;
use crate::docker::exec::Running;
use crate::docker::{Deadlines, Docker, EndpointSearch};
use crate::event::{Event, Events};
use crate::state::activity::{ActivityEntry, ActivityKind, Part};
use crate::state::data_dir::{DataDir, SandboxDir};
use crate::state::record::{Owner, Record};
use crate::state::settings::Settings;
use crate::{Error, Result, SandboxId};

/// Milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Gives the addresses next to this computer, and its own.
pub type Near = Arc<dyn Fn() -> Vec<Subnet> + Send + Sync>;

/// All that the engine must be told: it reads no environment by itself.
#[derive(Clone)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The user's home folder, which is never handed over as a whole.
    pub home: Option<PathBuf>,
    /// Where to look for a container engine.
    pub endpoints: EndpointSearch,
    /// How long its answers may take.
    pub deadlines: Deadlines,
    /// The user and group of this process.
    pub process: Owner,
    /// The computer's bundle of trusted certificates, as PEM; empty: none.
    pub certificates: Vec<u8>,
    /// The guest program for the engine's processor; empty: none was built.
    pub guest: &'static [u8],
    /// Where keys are kept; absent: no keychain answers.
    pub keychain: Option<Arc<dyn Keychain>>,
    /// The proxy that this computer's own programs are told to use, as its environment has it. It is offered, and
    /// never taken by itself.
    pub proxy: Option<String>,
    /// Who is next to this computer, asked anew each time: [`crate::network::near`].
    pub near: Near,
    /// Tells the time.
    pub clock: Clock,
}

/// The engine. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: Config,
    data: DataDir,
    store: Store,
    events: Events,
    docker: Mutex<Option<Docker>>,
    hubs: terminals::Hubs,
    starting: starting::Starting,
    live: live::Cache,
    reviews: reviewing::Cache,
    attendants: network::Attendants,
    ports: ports::Ports,
    neighbours: neighbours::Neighbours,
    session_keys: credentials::Session,
    session_log_ins: credentials::SessionLogIns,
}

impl Engine {
    /// Opens the data directory. Talks to no container engine. All async calls need a multi-threaded
    /// runtime: file work is done in place.
    ///
    /// # Errors
    /// A data directory that cannot be made, is somebody else's or was written by a newer version.
    pub fn open(config: Config) -> Result<Self> {
        let data = DataDir::open(&config.data_dir)?;
        let store = Store::open(&data.store())?;
        Ok(Self(Arc::new(Inner {
            config,
            data,
            store,
            events: Events::default(),
            docker: Mutex::new(None),
            hubs: terminals::Hubs::default(),
            starting: starting::Starting::default(),
            live: live::Cache::default(),
            reviews: reviewing::Cache::default(),
            attendants: network::Attendants::default(),
            ports: ports::Ports::default(),
            neighbours: neighbours::Neighbours::default(),
            session_keys: credentials::Session::default(),
            session_log_ins: credentials::SessionLogIns::default(),
        })))
    }

    /// The stream of everything that happens.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    /// The data directory.
    pub fn data(&self) -> &DataDir {
        &self.0.data
    }

    /// The store of contents: where captures and snapshots are read from.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The settings, as they are on disk.
    pub fn settings(&self) -> Result<Settings> {
        Settings::load(self.data())
    }

    /// Saves the settings and tells the windows.
    pub fn save_settings(&self, settings: &Settings) -> Result<()> {
        settings.save(self.data())?;
        self.events().send(Event::Settings);
        Ok(())
    }

    /// The container engine; connects at the first call and again after a connection was lost.
    pub async fn docker(&self) -> Result<Docker> {
        // Asked without a lock: where an engine hangs, all who ask learn it after one deadline, not one after the other.
        let known = self.known_docker().clone();
        if let Some(docker) = known {
            if docker.ping().await.is_ok() {
                return Ok(docker);
            }
            *self.known_docker() = None;
        }
        let config = self.config();
        let docker = Docker::connect(&config.endpoints, config.deadlines).await?;
        let before = self.known_docker().replace(docker.clone());
        if before.is_none() {
            self.events().send(Event::Engine);
        }
        Ok(docker)
    }

    fn known_docker(&self) -> MutexGuard<'_, Option<Docker>> {
        locked(&self.0.docker)
    }

    /// Starts a command in a running sandbox. Takes no lock: it may run for days. When memory runs out it ends before
    /// the sandbox does.
    pub async fn exec(
        &self,
        id: &SandboxId,
        command: Vec<String>,
        env: Vec<String>,
    ) -> Result<Running> {
        let (_, record) = self.load(id)?;
        let docker = self.docker().await?;
        let entry = proof::entry(self, &docker, &record).await?;
        // What is stated for this command goes before.
        let keys = self.key_environment(&record).into_iter();
        let all = keys.map(|(name, value)| format!("{name}={value}"));
        let first = [format!("{GUEST}/sandbox-guest"), "run".to_owned()];
        // One from before an update may not know the word.
        let first = first.into_iter().filter(|_| self.has_own_guest(&record));
        let command = first.chain(command).collect();
        let env = all.chain(env).collect();
        let mut running = docker.exec(&entry.container, command, env).await?;
        running.begun().await?;
        drop(entry);
        proof::carry_on(self, &docker, id, running.id()).await;
        Ok(running)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn session_keys(&self) -> &credentials::Session {
        &self.0.session_keys
    }

    pub(crate) fn session_log_ins(&self) -> &credentials::SessionLogIns {
        &self.0.session_log_ins
    }

    pub(crate) fn now(&self) -> i64 {
        (self.0.config.clock)()
    }

    /// The folders and the record of one sandbox.
    pub fn load(&self, id: &SandboxId) -> Result<(SandboxDir, Record)> {
        let dir = self.data().sandbox(id);
        match Record::load(&dir)? {
            Some(record) if !dir.creating().exists() => Ok((dir, record)),
            _ => Err(Error::NotFound {
                what: "sandbox",
                name: id.to_string(),
            }),
        }
    }

    /// Writes down and tells what happened. A failure is logged: history never stops the work.
    pub(crate) fn note(
        &self,
        id: &SandboxId,
        kind: ActivityKind,
        what: &str,
        detail: String,
        subject: Option<String>,
    ) {
        self.note_in(Part::Own, id, kind, what, detail, subject);
    }

    /// Likewise, where nobody wanted it but what runs inside.
    pub(crate) fn note_in(
        &self,
        part: Part,
        id: &SandboxId,
        kind: ActivityKind,
        what: &str,
        detail: String,
        subject: Option<String>,
    ) {
        let entry = ActivityEntry {
            id: 0,
            time: self.now(),
            kind,
            what: what.to_owned(),
            decision: None,
            detail,
            subject,
        };
        self.note_entry(part, id, entry);
    }

    pub(crate) fn note_entry(&self, part: Part, id: &SandboxId, entry: ActivityEntry) {
        let log = self.data().sandbox(id).activity();
        match block_in_place(|| log.append(part, entry)) {
            Ok(entry) => self.events().send(Event::Activity(id.clone(), vec![entry])),
            Err(error) => tracing::warn!(%error, "an activity was not written down"),
        }
    }

    /// What happened in a sandbox, oldest first; see [`crate::state::activity::ActivityLog::read`] for what is not kept.
    /// Reads some megabytes at most.
    pub fn activity(&self, id: &SandboxId) -> Result<Vec<ActivityEntry>> {
        let (dir, _) = self.load(id)?;
        block_in_place(|| dir.activity().read())
    }
}

/// Nothing that is kept under such a lock is half done where somebody panicked: it is replaced as a whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
