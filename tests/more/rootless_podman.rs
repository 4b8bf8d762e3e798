//! Podman of an ordinary user: known as such, and refused with the reason where it cannot bound a container.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::are_there;

/// Who runs it: nobody that the computer knows.
const USER: u32 = 64_321;
const BASE: &str = "agent-sandbox/base:trixie";

/// A service of that user's, with images of its own; gone when dropped. The user is in copies of the computer's
/// lists that only the service sees.
struct Podman {
    service: Child,
    folder: tempfile::TempDir,
}

impl Podman {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let own = folder.path().join("own");
        fs::create_dir(&own).unwrap();
        let home = own.display();
        for (list, line) in [
            (
                "passwd",
                format!("podman-test:x:{USER}:{USER}::{home}:/bin/sh\n"),
            ),
            ("group", format!("podman-test:x:{USER}:\n")),
            ("subuid", "podman-test:3000000:65536\n".to_owned()),
            ("subgid", "podman-test:3000000:65536\n".to_owned()),
        ] {
            let before = fs::read_to_string(format!("/etc/{list}")).unwrap_or_default();
            fs::write(folder.path().join(list), before + &line).unwrap();
        }
        // crun takes no mixture of both versions of control groups.
        let config = "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n";
        fs::write(own.join("containers.conf"), config).unwrap();
        let image = own.join("base.tar");
        let save = Command::new("docker")
            .args(["save", "-o"])
            .arg(&image)
            .arg(BASE)
            .status();
        assert!(save.unwrap().success());
        for path in [&own, &image] {
            chown(path, Some(USER), Some(USER)).unwrap();
        }
        let script = "for list in passwd group subuid subgid; do \
              [ -e /etc/$list ] && mount --bind \"$1/$list\" /etc/$list; done; \
            cd \"$1/own\" && exec setpriv --reuid $2 --regid $2 --clear-groups --inh-caps=-all \
              podman --root root --runroot run system service --time 0 unix://$1/own/podman.sock";
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let service = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(folder.path())
            .arg(USER.to_string())
            .env("HOME", &own)
            .env("XDG_RUNTIME_DIR", &own)
            .env("CONTAINERS_CONF", own.join("containers.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let podman = Self { service, folder };
        let began = Instant::now();
        while !podman.docker(&["version"]).status.success() {
            let log = fs::read_to_string(podman.folder.path().join("log")).unwrap();
            assert!(began.elapsed() < Duration::from_secs(60), "{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
        let loaded = podman.docker(&["load", "-i", image.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&loaded.stderr);
        assert!(loaded.status.success(), "{said}");
        podman
    }

    fn own(&self) -> PathBuf {
        self.folder.path().join("own")
    }

    fn host(&self) -> String {
        format!("unix://{}/podman.sock", self.own().display())
    }

    fn docker(&self, args: &[&str]) -> std::process::Output {
        let mut docker = Command::new("docker");
        let docker = docker.args(["--host", &self.host()]).args(args);
        docker.output().unwrap()
    }

    /// The command line, as that user.
    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let program = self.own().join("agent-sandbox");
        if !program.exists() {
            let built = std::env::var_os("AGENT_SANDBOX_PROGRAM").map_or_else(
                || {
                    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
                    root.join("../target/debug/agent-sandbox")
                },
                PathBuf::from,
            );
            fs::copy(built, &program).unwrap();
        }
        let who = USER.to_string();
        let said = Command::new("setpriv")
            .args(["--reuid", &who, "--regid", &who, "--clear-groups"])
            .arg(program)
            .args(args)
            .env("DOCKER_HOST", self.host())
            .env("HOME", self.own())
            .env("AGENT_SANDBOX_DATA_DIR", self.own().join("data"))
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .output()
            .unwrap();
        let text = [said.stdout, said.stderr].concat();
        (
            said.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
        // Files of the user's other numbers are root's to remove, as all of this folder.
    }
}

#[test]
fn an_ordinary_users_podman_is_known_and_must_bound_its_containers() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: the test plays another user");
        return;
    }
    if !are_there(&["podman", "docker", "runc", "newuidmap", "setpriv"]) {
        return;
    }
    if fs::metadata("/sys/fs/cgroup/memory").is_err() {
        eprintln!(
            "SKIPPED: control groups of version 2: an ordinary user's Podman was not tried there"
        );
        return;
    }
    let podman = Podman::start();
    // The workspace's canary is written as the container's root, who is that user.
    let (_, said) = podman.run(&["doctor", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(said.lines().next().unwrap())
        .unwrap_or_else(|e| panic!("{e}: {said}"));
    let row = |check: &str| {
        let rows = rows.as_array().unwrap().iter();
        rows.clone()
            .find(|row| row["check"] == check)
            .unwrap()
            .clone()
    };
    assert_eq!(row("folder")["ok"], true, "{said}");
    assert_eq!(row("fence")["ok"], true, "{said}");

    let project = podman.own().join("site");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("a.txt"), "one\n").unwrap();
    chown(&project, Some(USER), Some(USER)).unwrap();
    let image = format!("localhost/{BASE}");
    let (code, said) = podman.run(&["create", "--image", &image, project.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    for words in ["ordinary user", "version 1", "version 2"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (_, listed) = podman.run(&["list", "--json"]);
    assert_eq!(listed.trim(), "[]", "nothing is left");
    let left = podman.docker(&["ps", "-aq"]);
    assert_eq!(String::from_utf8_lossy(&left.stdout).trim(), "");
}
