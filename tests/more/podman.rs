//! Podman by its Docker-compatible socket: the main job from hand-over to removal, on a service of the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::are_there;
use crate::bench_of_one::{Bench, Said, feed};

const BASE: &str = "agent-sandbox/base:trixie";

/// Podman asks for as many processes and files as there can be, which a root without all capabilities may not give
/// (build machines): then what this one may give is enough.
const RUNTIME: &str = r#"#!/bin/bash
for word in "$@"; do
  case $before in
    --bundle | -b) file=$word/config.json ;;
    --process | -p) file=$word ;;
    *) file= ;;
  esac
  if [ -n "$file" ]; then
    sed -i 's/"type":"RLIMIT_NPROC","hard":1048576,"soft":1048576/"type":"RLIMIT_NPROC","hard":'"$(ulimit -Hu)"',"soft":'"$(ulimit -Hu)"'/' "$file"
  fi
  before=$word
done
if command -v runc > /dev/null; then exec runc "$@"; fi
exec crun "$@"
"#;

/// A rootful Podman with its own images; gone when dropped.
struct Podman {
    child: Child,
    folder: tempfile::TempDir,
}

impl Podman {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let runtime = at("runtime");
        fs::write(&runtime, RUNTIME).unwrap();
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
        let config = format!(
            "[engine]\nruntime = \"modest\"\n[engine.runtimes]\nmodest = [{:?}]\n",
            runtime.display().to_string()
        );
        fs::write(at("containers.conf"), config).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let child = Command::new("podman")
            .arg("--root")
            .arg(at("root"))
            .arg("--runroot")
            .arg(at("run"))
            .args(["system", "service", "--time", "0"])
            .arg(format!("unix://{}", at("podman.sock").display()))
            .env("CONTAINERS_CONF", at("containers.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let podman = Self { child, folder };
        let began = Instant::now();
        while !podman.docker(&["version"]).status.success() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{}",
                podman.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let image = podman.path("base.tar");
        let save = Command::new("docker")
            .args(["save", "-o"])
            .arg(&image)
            .arg(BASE)
            .status();
        assert!(save.unwrap().success());
        let loaded = podman.docker(&["load", "-i", image.to_str().unwrap()]);
        assert!(
            loaded.status.success(),
            "{}",
            String::from_utf8_lossy(&loaded.stderr)
        );
        podman
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("podman.sock").display())
    }

    fn docker(&self, args: &[&str]) -> std::process::Output {
        let mut docker = Command::new("docker");
        docker
            .args(["--host", &self.host()])
            .args(args)
            .output()
            .unwrap()
    }

    fn run(&self, bench: &Bench, args: &[&str]) -> Said {
        feed(bench.command(args).env("DOCKER_HOST", self.host()), "")
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What a failed test left runs on without the service, and its mounts stay.
        for words in [
            &["rm", "--all", "--force", "--time", "0"][..],
            &["volume", "prune", "--force"],
        ] {
            let _ = Command::new("podman")
                .arg("--root")
                .arg(self.path("root"))
                .arg("--runroot")
                .arg(self.path("run"))
                .args(words)
                .output();
        }
        let _ = Command::new("umount")
            .arg(self.path("root/overlay"))
            .output();
    }
}

#[test]
fn the_main_job_works_on_podman() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: the test's Podman is root's");
        return;
    }
    if !are_there(&["podman", "docker"]) {
        return;
    }
    let podman = Podman::start();
    let bench = Bench::new();
    let before = bench.look(&bench.project());
    let said = podman.run(&bench, &["doctor", "--json"]).json();
    let row = |check: &str| {
        let rows = said.as_array().unwrap();
        rows.iter()
            .find(|row| row["check"] == check)
            .unwrap()
            .clone()
    };
    assert!(
        row("engine")["detail"].as_str().unwrap().contains("Podman"),
        "{said}"
    );
    for check in ["folder", "fence"] {
        assert_eq!(row(check)["ok"], true, "{said}\n{}", podman.log());
    }

    let project = bench.project();
    let project = project.to_str().unwrap();
    let made = podman
        .run(&bench, &["create", "--json", "--image", BASE, project])
        .ended(0);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let sh = |script: &str| podman.run(&bench, &["exec", &id, "--", "bash", "-c", script]);
    sh("echo '<p>two</p>' >> index.html; echo new > new.txt; rm dos.txt").ended(0);
    let inside = sh(
        "[ $(id -u) != 0 ] && ! touch /usr/x 2>/dev/null && grep -q '^CapBnd:.*0000000000000000' /proc/self/status \
         && grep -q '^NoNewPrivs:.*1' /proc/self/status && grep -q '^Seccomp:.*2' /proc/self/status \
         && [ $(ls /sys/class/net) = lo ] && touch ~/kept && ulimit -Hn",
    );
    assert_eq!(inside.ended(0).out.trim(), "16384");
    let changes = podman
        .run(&bench, &["changes", &id, "--json"])
        .ended(0)
        .json();
    let paths: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["path"].as_str())
        .collect();
    assert_eq!(paths, ["dos.txt", "index.html", "new.txt"]);
    assert_eq!(bench.look(&bench.project()), before);
    podman.run(&bench, &["apply", &id, "--all"]).ended(0);
    assert!(bench.project().join("new.txt").exists());
    podman.run(&bench, &["undo", &id]).ended(0);
    assert_eq!(bench.look(&bench.project()), before);
    podman
        .run(&bench, &["snapshot", &id, "--name", "good"])
        .ended(0);
    sh("rm -rf ./*; exit 7").ended(7);
    podman.run(&bench, &["reset", &id, "--to", "good"]).ended(0);
    sh("grep -q two index.html && test -e ~/kept").ended(0);
    podman.run(&bench, &["reset", &id]).ended(0);
    sh("! grep -q two index.html && test -e dos.txt").ended(0);

    podman.run(&bench, &["stop", &id]).ended(0);
    podman.run(&bench, &["start", &id]).ended(0);
    podman.run(&bench, &["remove", &id]).ended(0);

    // The guarded network as well: an approved site, and one that is not.
    let guarded = ["--network", "approved", "--allow", "index.crates.io"];
    let create = ["create", "--json", "--image", BASE, project];
    let made = podman.run(&bench, &[&create[..], &guarded].concat());
    let id = made.ended(0).json()["id"].as_str().unwrap().to_owned();
    for (site, says) in [("index.crates.io", "200"), ("example.org", "403")] {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {site}:443 HTTP/1.1\\r\\n\\r\\n' >&3; head -1 <&3"
        );
        let said = podman.run(&bench, &["exec", &id, "--", "bash", "-c", &script]);
        let said = said.ended(0).out;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {says}")),
            "{site}: {said}"
        );
    }
    podman.run(&bench, &["remove", &id]).ended(0);
    let left = podman.docker(&["ps", "-aq"]);
    assert_eq!(
        String::from_utf8_lossy(&left.stdout).trim(),
        "",
        "a container is left"
    );
    let left = podman.docker(&["volume", "ls", "-q"]);
    assert_eq!(
        String::from_utf8_lossy(&left.stdout).trim(),
        "",
        "a volume is left"
    );
}
