//! What becomes of the guarded network when its gateway is harmed, and of everything when the app is.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::bench_of_one::Bench;
use crate::network::{create, docker, sh, tunnel};

const SITE: &str = "index.crates.io";

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Frozen, stopped, flooded and killed: each time nothing goes out, and the next start repairs it.
#[test]
fn a_gateway_that_stands_still_or_dies_lets_nothing_out() {
    let bench = Bench::new();
    let id = create(&bench, &["--network", "open"]);
    let gateway = format!("agent-sandbox-{id}-gateway");
    let try_once = "curl -s -m 4 -o /dev/null -w '%{http_connect}' https://index.crates.io; true";
    assert_eq!(tunnel(&bench, &id, SITE), "200", "the probe can succeed");

    docker(&["pause", &gateway]);
    assert_eq!(sh(&bench, &id, try_once).ended(0).out, "000", "frozen");
    docker(&["unpause", &gateway]);
    assert_eq!(tunnel(&bench, &id, SITE), "200", "and goes on");

    docker(&["kill", "--signal", "STOP", &gateway]);
    assert_eq!(sh(&bench, &id, try_once).ended(0).out, "000", "stopped");
    docker(&["kill", "--signal", "CONT", &gateway]);
    assert_eq!(tunnel(&bench, &id, SITE), "200", "and goes on");

    // As many half-asked questions as it takes: what it holds is bounded, and it goes on afterwards.
    let flood = "for i in $(seq 900); do exec {fd}<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT x' >&$fd; done; sleep 2";
    bench.run(["exec", &id, "--", "bash", "-c", flood]).ended(0);
    let state = "{{.State.Running}} {{.State.OOMKilled}}";
    assert_eq!(docker(&["inspect", "-f", state, &gateway]), "true false");
    assert_eq!(tunnel(&bench, &id, SITE), "200", "and goes on");

    // As the kernel ends what runs out of memory.
    docker(&["kill", &gateway]);
    assert_ne!(tunnel(&bench, &id, SITE), "200", "it is gone");
    bench.run(["start", &id]).ended(0);
    assert_eq!(tunnel(&bench, &id, SITE), "200", "a start repairs it");
}

/// A face of the app that holds something of a sandbox open.
fn hold(bench: &Bench, arguments: &[&str]) -> Child {
    bench
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Killed where it stands, with three sandboxes running: all go on, are adopted, and nothing is left behind.
#[test]
fn an_app_that_is_killed_leaves_three_sandboxes_that_are_adopted() {
    let bench = Bench::new();
    let ids: Vec<String> = (0..3).map(|_| create(&bench, &[])).collect();
    for id in &ids {
        sh(
            &bench,
            id,
            "echo $$ > /tmp/mark; (setsid sleep 600 &) >/dev/null 2>&1",
        )
        .ended(0);
    }
    // Somebody else's, by a name and labels that look like ours.
    let stranger = format!("agent-sandbox-{}-gateway-2", ids[0]);
    let image = docker(&["images", "-q", "agent-sandbox/base"]);
    let image = image.lines().next().unwrap().to_owned();
    let labels = [
        "io.agent-sandbox.instance=somebody-else".to_owned(),
        format!("io.agent-sandbox.sandbox={}", ids[0]),
        "io.agent-sandbox.role=gateway".to_owned(),
    ];
    let mut run = vec!["run", "-d", "--name", &stranger];
    run.extend(labels.iter().flat_map(|label| ["--label", label]));
    run.extend([image.as_str(), "sleep", "600"]);
    let foreign = docker(&run);

    let mut held = vec![
        hold(&bench, &["exec", &ids[0], "--", "sleep", "600"]),
        hold(&bench, &["preview", &ids[1], "8000"]),
        hold(&bench, &["snapshot", &ids[2]]),
    ];
    let mut said = String::new();
    let out = held[1].stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).unwrap();
    let port: u16 = said
        .split(".localhost:")
        .nth(1)
        .and_then(|rest| rest.split('/').next()?.parse().ok())
        .unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    for child in &mut held {
        let _ = child.kill();
        let _ = child.wait();
    }
    until("the preview is gone with the app", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    });

    bench.run(["recover"]).ended(0);
    let rows = bench.run(["list", "--json"]).ended(0).json();
    for id in &ids {
        let row = rows.as_array().unwrap().iter().find(|r| r["id"] == **id);
        assert_eq!(row.unwrap()["state"], "running", "{rows}");
        let said = sh(&bench, id, "cat /tmp/mark && pgrep -x sleep").ended(0);
        assert!(said.out.lines().count() >= 2, "{}", said.out);
        bench.run(["snapshot", id]).ended(0);
    }
    for id in &ids {
        bench.run(["remove", id]).ended(0);
    }
    let alive = docker(&["inspect", "-f", "{{.State.Running}}", &foreign]);
    docker(&["rm", "-f", &foreign]);
    assert_eq!(alive, "true", "somebody else's is left alone");
}

/// The gateway comes first: it goes again with what fails behind it, also where that was a first start.
#[test]
fn a_guarded_sandbox_that_cannot_be_made_leaves_no_gateway() {
    let bench = Bench::new();
    let project = bench.project();
    let more = ["--network", "approved", "--image", "no-such-image:1"];
    let create = |more: &[&str]| {
        let args = ["create", "--json", project.to_str().unwrap()];
        bench.run([&args[..], more].concat())
    };
    let left = || {
        let instance = std::fs::read_to_string(bench.data().join("instance")).unwrap();
        let label = format!("label=io.agent-sandbox.instance={}", instance.trim());
        docker(&["ps", "-aq", "--filter", &label])
            + &docker(&["volume", "ls", "-q", "--filter", &label])
    };
    let said = create(&more).ended(1);
    assert!(said.err.contains("no-such-image"), "{}", said.err);
    assert_eq!(left(), "", "by a create");

    let made = create(&[&more[..], &["--no-start"]].concat()).ended(0);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    bench.run(["start", &id]).ended(1);
    assert_ne!(left(), "", "the look sees something");
    bench.run(["remove", &id]).ended(0);
    assert_eq!(left(), "", "by a start and a remove");
}

/// What was asked for and is missing is refused before anything is made.
#[test]
fn a_runtime_that_is_missing_is_named_and_nothing_is_made() {
    let bench = Bench::new();
    let project = bench.project();
    let project = project.to_str().unwrap();
    let said = bench
        .run(["create", project, "--runtime", "no-such"])
        .ended(1);
    assert!(
        said.err.contains("no-such") && said.err.contains("runc"),
        "{}",
        said.err
    );
    assert_eq!(
        bench
            .run(["list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let said = bench
        .run(["create", project, "--runtime", "runc", "--json"])
        .ended(0);
    let name = said.json()["container"].as_str().unwrap().to_owned();
    let runtime = docker(&["inspect", "-f", "{{.HostConfig.Runtime}}", &name]);
    assert_eq!(runtime, "runc");
    let id = said.json()["id"].as_str().unwrap().to_owned();

    // Another one later: the container is made anew with it, and back.
    let now = || docker(&["inspect", "-f", "{{.HostConfig.Runtime}}", &name]);
    bench.run(["limits", &id, "--runtime", "no-such"]).ended(1);
    assert_eq!(now(), "runc", "it goes on as it was");
    let other = "io.containerd.runc.v2";
    let said = bench.run(["limits", &id, "--json", "--runtime", other]);
    assert_eq!(said.ended(0).json()["runtime"], other);
    assert_eq!(now(), other);
    sh(&bench, &id, "true").ended(0);
    let said = bench.run(["limits", &id, "--json", "--runtime", "default"]);
    assert_eq!(said.ended(0).json()["runtime"], serde_json::Value::Null);
    assert_eq!(now(), "runc");
    let said = bench.run(["activity", &id, "--json"]).ended(0).json();
    let kinds: Vec<&str> = said
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"handed_over"), "{said}");
}

/// New limits hold inside a sandbox that runs; what cannot be kept is refused and changes nothing.
#[test]
fn limits_of_a_sandbox_that_is_there_can_be_changed() {
    let bench = Bench::new();
    let id = create(&bench, &["--memory", "512m"]);
    let memory = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true";
    assert_eq!(
        sh(&bench, &id, memory).ended(0).out.trim(),
        (512 << 20).to_string()
    );
    sh(
        &bench,
        &id,
        "echo kept > here; echo home > ~/there; touch /tmp/gone",
    )
    .ended(0);

    let said = bench.run(["limits", &id, "--json", "--memory", "768m", "--cpus", "0.5"]);
    let limits = said.ended(0).json();
    assert_eq!(limits["memory"], 768 << 20);
    assert_eq!(limits["cpus"], 0.5);
    assert_eq!(
        sh(&bench, &id, memory).ended(0).out.trim(),
        (768 << 20).to_string()
    );
    let left = sh(&bench, &id, "cat here ~/there; ls /tmp").ended(0).out;
    assert_eq!(
        left.trim(),
        "kept\nhome",
        "files and home stay, what ran does not"
    );

    bench.run(["limits", &id, "--memory", "1k"]).ended(1);
    bench.run(["limits", &id, "--cpus", "none"]).ended(2);
    assert_eq!(bench.run(["limits", &id, "--json"]).ended(0).json(), limits);

    // How large the workspace may be holds at once, and nothing is started anew for it.
    sh(&bench, &id, "touch /tmp/still-there").ended(0);
    let other = ["--workspace-size", "20g", "--workspace-files", "5000"];
    let said = bench.run([&["limits", &id, "--json"], &other[..]].concat());
    let limits = said.ended(0).json();
    assert_eq!(limits["workspace_size"], 20_u64 << 30);
    assert_eq!(limits["workspace_files"], 5000);
    let now = limits["workspace_now"]["files"].as_u64();
    assert!(
        now.is_some_and(|files| (5..50).contains(&files)),
        "{limits}"
    );
    sh(&bench, &id, "test -e /tmp/still-there").ended(0);
    bench
        .run(["limits", &id, "--workspace-size", "1k"])
        .ended(1);
}
