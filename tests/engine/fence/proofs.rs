//! When the fence is proven, how long a proof holds, and what becomes of a sandbox without one.

use std::time::Duration;

use sandbox_engine::sandbox::State;
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Error, Operation, SandboxId};
use support::containers::guest;

use super::said;
use crate::house::House;

/// Something that runs on by itself.
async fn begin_work(house: &House, id: &SandboxId) {
    let work = "sleep 600 > /dev/null 2>&1 < /dev/null & echo $! > /tmp/pid";
    house.sh(id, work).await;
}

async fn work_goes_on(house: &House, id: &SandboxId) {
    let left = house.sh(id, "kill -0 $(cat /tmp/pid)").await;
    assert_eq!(left, (0, String::new()), "what ran runs");
}

/// Stops a container's process 1, or lets it go on.
fn send(container: &str, signal: &str) {
    said("docker", &["kill", "--signal", signal, container]);
}

/// A way out that somebody opens into a sandbox that runs is found when the app comes back, and by a start.
#[tokio::test(flavor = "multi_thread")]
async fn what_opens_while_nobody_looks_is_found_when_the_app_comes_back() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: opening a sandbox from outside needs root");
        return;
    }
    let house = House::new(guest());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let open = || {
        let name = id.container_name();
        let pid = said("docker", &["inspect", "-f", "{{.State.Pid}}", &name]);
        let link = ["ip", "link", "add", "way0", "type", "veth", "peer", "name"];
        said(
            "nsenter",
            &[&["--target", &pid, "--net"], &link[..], &["way1"]].concat(),
        );
    };
    let state = async || house.engine.glimpse(&id).await.unwrap().state;
    let again = house.again(support::containers::search());
    assert!(again.prove_all().await.is_empty(), "it is closed");
    assert!(matches!(state().await, State::Running));

    open();
    let ended = again.prove_all().await;
    let [(which, Error::FenceOpen { message })] = &ended[..] else {
        panic!("{ended:?}");
    };
    assert!(*which == id && message.contains("way0"), "{message}");
    assert!(matches!(state().await, State::Stopped));
    let noted = again.activity(&id).unwrap();
    assert!(
        noted.iter().any(|note| note.what.contains("not proven")),
        "it is in the activity list"
    );

    // While it stood still.
    let op = Operation::silent();
    house.engine.start(&id, &op).await.unwrap();
    house.engine.pause(&id).await.unwrap();
    house.engine.start(&id, &op).await.unwrap();
    assert!(matches!(state().await, State::Running), "it is closed");
    house.engine.pause(&id).await.unwrap();
    open();
    let said = house.engine.start(&id, &op).await;
    assert!(matches!(said, Err(Error::FenceOpen { .. })), "{said:?}");
    assert!(matches!(state().await, State::Stopped));

    // What was opened went with the network that it was opened in.
    house.engine.start(&id, &op).await.unwrap();
    open();
    let said = house.engine.start(&id, &op).await;
    assert!(matches!(said, Err(Error::FenceOpen { .. })), "{said:?}");
    assert!(matches!(state().await, State::Stopped));
    house.engine.remove(&id).await.unwrap();
}

/// A proof is good while what was proven is what runs: a command is let in without another one, and not after a
/// restart of the gateway, which knows no rule by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_holds_until_something_was_started_again() {
    let house = House::new(guest());
    let site = NetworkPolicy {
        mode: NetworkMode::Approved,
        allow: vec!["approved.example.org".to_owned()],
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(site, true).await;
    let proof = || house.proof(&id);
    let first = proof();
    house.sh(&id, "true").await;
    assert_eq!(proof(), first, "it holds");
    let refused = "HTTP/1.1 403 Not approved in Agent Sandbox: tell the user which site is needed";
    let before = house.tunnel(&id, "approved.example.org").await;
    assert_ne!(before, refused, "it is approved");

    let gateway = id.gateway_name();
    said("docker", &["restart", "-t", "0", &gateway]);
    let ask = "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT approved.example.org:443 HTTP/1.1\r\n\r\n' >&3; head -1 <&3";
    let past_us = said("docker", &["exec", &id.container_name(), "bash", "-c", ask]);
    assert_eq!(past_us, refused, "until it is told");
    assert_eq!(house.tunnel(&id, "approved.example.org").await, before);
    let second = proof();
    assert_ne!(second, first, "it was proven again");

    said("docker", &["restart", "-t", "0", &id.container_name()]);
    house.sh(&id, "true").await;
    let third = proof();
    assert_ne!(third, second);
    // Somebody's doing, or damage: it is none.
    std::fs::write(house.dir(&id).join("proof.json"), "{").unwrap();
    house.sh(&id, "true").await;
    assert_ne!(proof(), third);
    house.engine.remove(&id).await.unwrap();
}

/// An update of the app: what runs goes on and is proven, and the next start brings the new guest.
#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_of_before_an_update_goes_on_and_is_renewed_by_a_start() {
    // The same program by another hash.
    let mut other = guest();
    other.push(0);
    let house = House::new(other);
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    house.sh(&id, "echo kept > ~/note").await;
    let name = id.container_name();
    let of = |what: &str| said("docker", &["inspect", "-f", what, &name]);
    let (made, process) = (of("{{.Id}}"), of("{{.State.Pid}}"));

    let updated = house.again(support::containers::search());
    assert!(updated.prove_all().await.is_empty(), "it is closed");
    let run = async |engine: &sandbox_engine::Engine| {
        let command = ["bash", "-c", "cat ~/note; cat /proc/self/oom_score_adj"];
        let command = command.map(str::to_owned).to_vec();
        let running = engine.exec(&id, command, Vec::new()).await.unwrap();
        let (status, out, _) = running.collect(1 << 10).await.unwrap();
        (status, String::from_utf8(out).unwrap())
    };
    assert_eq!(run(&updated).await, (0, "kept\n0\n".to_owned()));
    assert_eq!(of("{{.State.Pid}}"), process, "it goes on");
    updated.stop(&id).await.unwrap();
    updated.start(&id, &Operation::silent()).await.unwrap();
    assert_ne!(of("{{.Id}}"), made, "made anew");
    assert_eq!(run(&updated).await, (0, "kept\n500\n".to_owned()));
    updated.remove(&id).await.unwrap();
}

/// What is asked of the gateway passes through the sandbox's own process 1. Where that is not its turn in time, the
/// question is asked again; and where it never is, nothing that runs is ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_computer_that_is_too_busy_to_answer_is_no_open_fence() {
    let house = House::new(guest());
    let site = NetworkPolicy {
        mode: NetworkMode::Approved,
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(site, true).await;
    let name = id.container_name();
    let signal = |signal: &str| send(&name, signal);
    let (engine, op) = (&house.engine, Operation::silent());
    let state = async || engine.glimpse(&id).await.unwrap().state;
    begin_work(&house, &id).await;
    let first = house.proof(&id);

    signal("STOP");
    let later = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        signal("CONT");
    };
    let (started, _) = tokio::join!(engine.start(&id, &op), later);
    started.unwrap();
    assert!(matches!(state().await, State::Running));
    assert_ne!(house.proof(&id), first, "it was proven, the second time");

    signal("STOP");
    let refused = engine.start(&id, &op).await;
    let Err(Error::FenceUnclear { message }) = &refused else {
        panic!("{refused:?}");
    };
    assert!(message.contains("nothing came back in time"), "{message}");
    assert!(matches!(state().await, State::Paused));
    let noted = engine.activity(&id).unwrap();
    let why = "Paused: its fence could not be tried out in time";
    assert!(noted.iter().any(|note| note.what == why), "{noted:?}");
    signal("CONT");
    engine.start(&id, &op).await.unwrap();
    work_goes_on(&house, &id).await;
    engine.remove(&id).await.unwrap();
}

/// It goes by the rules that it was told last, which may be others by now: nothing runs on by them, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_cannot_be_handed_its_rules_makes_the_sandbox_stand_still() {
    let house = House::new(guest());
    let site = NetworkPolicy {
        mode: NetworkMode::Approved,
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(site, true).await;
    let gateway = id.gateway_name();
    let signal = |signal: &str| send(&gateway, signal);
    let (engine, op) = (&house.engine, Operation::silent());
    let state = async || engine.glimpse(&id).await.unwrap().state;
    begin_work(&house, &id).await;
    assert!(engine.prove_all().await.is_empty(), "it takes them");
    assert!(matches!(state().await, State::Running));

    signal("STOP");
    let unproven = engine.prove_all().await;
    let [(which, Error::FenceUnclear { message })] = &unproven[..] else {
        panic!("{unproven:?}");
    };
    assert!(
        *which == id && message.contains("the gateway does not answer"),
        "{message}"
    );
    assert!(matches!(state().await, State::Paused));

    signal("CONT");
    engine.start(&id, &op).await.unwrap();
    assert!(matches!(state().await, State::Running));
    work_goes_on(&house, &id).await;
    engine.remove(&id).await.unwrap();
}

/// Nothing stays that has rules, keys and a way out, where nothing runs that they are for.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_no_gateway() {
    let house = House::new(guest());
    let site = NetworkPolicy {
        mode: NetworkMode::Approved,
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(site, true).await;
    let (engine, op) = (&house.engine, Operation::silent());
    let name = id.container_name();
    let gateways = || {
        let filter = format!("name={}", id.gateway_name());
        said("docker", &["ps", "-aq", "--filter", &filter])
    };
    engine.stop(&id).await.unwrap();
    engine.start(&id, &op).await.unwrap();
    assert_ne!(gateways(), "", "the control: a start makes one");
    engine.stop(&id).await.unwrap();
    said("docker", &["network", "disconnect", "none", &name]);
    said("docker", &["network", "connect", "bridge", &name]);
    let started = engine.start(&id, &op).await;
    assert!(
        matches!(started, Err(Error::FenceOpen { .. })),
        "{started:?}"
    );
    assert_eq!(gateways(), "");
    engine.remove(&id).await.unwrap();
}
