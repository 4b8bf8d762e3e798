//! What is written down about one sandbox, in `sandbox.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::data_dir::SandboxDir;
use super::json_file;
use crate::image::folder::FolderImage;
use crate::image::packages::PackageName;
use crate::{Error, Result, SandboxId};
use sandbox_workspace::{WorkspacePath, system};

/// The record's version.
pub const SCHEMA: u32 = 1;

/// What the sandbox may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// Nothing: no interface but loopback.
    #[default]
    Offline,
    /// Hosts on a list; others are asked about.
    Approved,
    /// Any public host.
    Open,
}

/// What the sandbox may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Cores, in thousandths.
    pub cpu_millis: u32,
    /// Bytes, no swap.
    pub memory: u64,
    /// Processes and threads together.
    pub processes: u32,
    /// The largest file, in bytes.
    pub file_size: u64,
    /// Bytes that the workspace may take on the disk.
    #[serde(default = "workspace_size")]
    pub workspace_size: u64,
    /// Files, folders and links that may lie in it.
    #[serde(default = "workspace_files")]
    pub workspace_files: u64,
}

impl Limits {
    /// Whether a container made with the others is one made with these.
    pub fn same_container(&self, other: &Self) -> bool {
        let workspace = Self {
            workspace_size: self.workspace_size,
            workspace_files: self.workspace_files,
            ..*other
        };
        *self == workspace
    }
}

/// Bytes of a workspace where nothing was chosen: 50 GiB.
pub const fn workspace_size() -> u64 {
    50 << 30
}

/// Its files, where nothing was chosen.
pub const fn workspace_files() -> u64 {
    2_000_000
}

/// Who owns the workspace, and whom the container runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// The egress policy as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkPolicy {
    /// How wide.
    pub mode: NetworkMode,
    /// `HOST[:PORT]` or `*.suffix` rules.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Deny beats allow.
    #[serde(default)]
    pub block: Vec<String>,
    /// Lists of sites, by id.
    #[serde(default)]
    pub presets: Vec<String>,
    /// Ports of this computer that the sandbox may reach, on its own loopback.
    #[serde(default)]
    pub services: Vec<u16>,
}

/// One sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Its id; equals the folder's name.
    pub id: SandboxId,
    /// For people; unique among the sandboxes of one data directory.
    pub name: String,
    /// The user's own folder.
    pub project: ProjectPath,
    /// Milliseconds since 1970.
    pub created: i64,
    /// The recipe's id.
    pub agent: String,
    /// The agent's version that is in its container.
    #[serde(default)]
    pub agent_version: Option<String>,
    /// Which guest is in its container: a hash.
    #[serde(default)]
    pub guest: Option<String>,
    /// What to run, for the recipe `own`.
    #[serde(default)]
    pub command: Option<String>,
    /// What it may reach.
    pub network: NetworkPolicy,
    /// Providers whose keys it uses, beside those of its recipe.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Log-in files that were put into its home, each with a hash of what it was: what the agent made of it since is
    /// its own, and left alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_in: BTreeMap<String, String>,
    /// What it may use.
    pub limits: Limits,
    /// A chosen image; absent: our environment.
    #[serde(default)]
    pub image: Option<String>,
    /// The folder's own file that says what the image is; beats `image`.
    #[serde(default)]
    pub image_from: Option<FolderImage>,
    /// The system packages that its container was made with.
    #[serde(default)]
    pub packages: Vec<PackageName>,
    /// The runtime that was asked for, such as gVisor's; absent: the engine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Whom it runs as.
    pub owner: Owner,
    /// What hand-over leaves out.
    pub rules: sandbox_workspace::rules::Rules,
    /// Paths that hand-over itself rewrote: ours, never proposed.
    #[serde(default)]
    pub rewritten: Vec<WorkspacePath>,
    /// The first snapshot.
    pub baseline: String,
    /// The base tree: per path, what workspace and project last had in common.
    pub base: sandbox_workspace::store::TreeId,
    /// Counts the times that the base moved for another reason than a copy-out: a capture of before is no
    /// longer good, for it would propose to take that back.
    #[serde(default)]
    pub epoch: u64,
    /// Whether a container was ever made for it.
    #[serde(default)]
    pub container_made: bool,
}

impl Record {
    /// Reads the record of a sandbox; `None` where there is none (yet).
    pub fn load(dir: &SandboxDir) -> Result<Option<Self>> {
        let path = dir.record();
        let record: Option<Self> = json_file::read(&path)?;
        match record {
            Some(record) if record.schema > SCHEMA => Err(Error::Damaged {
                path,
                reason: format!(
                    "it was written by a newer Agent Sandbox (schema {}, this one knows {SCHEMA})",
                    record.schema
                ),
            }),
            other => Ok(other),
        }
    }

    /// Writes it.
    pub fn save(&self, dir: &SandboxDir) -> Result<()> {
        json_file::write(&dir.record(), self)
    }
}

/// A path of the user's, kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectPath(PathBuf);

impl ProjectPath {
    /// Takes an absolute path.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// As a path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// As text; U+FFFD for what is not UTF-8.
    pub fn to_lossy(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

/// On disk: a string where it is UTF-8, else an array of bytes.
impl Serialize for ProjectPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_seq(system::bytes(self.0.as_os_str())),
        }
    }
}

impl<'de> Deserialize<'de> for ProjectPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Text(String),
            Bytes(Vec<u8>),
        }
        Ok(Self(match Raw::deserialize(deserializer)? {
            Raw::Text(text) => text.into(),
            Raw::Bytes(bytes) => system::os_string(bytes)
                .ok_or_else(|| serde::de::Error::custom("a path that this system cannot have"))?
                .into(),
        }))
    }
}
