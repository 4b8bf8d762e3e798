//! A log-in by browser, used again: read from one sandbox when the user says so, put into others at their start.
//!
//! Only the recipe's token files travel, never a folder: hooks and settings of one sandbox do not reach another.
//! What is read is the agent's word. It is bounded, must be what token files are, and goes nowhere but into homes
//! of the same agent.

use std::time::Duration;

use sandbox_protocol::login::{LOGIN_FILES, LOGIN_MOST, LoginFile, LoginSaid};
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use super::{Engine, Working, proof};
use crate::credentials::{KeptLogIn, Place};
use crate::docker::container::{GUEST, HOME};
use crate::docker::exec::{Output, Running};
use crate::docker::{Docker, DockerError, Problem};
use crate::state::activity::ActivityKind;
use crate::state::record::{NetworkMode, Record};
use crate::{Error, Result, SandboxId};

/// Reading and writing a few small files.
const PATIENCE: Duration = Duration::from_secs(20);
/// Escapes can make a text six times as long.
const ANSWER: usize = (LOGIN_MOST * 6 + 1024) * LOGIN_FILES;

impl Engine {
    /// Keeps the log-in of a sandbox's agent, for other sandboxes of that agent from their next start on. The sandbox
    /// must run: only inside is its home seen.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::NotFound`] where nobody logged in; [`Error::InvalidRequest`] where its agent is
    /// not known to have a log-in, or what lies there is no token file; [`Error::NotSupported`] where the keychain was
    /// wanted and does not answer. Nothing is kept then.
    pub async fn keep_log_in(&self, id: &SandboxId, place: Place) -> Result<KeptLogIn> {
        let (_, record) = self.load(id)?;
        let paths = self.login_files(&record);
        if paths.is_empty() {
            return Err(Error::InvalidRequest {
                message: format!(
                    "it is not known where {} keeps its log-in, so it can be used in its own sandbox only",
                    self.recipes().name(&record.agent)
                ),
            });
        }
        let docker = self.docker().await?;
        let entry = proof::entry(self, &docker, &record).await?;
        let files = read(&docker, &entry.container, &paths).await?;
        drop(entry);
        if !files.iter().any(|file| file.path == paths[0]) {
            return Err(Error::NotFound {
                what: "log-in in the sandbox",
                name: record.name,
            });
        }
        for file in &files {
            check(file)?;
        }
        let kept = KeptLogIn {
            agent: record.agent.clone(),
            place,
            since: self.now(),
            from: record.name.clone(),
        };
        self.put_log_in(&kept, &files).await?;
        let words = format!("Log-in kept {} for other sandboxes", place.words());
        self.note(id, ActivityKind::Network, &words, String::new(), None);
        Ok(kept)
    }

    fn login_files(&self, record: &Record) -> Vec<String> {
        let recipes = self.recipes();
        let recipe = recipes.find(&record.agent);
        recipe.map_or(Vec::new(), |recipe| recipe.login_files.clone())
    }

    /// Whether the agent of a sandbox has a log-in that can be kept, and the one that is.
    pub fn log_in_for(&self, id: &SandboxId) -> Result<(bool, Option<KeptLogIn>)> {
        let (_, record) = self.load(id)?;
        let kept = self.log_ins()?;
        let can = !self.login_files(&record).is_empty();
        Ok((can, kept.into_iter().find(|one| one.agent == record.agent)))
    }
}

/// Puts the kept log-in of its agent into a sandbox that was just started. Where the agent has one of its own it
/// stays; where there is still what was put there before, it follows what is kept. That it fails stops nothing.
pub(super) async fn put_in(working: &mut Working, docker: &Docker, container: &str) {
    let id = working.id().clone();
    let engine = working.engine.clone();
    let what = "The kept log-in was not put in";
    match try_put_in(working, docker, container).await {
        Ok(true) => {
            let what = "The kept log-in was put in";
            engine.note(&id, ActivityKind::Started, what, String::new(), None);
        }
        Ok(false) => {}
        Err(error) => engine.note(&id, ActivityKind::Started, what, error.to_string(), None),
    }
}

async fn try_put_in(working: &mut Working, docker: &Docker, container: &str) -> Result<bool> {
    let engine = working.engine.clone();
    let record = &working.record;
    // With a key of its own, or without a network, its agent has no use for it.
    if record.network.mode == NetworkMode::Offline || engine.agent_has_key(record) {
        return Ok(false);
    }
    let paths = engine.login_files(record);
    let kept = engine.log_in_of(&record.agent).await?;
    let kept: Vec<LoginFile> = kept
        .into_iter()
        .filter(|file| paths.contains(&file.path))
        .collect();
    if kept.is_empty() {
        return Ok(false);
    }
    let there = read(docker, container, &paths).await?;
    let is_own = |file: &LoginFile| working.record.log_in.get(&file.path) != Some(&hash(file));
    if there.iter().any(is_own) || there == kept {
        return Ok(false);
    }
    write(docker, container, &kept).await?;
    working.record.log_in = kept.iter().map(|f| (f.path.clone(), hash(f))).collect();
    working.record.save(&working.dir)?;
    Ok(true)
}

fn hash(file: &LoginFile) -> String {
    blake3::hash(file.content.as_bytes()).to_hex().to_string()
}

/// Whether it is what token files are. What it says is never shown.
fn check(file: &LoginFile) -> Result<()> {
    let is_json = file.path.ends_with(".json");
    let fits = match is_json {
        true => {
            serde_json::from_str::<Map<String, Value>>(&file.content).is_ok_and(|it| !it.is_empty())
        }
        false => !file.content.trim().is_empty(),
    };
    match fits && file.content.len() <= LOGIN_MOST {
        true => Ok(()),
        false => Err(refused(&file.path, "it is not what such a file is")),
    }
}

fn refused(path: &str, why: &str) -> Error {
    Error::InvalidRequest {
        message: format!(
            "~/{path} of the sandbox was not taken: {}. Nothing was kept or changed",
            why.escape_debug()
        ),
    }
}

/// What there is at each path, as the guest says: in a home the agent made what lies there.
pub(super) async fn look(
    docker: &Docker,
    container: &str,
    paths: &[String],
) -> Result<Vec<LoginSaid>> {
    let mut command = guest("read");
    command.extend_from_slice(paths);
    let mut running = docker.exec(container, command, Vec::new()).await?;
    running.input = None;
    answers(running).await
}

async fn read(docker: &Docker, container: &str, paths: &[String]) -> Result<Vec<LoginFile>> {
    let mut files = Vec::new();
    for said in look(docker, container, paths).await? {
        match said {
            LoginSaid::Found { file } if paths.contains(&file.path) => files.push(file),
            LoginSaid::Missing { .. } => {}
            LoginSaid::Refused { path, why } => return Err(refused(&path, &why)),
            LoginSaid::Found { .. } | LoginSaid::Put { .. } => return Err(nonsense().into()),
        }
    }
    Ok(files)
}

/// Puts them there, in the place of what there was.
pub(super) async fn write(docker: &Docker, container: &str, files: &[LoginFile]) -> Result<()> {
    let mut text = Zeroizing::new(Vec::new());
    for file in files {
        serde_json::to_writer(&mut *text, file).map_err(|_| nonsense())?;
        text.push(b'\n');
    }
    let mut running = docker.exec(container, guest("put"), Vec::new()).await?;
    if let Some(mut input) = running.input.take() {
        let sent = async {
            input.write_all(&text).await?;
            input.shutdown().await
        };
        let sent = tokio::time::timeout(PATIENCE, sent).await;
        sent.map_err(|_| nonsense())?.map_err(|_| nonsense())?;
    }
    for said in answers(running).await? {
        match said {
            LoginSaid::Put { .. } => {}
            LoginSaid::Refused { path, why } => return Err(refused(&path, &why)),
            LoginSaid::Found { .. } | LoginSaid::Missing { .. } => return Err(nonsense().into()),
        }
    }
    Ok(())
}

fn guest(verb: &str) -> Vec<String> {
    [&format!("{GUEST}/sandbox-guest"), "login", verb, HOME]
        .map(str::to_owned)
        .to_vec()
}

/// Lines of what the guest says, wiped when they were read.
async fn answers(mut running: Running) -> Result<Vec<LoginSaid>> {
    let mut out = Zeroizing::new(Vec::with_capacity(ANSWER));
    let read = async {
        while let Some(piece) = running.next().await? {
            if let Output::Out(bytes) = piece {
                if out.len() + bytes.len() > ANSWER {
                    return Err(nonsense());
                }
                out.extend_from_slice(&bytes);
            }
        }
        running.status().await
    };
    let status = tokio::time::timeout(PATIENCE, read).await;
    if status.map_err(|_| nonsense())?? != 0 {
        return Err(nonsense().into());
    }
    let lines = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let said: Result<Vec<LoginSaid>, _> = lines
        .take(LOGIN_FILES + 1)
        .map(serde_json::from_slice)
        .collect();
    Ok(said.map_err(|_| nonsense())?)
}

/// Nothing of what was said is repeated.
fn nonsense() -> DockerError {
    DockerError::new(
        Problem::Failed,
        "the sandbox did not answer as it should when it was asked for its log-in",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_token_file_is_refused_and_never_repeated() {
        let file = |path: &str, content: &str| LoginFile {
            path: path.to_owned(),
            content: content.to_owned(),
        };
        assert!(check(&file("a.json", "{\"token\":\"x\"}")).is_ok());
        assert!(check(&file("token", "x")).is_ok());
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(LOGIN_MOST));
        for (path, bad) in [
            ("a.json", ""),
            ("a.json", "{}"),
            ("a.json", "canary"),
            ("a.json", "[\"canary\"]"),
            ("a.json", &large),
            ("token", " \n"),
        ] {
            let said = check(&file(path, bad)).unwrap_err().to_string();
            assert!(!said.contains("canary") && said.len() < 300, "{said}");
        }
    }
}
