//! What images are built from: the embedded Dockerfile of the environment, and our thin personal layer.

pub mod context;
pub mod folder;
mod java;
mod jsonc;
pub mod packages;
pub mod volumes;

use std::io;
use std::path::Path;

use sandbox_protocol::egress::RELAY_FOLDER;

use crate::docker::gateway::{GATEWAY_USER, GUEST_ONLY};
use crate::ids::hex;

/// The environment's recipe.
pub const DOCKERFILE: &str = include_str!("Dockerfile");
/// The base it is built on: made from Debian's packages or pulled, never an official name.
pub const BASE: &str = "agent-sandbox/base:trixie";
/// Where [`BASE`] comes from when it is not there and registries can be reached.
pub const BASE_PULL: (&str, &str) = ("debian", "trixie-slim");
/// Where the computer's certificates lie in every image of ours.
pub const CERTIFICATES: &str = "/etc/agent-sandbox/ca-certificates.crt";
/// The same for the JVM, which reads no such file.
pub const JAVA_CERTIFICATES: &str = "/etc/agent-sandbox/ca-certificates.jks";
/// Raised when the personal layer changes.
const LAYER: &str = "personal layer 4";

const BASHRC: &str = r#"# ~/.bashrc of the sandbox
case $- in *i*) ;; *) return ;; esac
HISTSIZE=10000
shopt -s checkwinsize
PS1='\[\e[34m\]\w\[\e[0m\] \$ '
alias ls='ls --color=auto' grep='grep --color=auto'
"#;
/// ssh has no way out: what is public there is also to be had by https.
const GITCONFIG: &str = r#"[user]
	name = Agent
	email = agent@sandbox.invalid
[init]
	defaultBranch = main
[url "https://github.com/"]
	insteadOf = git@github.com:
	insteadOf = ssh://git@github.com/
[url "https://gitlab.com/"]
	insteadOf = git@gitlab.com:
	insteadOf = ssh://git@gitlab.com/
[url "https://codeberg.org/"]
	insteadOf = git@codeberg.org:
	insteadOf = ssh://git@codeberg.org/
[url "https://bitbucket.org/"]
	insteadOf = git@bitbucket.org:
	insteadOf = ssh://git@bitbucket.org/
"#;

/// Twelve hexadecimal digits that change with any of the parts.
pub fn key(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize().as_bytes()[..6])
}

/// The environment's tag.
pub fn environment_tag(base_id: &str, certificates: &[u8]) -> String {
    let key = key(&[DOCKERFILE.as_bytes(), base_id.as_bytes(), certificates]);
    format!("agent-sandbox/env:{key}")
}

/// The build context of the environment.
pub fn environment_context(certificates: &[u8]) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    add(&mut tar, "Dockerfile", 0o644, DOCKERFILE.as_bytes())?;
    add(&mut tar, "ca-certificates.crt", 0o644, certificates)?;
    tar.into_inner()
}

/// What the personal layer is made of.
pub struct Layer<'a> {
    /// The image below, by id.
    pub image: &'a str,
    /// Whom the container runs as.
    pub uid: u32,
    /// Likewise.
    pub gid: u32,
    /// The computer's certificates; may be empty.
    pub certificates: &'a [u8],
    /// The guest binary.
    pub guest: &'a [u8],
}

impl Layer<'_> {
    /// The layer's tag.
    pub fn tag(&self) -> String {
        let owner = format!("{}:{}", self.uid, self.gid);
        let key = key(&[
            LAYER.as_bytes(),
            BASHRC.as_bytes(),
            GITCONFIG.as_bytes(),
            self.image.as_bytes(),
            owner.as_bytes(),
            self.certificates,
            self.guest,
        ]);
        format!("agent-sandbox/personal:{key}")
    }

    /// The build context. Only copies: nothing of the image below is run.
    pub fn context(&self, passwd: &[u8], group: &[u8]) -> io::Result<Vec<u8>> {
        let (uid, gid) = (self.uid, self.gid);
        let dockerfile = format!(
            "FROM {}\nCOPY passwd group /etc/\nCOPY certificates/ /etc/agent-sandbox/\n\
             COPY guest/ {}/\nCOPY --chown={uid}:{gid} home/ {}/\n\
             LABEL io.agent-sandbox.role=image io.agent-sandbox.schema=1 \
             io.agent-sandbox.instance= io.agent-sandbox.sandbox=\n",
            self.image,
            crate::docker::container::GUEST,
            crate::docker::container::HOME,
        );
        let passwd = with_line(
            passwd,
            &format!("agent:x:{uid}:{gid}:Agent:/home/agent:/bin/bash"),
            uid == 0,
        );
        let group = with_line(group, &format!("agent:x:{gid}:"), gid == 0);
        let mut tar = tar::Builder::new(Vec::new());
        add(&mut tar, "Dockerfile", 0o644, dockerfile.as_bytes())?;
        add(&mut tar, "passwd", 0o644, &passwd)?;
        add(&mut tar, "group", 0o644, &group)?;
        add(
            &mut tar,
            "certificates/ca-certificates.crt",
            0o644,
            self.certificates,
        )?;
        let java = java::trust_store(self.certificates);
        add(&mut tar, "certificates/ca-certificates.jks", 0o644, &java)?;
        add(&mut tar, "guest/sandbox-guest", 0o755, self.guest)?;
        add(&mut tar, "home/.bashrc", 0o644, BASHRC.as_bytes())?;
        add(&mut tar, "home/.gitconfig", 0o644, GITCONFIG.as_bytes())?;
        tar.into_inner()
    }
}

/// The build context of an image that needs its recipe only.
pub fn one_file(dockerfile: &[u8]) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    add(&mut tar, "Dockerfile", 0o644, dockerfile)?;
    tar.into_inner()
}

/// What an image holds that has the guest and nothing else, for probes and gateways. The folder of the gateway's socket
/// gives its volume an owner.
pub fn guest_only(guest: &[u8]) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    add(&mut tar, within_root(GUEST_ONLY), 0o755, guest)?;
    // Some engines make a folder that is not listed so that only root may look into it.
    let socket = Path::new(within_root(RELAY_FOLDER));
    for above in socket.ancestors().skip(1) {
        if !above.as_os_str().is_empty() {
            add_folder(&mut tar, above, 0)?;
        }
    }
    add_folder(&mut tar, socket, GATEWAY_USER)?;
    tar.into_inner()
}

/// A path of a container as a tar names it.
fn within_root(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// Adds a line behind the first (root's), so that it is found before others of the same number.
fn with_line(file: &[u8], line: &str, is_root: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(file);
    let mut lines: Vec<&str> = text.lines().collect();
    let at = if is_root { 0 } else { 1.min(lines.len()) };
    lines.insert(at, line);
    let mut out = lines.join("\n").into_bytes();
    out.push(b'\n');
    out
}

fn add(tar: &mut tar::Builder<Vec<u8>>, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_cksum();
    tar.append_data(&mut header, name, content)
}

fn add_folder(tar: &mut tar::Builder<Vec<u8>>, path: &Path, owner: u32) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_size(0);
    header.set_mode(0o755);
    header.set_uid(owner.into());
    header.set_gid(owner.into());
    header.set_cksum();
    tar.append_data(&mut header, path, io::empty())
}
