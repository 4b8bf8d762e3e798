//! The command line's grammar.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Run AI coding agents on a copy of your folder, in a container that can see nothing else.
///
/// Without a command it opens the window.
#[derive(Debug, Parser)]
#[command(name = "agent-sandbox", version, max_term_width = 100)]
pub struct Cli {
    /// What all commands take, before or after the verb.
    #[command(flatten)]
    pub global: Global,
    /// The verb; none opens the window.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print one JSON document on standard output; errors as JSON on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Keep everything in DIR instead of the usual data folder
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// No progress on standard error
    #[arg(long, global = true)]
    pub quiet: bool,
}

/// What a sandbox may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// Nothing
    Offline,
    /// Sites on a list
    Approved,
    /// Any public site by its name; addresses and port 22 only where a rule allows them
    Open,
}

/// A file of the folder that says what its image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageFrom {
    /// Dockerfile or Containerfile at the top
    Dockerfile,
    /// devcontainer.json: its image or build, nothing else of it
    Devcontainer,
}

/// What happens to files of secrets such as .env.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SecretFiles {
    /// They stay out
    #[default]
    LeaveOut,
    /// .env files go in with every value replaced; others stay out
    Placeholders,
    /// They go in as they are
    AsIs,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check this computer: one row per check
    Doctor,
    /// Hand over a copy of PROJECT to a new sandbox and start it
    Create(Create),
    /// List the sandboxes
    List,
    /// One sandbox with its workspace, container, network and state
    Status(One),
    /// Run CMD in a sandbox; its output and its exit status
    Exec(Exec),
    /// An interactive shell of a sandbox in this terminal
    Shell(One),
    /// Start a sandbox; also resumes and repairs it
    Start(One),
    /// Stop a sandbox; its files stay
    Stop(One),
    /// Remove a sandbox; your project is not touched
    Remove(One),
    /// What differs from the base, or between any two states
    Changes(Changes),
    /// The changes as a unified diff
    Diff(Diff),
    /// Copy changes out into the project
    Apply(Apply),
    /// Undo the newest copy-out that is not undone yet
    Undo(One),
    /// Copy out again what the newest undo took back
    Redo(One),
    /// Save changes elsewhere: as a patch, to a folder, as a branch
    Save(Save),
    /// Bring what you changed in the project since into the workspace
    BringIn(BringIn),
    /// Make the workspace what the project is now: a new baseline, the old one kept
    StartAgain(One),
    /// Take a snapshot
    Snapshot(Snapshot),
    /// List the snapshots, oldest first
    Snapshots(One),
    /// Put the workspace back to the baseline or a snapshot
    Reset(Reset),
    /// Finish or roll back what a crash interrupted
    Recover,
    /// Show or change what a sandbox may reach
    Network(NetworkArgs),
    /// Show or change what a sandbox may use; with other limits what runs in it is started anew
    Limits(super::limits::LimitsArgs),
    /// A page that a sandbox serves, for your browser; until Ctrl-C or the sandbox stops
    Preview(Preview),
    /// Show or change which sites are approved or blocked in every sandbox
    Sites(super::sites::Sites),
    /// Keys of model providers: sandboxes use them and never see them
    #[command(subcommand)]
    Key(super::keys::Key),
    /// A log-in by browser: use one in several sandboxes of the same agent
    #[command(subcommand)]
    Login(super::log_ins::Login),
    /// Show or change the proxy of this computer's network that gateways go by
    Proxy(super::proxy::Proxy),
    /// The agents: which there are, and in which version
    Agents {
        /// None: list them
        #[command(subcommand)]
        what: Option<super::agents::Agents>,
    },
    /// What happened in a sandbox, oldest first: network decisions, snapshots, copy-outs, starts and stops; of each kind the
    /// newest 2 to 4 MiB are kept, and where older ones are not the first line says so
    Activity(One),
    /// The store of all snapshots
    #[command(subcommand)]
    Store(Store),
    /// Prepare the environment image
    Image,
    /// Show or change which Debian packages the environment has besides its own
    Packages(Packages),
    /// Remove everything that this app ever made; projects are not touched
    Purge(Purge),
    /// Print shell completions
    Completions {
        /// For which shell
        shell: CompletionShell,
    },
}

/// Shells with completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum CompletionShell {
    Bash,
    Zsh,
    Fish,
}

/// One sandbox.
#[derive(Debug, Args)]
pub struct One {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
}

/// `create`
#[derive(Debug, Args)]
pub struct Create {
    /// The folder to hand over a copy of
    pub project: PathBuf,
    /// Name of the sandbox [default: the folder's name]
    #[arg(long)]
    pub name: Option<String>,
    /// Recipe of the agent
    #[arg(long, default_value = "shell")]
    pub agent: String,
    /// A local image instead of the environment image
    #[arg(long, value_name = "REF")]
    pub image: Option<String>,
    /// The image that the folder's own file asks for; a Dockerfile is built before any fence, with the
    /// engine's network
    #[arg(long, value_enum, value_name = "FILE", conflicts_with = "image")]
    pub image_from: Option<ImageFrom>,
    /// A runtime that the engine offers, such as runsc; one that is missing is refused
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// What it may reach [default: offline]
    #[arg(long, value_enum)]
    pub network: Option<Network>,
    /// Allow a host, for --network approved; repeatable
    #[arg(long, value_name = "HOST")]
    pub allow: Vec<String>,
    /// Let it use this provider's key beside its agent's; repeatable
    #[arg(long, value_name = "PROVIDER")]
    pub key: Vec<String>,
    /// Cores, for instance 1.5
    #[arg(long, value_name = "N")]
    pub cpus: Option<f64>,
    /// Memory, for instance 4g
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Leave out what matches; beats --include; repeatable
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Put in what is left out by itself; repeatable
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,
    /// What happens to files of secrets such as .env
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub secrets: SecretFiles,
    /// Make the copy only; needs no container engine
    #[arg(long)]
    pub no_start: bool,
}

/// `exec`
#[derive(Debug, Args)]
pub struct Exec {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// The command and its arguments, after --
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `changes`
#[derive(Debug, Args)]
pub struct Changes {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// Compare from this snapshot or capture, `project` or `now` instead of the base
    #[arg(long, value_name = "STATE")]
    pub from: Option<String>,
    /// Compare to this snapshot or capture, `baseline` or `project` instead of now
    #[arg(long, value_name = "STATE")]
    pub to: Option<String>,
}

/// `diff`
#[derive(Debug, Args)]
pub struct Diff {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// Only these; a folder stands for what is below it
    pub paths: Vec<OsString>,
    /// Compare from this snapshot or capture, `project` or `now` instead of the base
    #[arg(long, value_name = "STATE")]
    pub from: Option<String>,
    /// Compare to this snapshot or capture, `baseline` or `project` instead of now
    #[arg(long, value_name = "STATE")]
    pub to: Option<String>,
}

/// `apply`
#[derive(Debug, Args)]
pub struct Apply {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// These changes; either end of a rename takes both
    #[arg(required_unless_present = "all")]
    pub paths: Vec<OsString>,
    /// All changes but the risky and refused ones
    #[arg(long, conflicts_with = "paths")]
    pub all: bool,
    /// With --all, also files that run on your machine
    #[arg(long)]
    pub include_risky: bool,
    /// Exactly this capture instead of a new one
    #[arg(long, value_name = "ID")]
    pub capture: Option<String>,
}

/// `save`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("to").required(true))]
pub struct Save {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// These changes; either end of a rename takes both
    #[arg(required_unless_present_any = ["all", "commits"])]
    pub paths: Vec<OsString>,
    /// All changes but the risky and refused ones
    #[arg(long, conflicts_with = "paths")]
    pub all: bool,
    /// With --all, also files that run on your machine
    #[arg(long)]
    pub include_risky: bool,
    /// Exactly this capture instead of a new one
    #[arg(long, value_name = "ID")]
    pub capture: Option<String>,
    /// A patch for `git apply`, into FILE, which must not exist
    #[arg(long, value_name = "FILE", group = "to")]
    pub patch: Option<PathBuf>,
    /// The files, into a new folder below DIR
    #[arg(long, value_name = "DIR", group = "to")]
    pub folder: Option<PathBuf>,
    /// One commit on a new branch of the project's repository; its files and HEAD stay as they are
    #[arg(long, value_name = "NAME", group = "to")]
    pub branch: Option<String>,
    /// The agent's own commits as mail patches, made inside the sandbox, into FILE, which must not exist
    #[arg(long, value_name = "FILE", group = "to", conflicts_with_all = ["paths", "all", "capture"])]
    pub commits: Option<PathBuf>,
}

/// `bring-in`
#[derive(Debug, Args)]
pub struct BringIn {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// Take the newest one back instead
    #[arg(long)]
    pub undo: bool,
}

/// `snapshot`
#[derive(Debug, Args)]
pub struct Snapshot {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// Its name
    #[arg(long)]
    pub name: Option<String>,
    /// Also its home folder: what was installed there, log-ins, conversations
    #[arg(long)]
    pub with_home: bool,
}

/// `reset`
#[derive(Debug, Args)]
pub struct Reset {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// A snapshot's id or name [default: the baseline]
    #[arg(long, value_name = "SNAPSHOT")]
    pub to: Option<String>,
    /// Also empty its home folder: log-ins, conversations, what was installed there; cannot be undone
    #[arg(long, conflicts_with = "to")]
    pub wipe: bool,
    /// Also put its home folder back, log-ins too, where the snapshot was taken with it
    #[arg(long, requires = "to", conflicts_with = "wipe")]
    pub with_home: bool,
    /// Only these; a folder stands for what is below it. What runs goes on
    #[arg(last = true, value_name = "PATH", requires = "to", conflicts_with_all = ["wipe", "with_home"])]
    pub paths: Vec<OsString>,
}

/// `network`
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// The new mode; none shows the present one
    #[arg(value_enum)]
    pub mode: Option<Network>,
    /// Allow HOST[:PORT]; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub allow: Vec<String>,
    /// Block HOST; beats allow; repeatable
    #[arg(long, value_name = "HOST")]
    pub block: Vec<String>,
    /// Take a rule away again, from both lists; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub forget: Vec<String>,
    /// Allow a list of sites: python, javascript, rust, debian, github; repeatable, replaces the present ones
    #[arg(long, value_name = "LIST")]
    pub preset: Vec<String>,
    /// Open a port of this computer on the sandbox's own loopback while the window is open, for instance
    /// 11434 for a local model; repeatable, replaces the present ones; 0 closes all
    #[arg(long, value_name = "PORT")]
    pub service: Vec<u16>,
}

/// `preview`
#[derive(Debug, Args)]
pub struct Preview {
    /// An id, a name, or the beginning of an id
    pub sandbox: String,
    /// The port that a program in the sandbox listens on
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Let a log-in come back instead, by the same port of this computer, for ten minutes
    #[arg(long)]
    pub log_in: bool,
}

/// `store`
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read everything and compare with its hash
    Verify,
    /// Free what no snapshot needs, except what was stored within the last hour
    Prune,
    /// Sizes
    Stats,
}

/// `packages`
#[derive(Debug, Args)]
pub struct Packages {
    /// Add a package; repeatable
    #[arg(long, value_name = "NAME")]
    pub add: Vec<String>,
    /// Take one away again; repeatable
    #[arg(long, value_name = "NAME")]
    pub remove: Vec<String>,
}

/// `purge`
#[derive(Debug, Args)]
pub struct Purge {
    /// List it only
    #[arg(long)]
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }
}
