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
    let runtime = match &wanted.runtime {
        None => record.runtime.clone(),
        Some(name) => Some(name.clone()).filter(|name| name != USUAL),
    };
    engine.reshape(id, limits, runtime).await?;
    let record = engine.load(id)?.1;
    let limits = record.limits;
    let cpus = f64::from(limits.cpu_millis) / 1000.0;
    let mut text = format!(
        "{cpus} cores, {} MB memory, {} processes, files up to {} MB",
        limits.memory >> 20,
        limits.processes,
        limits.file_size >> 20
    );
    if let Some(runtime) = &record.runtime {
        text += &format!(", kept apart by {}", runtime.escape_debug());
    }
    let document = json!({
        "cpus": cpus,
        "memory": limits.memory,
        "processes": limits.processes,
        "file_size": limits.file_size,
        "runtime": record.runtime,
    });
    Ok((document, text))
}
