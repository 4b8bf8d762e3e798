//! A change of rules or keys is in force when it was said to be, or the sandbox stands still and that is said.

use std::time::Duration;

use sandbox_engine::credentials::{NewKey, Place, Secret};
use sandbox_engine::network::rules::NetworkChange;
use sandbox_engine::sandbox::{Became, State, why_paused};
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Engine, Error, Operation, Result, SandboxId};
use support::containers::guest;

use super::said;
use crate::house::House;

const SITE: &str = "approved.example.org";

fn approved() -> NetworkPolicy {
    NetworkPolicy {
        mode: NetworkMode::Approved,
        allow: vec![SITE.to_owned()],
        ..NetworkPolicy::default()
    }
}

fn block() -> NetworkChange {
    NetworkChange {
        block: vec![SITE.to_owned()],
        ..NetworkChange::default()
    }
}

/// Whether its gateway says no to a site by its rules. What it lets through is not there, or is.
async fn refuses(house: &House, id: &SandboxId, site: &str) -> bool {
    let said = house.tunnel(id, site).await;
    assert!(said.starts_with("HTTP/1.1 "), "{said:?}");
    said.starts_with("HTTP/1.1 403")
}

/// Something that runs on by itself.
async fn begin_work(house: &House, id: &SandboxId) {
    let work = "sleep 600 > /dev/null 2>&1 < /dev/null & echo $! > /tmp/pid";
    house.sh(id, work).await;
}

async fn state(engine: &Engine, id: &SandboxId) -> State {
    engine.glimpse(id).await.unwrap().state
}

/// The gateway's own process stands still: whatever is asked of it waits.
fn hangs(id: &SandboxId) {
    said("docker", &["kill", "--signal", "STOP", &id.gateway_name()]);
}

fn hangs_no_more(id: &SandboxId) {
    said("docker", &["kill", "--signal", "CONT", &id.gateway_name()]);
}

/// It was said that this one is paused, and it is; what ran goes on when its gateway can be told, and not before.
async fn stands_still_until_told<T: std::fmt::Debug>(
    house: &House,
    id: &SandboxId,
    said: Result<T>,
) {
    let engine = &house.engine;
    let error = said.unwrap_err();
    let Error::NotInForce(untold) = &error else {
        panic!("{error:?}");
    };
    let [one] = &untold[..] else {
        panic!("{untold:?}");
    };
    let name = engine.load(id).unwrap().1.name;
    assert_eq!(
        (&one.id, &one.name, one.became),
        (id, &name, Became::Paused)
    );
    let words = error.to_string();
    assert!(
        words.contains("not in force") && words.contains(&name),
        "{words}"
    );
    assert!(
        error
            .fix()
            .unwrap()
            .contains(&format!("agent-sandbox start {name}"))
    );
    assert!(error.safe().is_some());
    assert!(matches!(state(engine, id).await, State::Paused));
    let what = "Paused: its gateway could not be told of a change";
    let noted = engine.activity(id).unwrap();
    assert!(noted.iter().any(|note| note.what == what), "{noted:?}");
    let why = why_paused(&engine.data().sandbox(id)).unwrap();
    assert!(
        why.contains("does not answer"),
        "for who comes later: {why}"
    );

    let op = Operation::silent();
    let started = engine.start(id, &op).await;
    assert!(started.is_err(), "it is still not told: {started:?}");
    assert!(matches!(state(engine, id).await, State::Paused));
    hangs_no_more(id);
    engine.start(id, &op).await.unwrap();
    assert!(matches!(state(engine, id).await, State::Running));
    let left = house.sh(id, "kill -0 $(cat /tmp/pid)").await;
    assert_eq!(left, (0, String::new()), "what ran runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_for_all_that_one_gateway_cannot_be_told_holds_everywhere_else() {
    let house = House::new(guest());
    let engine = &house.engine;
    let stuck = house.sandbox(approved(), true).await;
    let well = house.sandbox(approved(), true).await;
    let offline = house.sandbox(NetworkPolicy::default(), true).await;
    for id in [&stuck, &well] {
        assert!(
            !refuses(&house, id, SITE).await,
            "the control: it is let through"
        );
    }
    begin_work(&house, &stuck).await;
    hangs(&stuck);
    let told = engine.set_sites_for_all(&block()).await;
    assert!(refuses(&house, &well, SITE).await, "told");
    assert!(matches!(state(engine, &well).await, State::Running));
    assert!(matches!(state(engine, &offline).await, State::Running));
    stands_still_until_told(&house, &stuck, told).await;
    assert!(refuses(&house, &stuck, SITE).await, "in force");
    engine.set_sites_for_all(&block()).await.unwrap();
    for id in [stuck, well, offline] {
        engine.remove(&id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_its_gateway_cannot_be_told_makes_the_sandbox_stand_still() {
    let house = House::new(guest());
    let id = house.sandbox(approved(), true).await;
    assert!(!refuses(&house, &id, SITE).await);
    begin_work(&house, &id).await;
    hangs(&id);
    let told = house.engine.set_network(&id, &block()).await;
    stands_still_until_told(&house, &id, told).await;
    assert!(refuses(&house, &id, SITE).await, "in force");
    house.engine.remove(&id).await.unwrap();
}

/// Not even to end by itself: it would go by rules that were taken away.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_still_for_its_gateway_does_nothing_more_when_it_is_stopped() {
    let house = House::new(guest());
    let engine = &house.engine;
    let id = house.sandbox(approved(), true).await;
    let ticks = || {
        let text = std::fs::read(house.dir(&id).join("workspace/ticks")).unwrap_or_default();
        text.len()
    };
    let work = "trap '' TERM; while :; do echo -n . >> /workspace/ticks; sleep 0.02; done";
    let begin = format!("setsid bash -c {work:?} > /dev/null 2>&1 < /dev/null &");
    house.sh(&id, &begin).await;
    hangs(&id);
    let told = engine.set_network(&id, &block()).await;
    assert!(matches!(told, Err(Error::NotInForce(_))), "{told:?}");
    let before = ticks();
    assert!(before > 0, "it worked");
    engine.stop(&id).await.unwrap();
    // Processes die one after the other, which takes some of them a moment.
    let more = ticks() - before;
    assert!(more < 10, "it went on for {more} ticks");
    assert!(matches!(state(engine, &id).await, State::Stopped));

    // The control: what the user paused may end by itself.
    engine.start(&id, &Operation::silent()).await.unwrap();
    assert!(refuses(&house, &id, SITE).await, "by a new gateway");
    house.sh(&id, &begin).await;
    engine.pause(&id).await.unwrap();
    let before = ticks();
    engine.stop(&id).await.unwrap();
    let more = ticks() - before;
    assert!(more >= 10, "it went on for {more} ticks");
    engine.remove(&id).await.unwrap();
}

/// A path of the account, which no key opens; without a key there is no such page at all.
async fn asks_with_key(house: &House, id: &SandboxId) -> String {
    let request =
        "GET /keys/openai/v1/organization/admin_api_keys HTTP/1.1\\r\\nHost: 127.0.0.1:3128";
    house.asked(id, request).await
}

fn key() -> NewKey {
    NewKey {
        provider: "openai".to_owned(),
        key: Secret::new("sk-canary-0123456789".to_owned()),
        place: Some(Place::File),
        server: None,
        model: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_its_gateway_cannot_be_told_to_forget_is_used_no_more() {
    let house = House::new(guest());
    let engine = &house.engine;
    let id = house.sandbox(approved(), true).await;
    engine.set_key(key()).await.unwrap();
    engine
        .use_keys(&id, vec!["openai".to_owned()])
        .await
        .unwrap();
    let with = asks_with_key(&house, &id).await;
    assert!(with.starts_with("HTTP/1.1 403"), "the control: {with}");
    begin_work(&house, &id).await;
    hangs(&id);
    let told = engine.remove_key("openai").await;
    assert!(engine.keys().unwrap().is_empty(), "forgotten here");
    stands_still_until_told(&house, &id, told).await;
    let without = asks_with_key(&house, &id).await;
    assert!(without.starts_with("HTTP/1.1 404"), "and there: {without}");
    engine.remove(&id).await.unwrap();
}

/// One that somebody froze from outside takes what it is told once it goes on, so it goes on.
/// Whoever changes the rules: the program that has the key in its memory, or another one that has not.
#[tokio::test(flavor = "multi_thread")]
async fn rules_that_change_leave_a_gateway_the_keys_that_are_kept() {
    let house = House::new(guest());
    let engine = &house.engine;
    let id = house.sandbox(approved(), true).await;
    let in_memory = NewKey {
        place: Some(Place::Session),
        ..key()
    };
    engine.set_key(in_memory).await.unwrap();
    assert!(
        asks_with_key(&house, &id).await.contains(" 404 "),
        "nobody uses it"
    );
    engine
        .use_keys(&id, vec!["openai".to_owned()])
        .await
        .unwrap();
    let is_there = async || !asks_with_key(&house, &id).await.contains(" 404 ");
    assert!(is_there().await);

    let command = house.again(support::containers::search());
    for other in [engine, &command] {
        other.set_network(&id, &block()).await.unwrap();
        assert!(refuses(&house, &id, SITE).await, "the rule is in force");
        assert!(is_there().await, "and the key is there");
        let forget = NetworkChange {
            forget: vec![SITE.to_owned()],
            ..NetworkChange::default()
        };
        other.set_network(&id, &forget).await.unwrap();
        other.start(&id, &Operation::silent()).await.unwrap();
        assert!(is_there().await, "also where it is started again");
    }
    engine.remove_key("openai").await.unwrap();
    assert!(!is_there().await, "forgotten");
    engine.remove(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_somebody_froze_goes_on_and_is_told() {
    let house = House::new(guest());
    let engine = &house.engine;
    let id = house.sandbox(approved(), true).await;
    let freeze = || said("docker", &["pause", &id.gateway_name()]);
    engine.set_key(key()).await.unwrap();
    engine
        .use_keys(&id, vec!["openai".to_owned()])
        .await
        .unwrap();
    assert!(asks_with_key(&house, &id).await.starts_with("HTTP/1.1 403"));
    freeze();
    engine.remove_key("openai").await.unwrap();
    assert!(
        asks_with_key(&house, &id).await.starts_with("HTTP/1.1 404"),
        "in force"
    );
    assert!(!refuses(&house, &id, SITE).await);
    freeze();
    engine.set_sites_for_all(&block()).await.unwrap();
    assert!(refuses(&house, &id, SITE).await, "in force");
    let forget = NetworkChange {
        forget: vec![SITE.to_owned()],
        ..NetworkChange::default()
    };
    engine.set_sites_for_all(&forget).await.unwrap();
    assert!(!refuses(&house, &id, SITE).await);
    freeze();
    engine.set_network(&id, &block()).await.unwrap();
    assert!(refuses(&house, &id, SITE).await, "in force");
    engine.remove(&id).await.unwrap();
}

/// What its rules are nobody knows then, so what it was told before holds no more.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_record_cannot_be_read_nothing_goes_out_by_old_rules() {
    let house = House::new(guest());
    let engine = &house.engine;
    let id = house.sandbox(approved(), true).await;
    let gateways = || {
        let filter = format!("name={}", id.gateway_name());
        said("docker", &["ps", "-aq", "--filter", &filter])
    };
    assert_ne!(gateways(), "", "the control");
    let record = engine.data().sandbox(&id).record();
    let text = std::fs::read(&record).unwrap();
    std::fs::write(&record, "{").unwrap();
    engine.set_sites_for_all(&block()).await.unwrap();
    assert_eq!(gateways(), "");
    std::fs::write(&record, text).unwrap();
    engine.start(&id, &Operation::silent()).await.unwrap();
    assert!(refuses(&house, &id, SITE).await);
    engine.remove(&id).await.unwrap();
}

/// Whether anything runs cannot be said then, so it is not said that the change holds.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_container_engine_nothing_is_said_to_be_in_force() {
    let house = House::new(guest());
    let id = house.sandbox(approved(), true).await;
    let mut nowhere = support::containers::search();
    nowhere.docker_host = Some("unix:///nonexistent/docker.sock".to_owned());
    nowhere.system_sockets.clear();
    let alone = house.again(nowhere);
    let error = alone.set_sites_for_all(&block()).await.unwrap_err();
    let Error::NotInForce(untold) = &error else {
        panic!("{error:?}");
    };
    assert_eq!((&untold[0].id, untold[0].became), (&id, Became::GoesOn));
    assert!(
        error.fix().unwrap().contains("agent-sandbox stop"),
        "{error}"
    );
    // The one that comes back to it puts it in force.
    assert!(house.engine.prove_all().await.is_empty());
    assert!(refuses(&house, &id, SITE).await);
    house.engine.remove(&id).await.unwrap();
}

/// Two changes at once, by two faces of the app: both hold in the end.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_at_once_none_is_lost_in_the_gateway() {
    let house = House::new(guest());
    let id = house.sandbox(approved(), true).await;
    let other = house.again(support::containers::search());
    for round in 0..5 {
        let site = format!("site-{round}.example.org");
        let allow = NetworkChange {
            allow: vec![site.clone()],
            ..NetworkChange::default()
        };
        let keep = async {
            other.set_key(key()).await.unwrap();
            other
                .use_keys(&id, vec!["openai".to_owned()])
                .await
                .unwrap();
        };
        let (sites, ()) = tokio::join!(house.engine.set_sites_for_all(&allow), keep);
        sites.unwrap();
        assert!(!refuses(&house, &id, &site).await);
        assert!(asks_with_key(&house, &id).await.starts_with("HTTP/1.1 403"));
        let block = NetworkChange {
            block: vec![site.clone()],
            ..NetworkChange::default()
        };
        let (one, two) = tokio::join!(
            other.remove_key("openai"),
            house.engine.set_sites_for_all(&block)
        );
        one.unwrap();
        two.unwrap();
        assert!(refuses(&house, &id, &site).await);
        assert!(asks_with_key(&house, &id).await.starts_with("HTTP/1.1 404"));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    house.engine.remove(&id).await.unwrap();
}

/// A laptop that goes to another network, with public addresses next to it.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_next_to_this_computer_is_refused_from_then_on() {
    let house = House::new(guest());
    let engine = &house.engine;
    let network = NetworkPolicy {
        allow: vec!["203.0.113.7".to_owned()],
        ..approved()
    };
    let id = house.sandbox(network, true).await;
    // Whether somebody answers there is not this test's to know.
    let refuses = async || refuses(&house, &id, "203.0.113.7").await;
    assert!(!engine.guard_neighbours().await.unwrap(), "the first look");
    assert!(!refuses().await, "it is approved");
    house.is_next_to(&["192.168.77.5/24"]);
    assert!(
        !engine.guard_neighbours().await.unwrap(),
        "refused in every mode anyway"
    );

    house.is_next_to(&["203.0.113.20/24"]);
    assert!(!refuses().await, "the control: not told yet");
    assert!(engine.guard_neighbours().await.unwrap());
    assert!(refuses().await);
    assert!(!engine.guard_neighbours().await.unwrap(), "told once");

    house.is_next_to(&[]);
    assert!(engine.guard_neighbours().await.unwrap());
    assert!(!refuses().await, "it went away again");
    engine.remove(&id).await.unwrap();
}
