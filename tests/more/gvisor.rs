//! gVisor as the runtime of a sandbox: the main job, a terminal and the guarded network, on an engine of the test's
//! own that has it twice: as it is, and allowed to connect to sockets outside.

use std::time::Duration;

use sandbox_engine::SandboxId;
use sandbox_engine::terminal::{OpenTerminal, Piece};
use serde_json::json;

use crate::are_there;
use crate::bench_of_one::{Bench, Said, engine, feed};
use crate::second_daemon::Daemon;

const BASE: &str = "agent-sandbox/base:trixie";
const LONG: Duration = Duration::from_secs(60);

/// Sandboxes have no network but loopback: gVisor need not look for one, which old versions cannot on new kernels.
fn daemon() -> Option<Daemon> {
    if !are_there(&["runsc", "docker", "dockerd"]) {
        return None;
    }
    let runsc = |more: &[&str]| {
        let arguments = [&["--network=none"], more].concat();
        json!({"path": "runsc", "runtimeArgs": arguments})
    };
    Daemon::with(json!({"gvisor": runsc(&[]), "gvisor-sockets": runsc(&["--host-uds=open"])}))
}

/// The command line on that engine.
struct Stage {
    daemon: Daemon,
    bench: Bench,
}

impl Stage {
    fn run(&self, args: &[&str]) -> Said {
        feed(
            self.bench
                .command(args)
                .env("DOCKER_HOST", self.daemon.host()),
            "",
        )
    }

    fn create(&self, runtime: &str, more: &[&str]) -> Said {
        let project = self.bench.project();
        let args = ["create", "--json", "--image", BASE, "--runtime", runtime];
        let project = project.to_str().unwrap();
        self.run(&[&args[..], more, &[project]].concat())
    }

    fn sh(&self, id: &str, script: &str) -> Said {
        self.run(&["exec", id, "--", "bash", "-c", script])
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The bench would ask the usual engine.
        let Ok(rows) =
            serde_json::from_str::<serde_json::Value>(&self.run(&["list", "--json"]).out)
        else {
            return;
        };
        for row in rows.as_array().into_iter().flatten() {
            if let Some(id) = row["id"].as_str() {
                let _ = self.run(&["remove", id]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_works_under_gvisor() {
    let Some(daemon) = daemon() else { return };
    let (bench, search) = (Bench::new(), daemon.search());
    let stage = Stage { daemon, bench };
    let before = stage.bench.look(&stage.bench.project());
    let made = stage.create("gvisor", &[]).ended(0);
    let id = made.json()["id"].as_str().unwrap().to_owned();

    // Another kernel, and the same walls.
    let said = stage.sh(
        &id,
        "grep -q gVisor /proc/version || dmesg | grep -qi gvisor || [ $(uname -r) = 4.4.0 ]; echo kernel $?; \
         [ $(id -u) != 0 ]; echo user $?; touch /usr/x 2>/dev/null; echo root $?; \
         grep -q '^CapBnd:.*0000000000000000' /proc/self/status; echo caps $?; \
         tail -n +3 /proc/net/dev | cut -d: -f1 | xargs echo links; \
         (exec 3<>/dev/tcp/1.1.1.1/53) 2>/dev/null; echo out $?; touch ~/kept; echo home $?",
    );
    let said = said.ended(0).out;
    let walls = [
        "kernel 0", "user 0", "root 1", "caps 0", "links lo", "out 1", "home 0",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), walls, "{said}");

    stage
        .sh(
            &id,
            "echo '<p>two</p>' >> index.html; echo new > new.txt; rm dos.txt",
        )
        .ended(0);
    let changes = stage.run(&["changes", &id, "--json"]).ended(0).json();
    let paths: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|change| change["path"].as_str())
        .collect();
    assert_eq!(paths, ["dos.txt", "index.html", "new.txt"]);
    assert_eq!(stage.bench.look(&stage.bench.project()), before);
    stage.run(&["apply", &id, "--all"]).ended(0);
    assert!(stage.bench.project().join("new.txt").exists());
    stage.run(&["undo", &id]).ended(0);
    assert_eq!(stage.bench.look(&stage.bench.project()), before);

    stage.run(&["snapshot", &id, "--name", "good"]).ended(0);
    stage.sh(&id, "rm -rf ./*; exit 7").ended(7);
    stage.run(&["reset", &id, "--to", "good"]).ended(0);
    stage
        .sh(&id, "grep -q two index.html && cat ~/kept")
        .ended(0);
    stage.run(&["stop", &id]).ended(0);
    stage.run(&["start", &id]).ended(0);

    // A terminal, left and taken up again by another face.
    let sandbox = SandboxId::try_from(id.clone()).unwrap();
    let first = engine(&stage.bench, search.clone());
    let hub = first.terminals(&sandbox).await.unwrap();
    let wanted = OpenTerminal {
        name: "shell".to_owned(),
        command: ["bash", "-c", "tty; read line; echo got $line; exit 3"]
            .map(str::to_owned)
            .to_vec(),
        env: Vec::new(),
        cwd: "/workspace".to_owned(),
        cols: 80,
        rows: 24,
        agent: false,
    };
    let terminal = hub.open(wanted).await.unwrap().id;
    drop((hub, first));
    let second = engine(&stage.bench, search);
    let hub = second.terminals(&sandbox).await.unwrap();
    let mut reader = hub.attach(terminal).await.unwrap();
    hub.input(terminal, b"hello\r").await.unwrap();
    let mut said = String::new();
    loop {
        match tokio::time::timeout(LONG, reader.next()).await.unwrap() {
            Some(Piece::Output(bytes)) => {
                said.push_str(&String::from_utf8_lossy(&bytes));
                reader.ack(bytes.len()).await.unwrap();
            }
            Some(Piece::Screen(bytes)) => said.push_str(&String::from_utf8_lossy(&bytes)),
            Some(Piece::Ended(status)) => break assert_eq!(status, 3, "{said}"),
            None => panic!("the connection ended: {said}"),
        }
    }
    assert!(
        said.contains("/dev/pts/") && said.contains("got hello"),
        "{said}"
    );
    stage.run(&["remove", &id]).ended(0);
    assert_eq!(stage.daemon.docker(&["ps", "-aq"]).unwrap(), "");
}

#[test]
fn the_guarded_network_needs_gvisors_leave_and_says_so() {
    let Some(daemon) = daemon() else { return };
    let bench = Bench::new();
    let stage = Stage { daemon, bench };
    let approved = ["--network", "approved", "--allow", "index.crates.io"];
    let said = stage.create("gvisor", &approved).ended(1);
    for word in ["gvisor", "offline", "--host-uds=open"] {
        assert!(said.err.contains(word), "{word}: {}", said.err);
    }
    assert_eq!(stage.run(&["list", "--json"]).ended(0).json(), json!([]));
    assert_eq!(
        stage.daemon.docker(&["ps", "-aq"]).unwrap(),
        "",
        "nothing of it is left"
    );

    let made = stage.create("gvisor-sockets", &approved).ended(0);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for (target, says) in [
        ("example.org:443", "403"),
        ("169.254.169.254:443", "403"),
        // Approved; nobody outside is reached from the test's own network.
        ("index.crates.io:443", "502"),
    ] {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {target} HTTP/1.1\\r\\n\\r\\n' >&3; head -1 <&3"
        );
        let said = stage.sh(&id, &script).ended(0).out;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {says}")),
            "{target}: {said}"
        );
    }
    let said = stage.create("gvisor-missing", &[]).ended(1);
    assert!(said.err.contains("gvisor-sockets"), "{}", said.err);
    stage.run(&["remove", &id]).ended(0);
}
