//! The container of a sandbox: made, started, stopped, paused.

use std::time::Duration;

use tokio::task::block_in_place;

use super::environment::unless_cancelled;
use super::proof::Agent;
use super::{Engine, Working, home_files, log_ins, network, pause, proof};
use crate::agents::Recipe;
use crate::docker::container::ContainerSpec;
use crate::docker::images::Personal;
use crate::docker::lifecycle::ContainerState;
use crate::docker::{Docker, DockerError};
use crate::event::Event;
use crate::image;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::state::record::{NetworkMode, Owner, Record};
use crate::{Error, Result, SandboxId};

/// How long a container may take to end by itself, in seconds.
const PATIENCE: i32 = 3;

impl Engine {
    /// Starts a sandbox; also resumes a paused one and makes a missing container again. One that runs is
    /// fine.
    pub async fn start(&self, id: &SandboxId, op: &Operation) -> Result<()> {
        let mut working = self.work_on(id).await?;
        if working.record.container_made
            && let Err(error) = block_in_place(|| working.auto_snapshot(op))
        {
            // It would be a convenience: the start does not wait for the disk to be well.
            tracing::warn!(%error, "no automatic snapshot before the start");
        }
        bring_up(&mut working, op).await?;
        self.note(id, ActivityKind::Started, "Started", String::new(), None);
        self.events().send(Event::Sandbox(id.clone()));
        Ok(())
    }

    /// Stops a sandbox; one that does not run is fine.
    pub async fn stop(&self, id: &SandboxId) -> Result<()> {
        let working = self.work_on(id).await?;
        if !working.record.container_made {
            return Ok(());
        }
        let docker = self.docker().await?;
        if let Some(found) = docker.find(self.data().instance(), id).await?
            && found.state.is_up()
        {
            if pause::paused_by(&working.dir) == Some(pause::PausedBy::Fence) {
                // It gets no time to end by itself, and no way out while it does: it stands still because of where
                // it could lead.
                docker.remove_gateway(self.data().instance(), id).await?;
                docker.kill(&found.id).await?;
            } else {
                // A frozen process cannot end by itself.
                docker.unpause(&found.id).await?;
                docker.stop(&found.id, PATIENCE).await?;
            }
            pause::forget(&working.dir)?;
            self.note(id, ActivityKind::Stopped, "Stopped", String::new(), None);
        }
        // Also where a start failed behind it.
        docker.remove_gateway(self.data().instance(), id).await?;
        self.events().send(Event::Sandbox(id.clone()));
        Ok(())
    }

    /// Freezes a running sandbox until the user lets it go on.
    pub async fn pause(&self, id: &SandboxId) -> Result<()> {
        let working = self.work_on(id).await?;
        self.pause_as(&working, pause::PausedBy::User).await?;
        self.note(id, ActivityKind::Paused, "Paused", String::new(), None);
        self.events().send(Event::Sandbox(id.clone()));
        Ok(())
    }

    /// As [`Self::pause`], with who wanted it; tells nobody.
    pub(super) async fn pause_as(&self, working: &Working, by: pause::PausedBy) -> Result<()> {
        let docker = self.docker().await?;
        let container = running(self, &docker, &working.record).await?;
        pause::pause(&docker, &working.dir, &container, by).await
    }

    /// Builds the environment image, with the wanted packages, if it is not there.
    pub async fn prepare_image(&self, op: &Operation) -> Result<()> {
        let docker = self.docker().await?;
        self.usual_image(&docker, op).await.map(drop)
    }

    /// Our environment with the packages that were chosen; gives its id.
    pub(crate) async fn usual_image(&self, docker: &Docker, op: &Operation) -> Result<String> {
        let environment = self.environment(docker, op).await?;
        let packages = self.settings()?.packages;
        let listener = self.image_listener();
        let added = docker
            .ensure_packages(&environment, &packages, op.cancel(), &listener)
            .await;
        unless_cancelled(op, added)
    }

    /// The environment image and its size in bytes, if it is there.
    pub async fn environment_image(&self) -> Result<Option<(String, u64)>> {
        let docker = self.docker().await?;
        let found = docker.environment(&self.config().certificates).await?;
        Ok(found.map(|image| {
            let name = image.repo_tags.unwrap_or_default().into_iter().next();
            let bytes = image.size.unwrap_or(0);
            (name.or(image.id).unwrap_or_default(), bytes.unsigned_abs())
        }))
    }

    /// The image with an agent in it.
    pub(crate) async fn agent_image(
        &self,
        docker: &Docker,
        below: &str,
        recipe: &Recipe,
        op: &Operation,
    ) -> Result<String> {
        let listener = self.image_listener();
        let built = docker
            .ensure_agent(below, recipe, op.cancel(), &listener)
            .await;
        unless_cancelled(op, built)
    }
}

/// Starts what is there, makes what is not, and proves the fence before anything of the agent's runs. Where that fails
/// and nothing runs, its gateway does not either.
pub(super) async fn bring_up(working: &mut Working, op: &Operation) -> Result<()> {
    let engine = working.engine.clone();
    let _starting = engine.starting(working.id());
    let up = try_bring_up(working, op).await;
    if up.is_err()
        && let Err(error) = leave_no_gateway(working).await
    {
        tracing::warn!(%error, "a gateway stays where nothing was started");
    }
    up
}

async fn leave_no_gateway(working: &Working) -> Result<()> {
    let docker = working.engine.docker().await?;
    let instance = working.engine.data().instance();
    let found = docker.find(instance, working.id()).await?;
    if !found.is_some_and(|found| found.state.is_up()) {
        docker.remove_gateway(instance, working.id()).await?;
    }
    Ok(())
}

async fn try_bring_up(working: &mut Working, op: &Operation) -> Result<()> {
    let engine = working.engine.clone();
    // The engine looks the mount's source up at every start, and would follow a link there.
    working.workspace()?;
    let docker = engine.docker().await?;
    let instance = engine.data().instance();
    let guarded = working.record.network.mode != NetworkMode::Offline;
    if guarded {
        check_guest(&engine)?;
        will_be_made(working)?;
        network::bring_up(working, &docker).await?;
    }
    let found = docker.find(instance, working.id()).await?;
    let container = match found {
        Some(found) if found.state == ContainerState::Running => {
            let record = &working.record;
            return proof::prove(&engine, &docker, record, &found.id, Agent::MayRun).await;
        }
        Some(found) if found.state == ContainerState::Paused => {
            docker.unpause(&found.id).await?;
            pause::forget(&working.dir)?;
            // Nobody looked while it stood still.
            let record = &working.record;
            return proof::prove(&engine, &docker, record, &found.id, Agent::MayRun).await;
        }
        Some(found) if wants_other_packages(working)? => {
            // Made before the old one goes. Its file system is read-only: nothing is lost with it.
            engine.image_below(working, &docker, op).await?;
            docker.remove_own(instance, &found.id).await?;
            make(working, &docker, op).await?
        }
        Some(found) if is_outdated(working) => renew(working, &docker, &found.id, op).await?,
        Some(found) => found.id,
        None => make(working, &docker, op).await?,
    };
    op.enter(Phase::Starting)?;
    pause::forget(&working.dir)?;
    engine.forget_connections(working.id());
    docker.start(&container).await?;
    // One that was not made anew has a guest that this app may not speak with.
    let agent = match engine.has_own_guest(&working.record) {
        true => Agent::NotYet,
        false => Agent::MayRun,
    };
    proof::prove(&engine, &docker, &working.record, &container, agent).await?;
    log_ins::put_in(working, &docker, &container).await;
    home_files::put_in(&engine, &working.record, &docker, &container).await;
    Ok(())
}

/// Whether the list of packages is another one than when the container was made.
fn wants_other_packages(working: &Working) -> Result<bool> {
    let record = &working.record;
    Ok(record.image.is_none()
        && record.image_from.is_none()
        && record.packages != working.engine.settings()?.packages)
}

/// Whether another version of its agent was chosen since its container was made, or the app is another one.
fn is_outdated(working: &Working) -> bool {
    if !working.engine.has_own_guest(&working.record) {
        return true;
    }
    let recipes = working.engine.recipes();
    let recipe = recipes.find(&working.record.agent);
    let wanted = recipe.and_then(|recipe| recipe.install.as_ref());
    match (&working.record.agent_version, wanted) {
        (Some(made), Some(wanted)) => made != wanted.version(),
        _ => false,
    }
}

impl Engine {
    /// Whether the guest in a sandbox's container is this app's. It may run on from before an update.
    pub(super) fn has_own_guest(&self, record: &Record) -> bool {
        record.guest.as_deref() == Some(image::key(&[self.config().guest]).as_str())
    }
}

/// A container with the agent's other version in the old one's place. Where that cannot be had the old one stays.
async fn renew(
    working: &mut Working,
    docker: &Docker,
    old: &str,
    op: &Operation,
) -> Result<String> {
    let layer = match layers(working, docker, op).await {
        Ok(layer) => layer,
        Err(Error::Cancelled) => return Err(Error::Cancelled),
        Err(error) => {
            tracing::warn!(%error, "a container is not renewed");
            let (id, what) = (
                working.id().clone(),
                "It was not updated, and started as it was",
            );
            let why = error.to_string();
            working
                .engine
                .note(&id, ActivityKind::Started, what, why, None);
            return Ok(old.to_owned());
        }
    };
    docker
        .remove_own(working.engine.data().instance(), old)
        .await?;
    create(working, docker, layer).await
}

pub(super) async fn make(working: &mut Working, docker: &Docker, op: &Operation) -> Result<String> {
    let layer = layers(working, docker, op).await?;
    create(working, docker, layer).await
}

/// The image of a sandbox: environment or chosen, agent, and our own layer.
async fn layers(working: &mut Working, docker: &Docker, op: &Operation) -> Result<Personal> {
    let engine = working.engine.clone();
    let config = engine.config();
    check_guest(&engine)?;
    op.enter(Phase::Image)?;
    let below = engine.image_below(working, docker, op).await?;
    let recipes = engine.recipes();
    let below = match recipes.find(&working.record.agent) {
        Some(recipe) if recipe.install.is_some() => {
            engine.agent_image(docker, &below, recipe, op).await?
        }
        _ => below,
    };
    op.enter(Phase::Preparing)?;
    let owner = container_user(docker, &working.record);
    let (certificates, guest) = (&config.certificates, config.guest);
    let layer = docker.ensure_personal(&below, owner.uid, owner.gid, certificates, guest);
    Ok(layer.await?)
}

async fn create(working: &mut Working, docker: &Docker, layer: Personal) -> Result<String> {
    let engine = working.engine.clone();
    let config = engine.config();
    let owner = container_user(docker, &working.record);
    let recipes = engine.recipes();
    let install = recipes
        .find(&working.record.agent)
        .and_then(|recipe| recipe.install.as_ref());
    working.record.agent_version = install.map(|install| install.version().to_owned());
    working.record.guest = Some(image::key(&[config.guest]));
    let instance = engine.data().instance().to_owned();
    will_be_made(working)?;
    let home = docker.ensure_home(&instance, working.id()).await?;
    let spec = ContainerSpec {
        sandbox: working.id().clone(),
        instance,
        image: layer.id,
        image_env: layer.env,
        image_volumes: layer.volumes,
        workspace: utf8(&working.dir.workspace())?,
        home,
        owner,
        limits: fitted(docker, &working.record),
        relay: (working.record.network.mode != NetworkMode::Offline)
            .then(|| working.id().relay_volume()),
        services: working.record.network.services.clone(),
        apparmor: docker.info().apparmor,
        certificates: (!config.certificates.is_empty()).then_some(image::CERTIFICATES),
        runtime: working.record.runtime.clone(),
    };
    Ok(docker.create_container(&spec).await?)
}

/// Written down before the first of its containers is made: from now on a crash may leave one.
fn will_be_made(working: &mut Working) -> Result<()> {
    working.record.container_made = true;
    working.record.save(&working.dir)
}

pub(super) fn check_guest(engine: &Engine) -> Result<()> {
    if engine.config().guest.is_empty() {
        return Err(Error::Internal {
            message: "this build carries no guest program; build it with: cargo xtask guest"
                .to_owned(),
        });
    }
    Ok(())
}

/// A rootless engine maps the container's root to the user; any other runs it as the workspace's owner.
pub(super) fn container_user(docker: &Docker, record: &Record) -> Owner {
    if docker.info().rootless {
        Owner { uid: 0, gid: 0 }
    } else {
        record.owner
    }
}

/// No more than the engine has: it would refuse.
fn fitted(docker: &Docker, record: &Record) -> crate::state::record::Limits {
    let info = docker.info();
    let mut limits = record.limits;
    limits.cpu_millis = limits.cpu_millis.min(info.cpus.max(1).saturating_mul(1000));
    if info.memory > 0 {
        limits.memory = limits.memory.min(info.memory);
    }
    limits
}

fn utf8(path: &std::path::Path) -> Result<String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::InvalidRequest {
            message: format!(
                "the data folder {} has a name that the container engine cannot be told",
                path.display()
            ),
        })
}

/// The container, if it runs and is not frozen by the user. A pause that a crash left is taken back.
pub(super) async fn running(engine: &Engine, docker: &Docker, record: &Record) -> Result<String> {
    let name = || record.name.clone();
    let dir = engine.data().sandbox(&record.id);
    let mut looks = 1;
    loop {
        let found = docker.find(engine.data().instance(), &record.id).await?;
        let found = found.ok_or_else(|| Error::NotRunning { name: name() })?;
        match (found.state, pause::paused_by(&dir)) {
            (ContainerState::Running, _) => return Ok(found.id),
            (ContainerState::Paused, Some(pause::PausedBy::Capture)) => {
                wait_for_capture(docker, &dir, &found.id).await?;
                return Ok(found.id);
            }
            // Not by us; or a capture let it go on between the two looks.
            (ContainerState::Paused, None) if looks < LOOKS => {
                tokio::time::sleep(NEXT_LOOK).await;
                looks += 1;
            }
            (ContainerState::Paused, _) => return Err(Error::Paused { name: name() }),
            _ => return Err(Error::NotRunning { name: name() }),
        }
    }
}

/// How often it is looked whether a pause that nobody wrote down lasts, and how long after each other.
const LOOKS: usize = 6;
const NEXT_LOOK: Duration = Duration::from_millis(20);

/// A capture lets the container go on within two seconds. One that died while it captured never does.
async fn wait_for_capture(
    docker: &Docker,
    dir: &crate::state::data_dir::SandboxDir,
    container: &str,
) -> Result<(), DockerError> {
    for _ in 0..60 {
        if pause::paused_by(dir).is_none() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    docker.unpause(container).await
}
