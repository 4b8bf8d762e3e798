//! Making everything ready: each step looks first, and is over at once where there is nothing to do.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::shell::{Failure, Shell, is_there, run};

/// What Tauri, the tests and a container engine need on Debian and Ubuntu.
const DEBIAN: [&str; 22] = [
    "build-essential",
    "libwebkit2gtk-4.1-dev",
    "webkit2gtk-driver",
    "xvfb",
    "xauth",
    "librsvg2-dev",
    "libayatana-appindicator3-dev",
    "libxdo-dev",
    "dbus-x11",
    "fonts-dejavu-core",
    "fonts-noto-core",
    "docker.io",
    "iptables",
    "mmdebstrap",
    "git",
    "e2fsprogs",
    "musl-tools",
    // Other file systems for the tests to copy out to.
    "btrfs-progs",
    "dosfstools",
    "exfat-fuse",
    "exfatprogs",
    "ntfs-3g",
];
/// The same for Fedora and its relatives.
const FEDORA: [&str; 9] = [
    "webkit2gtk4.1-devel",
    "webkit2gtk-driver",
    "librsvg2-devel",
    "libappindicator-gtk3-devel",
    "libxdo-devel",
    "xorg-x11-server-Xvfb",
    "dbus-x11",
    "gcc",
    "git",
];
const BASE: &str = "agent-sandbox/base:trixie";

/// All of it, in order.
pub fn everything(shell: &Shell) -> Result<(), Failure> {
    packages(shell)?;
    guest(shell)?;
    interface(shell)?;
    engine(shell)?;
    base_image(shell)
}

/// System packages.
fn packages(shell: &Shell) -> Result<(), Failure> {
    if is_there("apt-get") {
        let missing: Vec<&str> = DEBIAN
            .into_iter()
            .filter(|name| !is_installed(shell, name))
            // An engine that is there already is not replaced by Debian's.
            .filter(|name| *name != "docker.io" || !answers(shell))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        ask(&missing)?;
        as_root(shell, &["apt-get", "update", "-q"])?;
        let mut install = vec!["apt-get", "install", "-q", "-y", "--no-install-recommends"];
        install.extend(&missing);
        return as_root(shell, &install);
    }
    if is_there("dnf") {
        let missing: Vec<&str> = FEDORA
            .into_iter()
            .filter(|name| !shell.succeeds("rpm", &["-q", name]))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        ask(&missing)?;
        let mut install = vec!["dnf", "install", "-y"];
        install.extend(&missing);
        return as_root(shell, &install);
    }
    if cfg!(target_os = "macos") {
        return Ok(());
    }
    println!(
        "This system's packages are not known here; needed are: {}",
        DEBIAN.join(", ")
    );
    Ok(())
}

fn is_installed(shell: &Shell, package: &str) -> bool {
    let format = "-f=${db:Status-Status}";
    shell
        .read("dpkg-query", &["-W", format, package])
        .is_some_and(|status| status.trim() == "installed")
}

/// Nothing is installed behind the user's back: root and CI have said yes by being that.
fn ask(packages: &[&str]) -> Result<(), Failure> {
    if is_root() || is_ci() {
        return Ok(());
    }
    println!(
        "These packages are missing and will be installed with sudo:\n  {}",
        packages.join(" ")
    );
    println!("Go on? [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    Err(Failure::Missing(format!(
        "install these, then try again: {}",
        packages.join(" ")
    )))
}

fn as_root(shell: &Shell, words: &[&str]) -> Result<(), Failure> {
    let mut command = if is_root() {
        shell.command(words[0], &words[1..])
    } else {
        shell.command("sudo", words)
    };
    run(command.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root() -> bool {
    // The owner of this process's own entry.
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

/// Whether this is a build machine: there a skip is a failure.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// The static guest binary, where the root package's build script takes it from.
pub fn guest(shell: &Shell) -> Result<(), Failure> {
    let arch = std::env::consts::ARCH;
    let target = format!("{arch}-unknown-linux-musl");
    let installed = shell.read("rustup", &["target", "list", "--installed"]);
    if installed.is_some_and(|list| !list.lines().any(|line| line == target)) {
        shell.run("rustup", &["target", "add", &target])?;
    }
    let linker = format!(
        "CARGO_TARGET_{}_LINKER",
        target.to_uppercase().replace('-', "_")
    );
    let mut build = shell.command(
        "cargo",
        &[
            "build",
            "-p",
            "sandbox-guest",
            "--profile",
            "guest",
            "--target",
            &target,
        ],
    );
    // The toolchain's own linker: no C toolchain for musl is needed.
    run(build.env(linker, "rust-lld"))?;
    let built = shell.path(&format!("target/{target}/guest/sandbox-guest"));
    let folder = shell.path(&format!("target/guest/{arch}"));
    fs::create_dir_all(&folder).map_err(|e| file(&folder, e))?;
    let placed = folder.join("sandbox-guest");
    let new = fs::read(&built).map_err(|e| file(&built, e))?;
    // The same bytes are not written again: that would build the root package again.
    if fs::read(&placed).is_ok_and(|old| old == new) {
        return Ok(());
    }
    fs::write(&placed, new).map_err(|e| file(&placed, e))
}

fn file(path: &std::path::Path, source: std::io::Error) -> Failure {
    Failure::File {
        path: path.to_owned(),
        source,
    }
}

/// Node packages by the lock file, and the interface that the window embeds.
pub fn interface(shell: &Shell) -> Result<(), Failure> {
    if !is_there("npm") {
        return Err(Failure::Missing(
            "Node 20.19 or newer with npm is needed: https://nodejs.org".to_owned(),
        ));
    }
    let lock = shell.path("ui/package-lock.json");
    let stamp = shell.path("ui/node_modules/.package-lock.json");
    let modified = |path| fs::metadata(path).and_then(|found| found.modified()).ok();
    if modified(&stamp) < modified(&lock) {
        shell.run("npm", &["ci", "--prefix", "ui", "--no-audit", "--no-fund"])?;
    }
    shell.run("npm", &["run", "--silent", "--prefix", "ui", "build"])
}

/// A container engine that answers: found, or Debian's started by hand.
pub fn engine(shell: &Shell) -> Result<(), Failure> {
    if answers(shell) {
        return Ok(());
    }
    if is_root() && is_there("systemctl") {
        let _ = shell.succeeds("systemctl", &["start", "docker"]);
        if answers(shell) {
            return Ok(());
        }
    }
    if !(is_root() && is_there("dockerd")) {
        return Err(Failure::Missing(
            "no container engine answers. Start Docker (or Podman's socket), then try again; \
             `cargo xtask doctor` says what was found"
                .to_owned(),
        ));
    }
    let log = shell.path("target/dockerd.log");
    let out = fs::File::create(&log).map_err(|e| file(&log, e))?;
    let errors = out.try_clone().map_err(|e| file(&log, e))?;
    let mut daemon = shell.command("setsid", &["dockerd"]);
    let started = daemon
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(errors)
        .spawn();
    started.map_err(|source| Failure::Start {
        program: "dockerd".to_owned(),
        source,
    })?;
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if answers(shell) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Err(Failure::Missing(format!(
        "dockerd did not come up; its log: {}",
        log.display()
    )))
}

fn answers(shell: &Shell) -> bool {
    shell.succeeds("docker", &["info"])
}

/// The base that the environment image is built on: pulled by the app itself where registries can be
/// reached, else made from Debian's packages.
pub fn base_image(shell: &Shell) -> Result<(), Failure> {
    if shell.succeeds("docker", &["image", "inspect", BASE]) || !is_there("mmdebstrap") {
        return Ok(());
    }
    let archive = shell.path("target/base.tar");
    let archive = archive.to_string_lossy().into_owned();
    if !is_root() {
        println!("The base image will be fetched when the first sandbox starts.");
        return Ok(());
    }
    shell.run(
        "mmdebstrap",
        &["--quiet", "--variant=minbase", "trixie", &archive],
    )?;
    shell.run("docker", &["import", &archive, BASE])?;
    let _ = fs::remove_file(&archive);
    Ok(())
}
