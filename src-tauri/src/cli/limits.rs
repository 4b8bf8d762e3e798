//! `limits`: what a sandbox may use, and what keeps it apart.

use clap::Args;
use sandbox_engine::{Engine, SandboxId};
use serde_json::{Value, json};

use super::mistake::Mistake;
use super::wanted::{cores, size};

/// The engine's own runtime, on the command line.
const USUAL: &str = "default";

/// `limits`
#[derive(Debug, Args)]
pub struct LimitsArgs {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// Cores, for instance 1.5
    #[arg(long, value_name = "N")]
    pub cpus: Option<f64>,
    /// Memory, for instance 4g
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Processes and threads together
    #[arg(long, value_name = "N")]
    pub processes: Option<u32>,
    /// Largest file, for instance 2g
    #[arg(long, value_name = "SIZE")]
    pub file_size: Option<String>,
    /// Largest workspace, for instance 20g; while the window is open, a sandbox whose workspace grows beyond it is paused
    #[arg(long, value_name = "SIZE")]
    pub workspace_size: Option<String>,
    /// Most files in the workspace; likewise
    #[arg(long, value_name = "N")]
    pub workspace_files: Option<u64>,
    /// The engine's runtime that keeps it apart, such as runsc; default: the engine's own
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
}

/// Shows the limits, or changes those that are named; gives the document and its text. With others, what runs
/// is started anew.
pub async fn run(
    engine: &Engine,
    id: &SandboxId,
    wanted: &LimitsArgs,
) -> Result<(Value, String), Mistake> {
    let record = engine.load(id)?.1;
    let mut limits = record.limits;
    if let Some(cpus) = wanted.cpus {
        limits.cpu_millis = cores(cpus)?;
    }
    if let Some(memory) = &wanted.memory {
        limits.memory = size("--memory", memory)?;
    }
    if let Some(processes) = wanted.processes {
        limits.processes = processes;
    }
    if let Some(file_size) = &wanted.file_size {
        limits.file_size = size("--file-size", file_size)?;
    }
    if let Some(workspace_size) = &wanted.workspace_size {
        limits.workspace_size = size("--workspace-size", workspace_size)?;
    }
    if let Some(workspace_files) = wanted.workspace_files {
        limits.workspace_files = workspace_files;
    }
    let runtime = match &wanted.runtime {
        None => record.runtime.clone(),
        Some(name) => Some(name.clone()).filter(|name| name != USUAL),
    };
    engine.reshape(id, limits, runtime).await?;
    let record = engine.load(id)?.1;
    let limits = record.limits;
    let cpus = f64::from(limits.cpu_millis) / 1000.0;
    let mut text = format!(
        "{cpus} cores, {} MB memory, {} processes, files up to {} MB, a workspace of up to {} MB in {} files",
        limits.memory >> 20,
        limits.processes,
        limits.file_size >> 20,
        limits.workspace_size >> 20,
        limits.workspace_files,
    );
    let room = engine.room_of(id).await?;
    text += &format!("; it has {} MB in {} files", room.bytes >> 20, room.files);
    if let Some(runtime) = &record.runtime {
        text += &format!(", kept apart by {}", runtime.escape_debug());
    }
    let document = json!({
        "cpus": cpus,
        "memory": limits.memory,
        "processes": limits.processes,
        "file_size": limits.file_size,
        "workspace_size": limits.workspace_size,
        "workspace_files": limits.workspace_files,
        "workspace_now": { "size": room.bytes, "files": room.files },
        "runtime": record.runtime,
    });
    Ok((document, text))
}
