//! A workspace that grows beyond its limit: what is in it is paused, and the user decides.

use std::time::Duration;

use sandbox_engine::sandbox::{PausedBy, Room, RoomGuard, State, paused_by};
use sandbox_engine::state::record::{Limits, NetworkPolicy};
use sandbox_engine::{Operation, SandboxId};
use sandbox_workspace::Dir;
use support::containers::guest;

use crate::house::House;

/// Longer than between two counts.
const SOON: Duration = Duration::from_secs(30);
/// Whether what ran at the beginning runs.
const ALIVE: &str = "kill -0 $(cat /tmp/pid) && echo alive";

async fn limited(house: &House, id: &SandboxId, change: impl FnOnce(&mut Limits)) {
    let mut limits = house.engine.load(id).unwrap().1.limits;
    change(&mut limits);
    house.engine.reshape(id, limits, None).await.unwrap();
}

/// As the window does it.
async fn looked(house: &House, guard: &mut RoomGuard, for_long: Duration) -> Vec<SandboxId> {
    let until = tokio::time::Instant::now() + for_long;
    loop {
        let paused = guard.look(&house.engine).await.unwrap();
        if !paused.is_empty() || tokio::time::Instant::now() > until {
            return paused;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_beyond_its_limit_pauses_its_sandbox_and_ends_nothing() {
    let house = House::new(guest());
    let (engine, op) = (&house.engine, Operation::silent());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let other = house.sandbox(NetworkPolicy::default(), true).await;
    let state = async |id: &SandboxId| engine.glimpse(id).await.unwrap().state;
    let of = async |what: &str| house.sh(&id, what).await.1;
    house
        .sh(
            &id,
            "sleep 600 > /dev/null 2>&1 < /dev/null & echo $! > /tmp/pid",
        )
        .await;

    // The usual limits are far away, and others end nothing that runs.
    let mut guard = RoomGuard::default();
    assert!(looked(&house, &mut guard, Duration::ZERO).await.is_empty());
    limited(&house, &id, |limits| limits.workspace_size = 8 << 20).await;
    assert_eq!(of(ALIVE).await, "alive");

    // Also what no review lists counts, and holes do not.
    of("truncate -s 1G hole; mkdir -p node_modules/a; head -c 4M /dev/zero > node_modules/a/one")
        .await;
    let room = engine.room_of(&id).await.unwrap();
    assert!((4 << 20..6 << 20).contains(&room.bytes), "{room:?}");
    assert_eq!((room.files, room.partly), (5, false));
    let mut guard = RoomGuard::default();
    assert!(looked(&house, &mut guard, Duration::ZERO).await.is_empty());

    of("for i in $(seq 5); do cp node_modules/a/one node_modules/a/$i; done").await;
    let paused = looked(&house, &mut guard, SOON).await;
    assert_eq!(paused, std::slice::from_ref(&id));
    assert!(matches!(state(&id).await, State::Paused));
    assert!(matches!(state(&other).await, State::Running));
    let by = paused_by(&engine.data().sandbox(&id));
    assert_eq!(by, Some(PausedBy::Room));
    let noted = engine.activity(&id).unwrap();
    assert!(
        noted
            .iter()
            .any(|note| note.what.contains("larger than its limit"))
    );

    // The user lets it go on: it does with what it has, and not with much more.
    engine.start(&id, &op).await.unwrap();
    assert_eq!(of(ALIVE).await, "alive", "nothing was ended");
    let twice = Duration::from_secs(12);
    assert!(looked(&house, &mut guard, twice).await.is_empty());
    of("cp node_modules/a/one node_modules/a/6").await;
    assert_eq!(
        looked(&house, &mut guard, SOON).await,
        std::slice::from_ref(&id)
    );
    // Or gives it more, and it is that limit which counts.
    engine.start(&id, &op).await.unwrap();
    limited(&house, &id, |limits| limits.workspace_size = 1 << 30).await;
    assert!(looked(&house, &mut guard, twice).await.is_empty());
    limited(&house, &id, |limits| limits.workspace_files = 50).await;
    of("mkdir many; touch many/{1..100}").await;
    assert_eq!(
        looked(&house, &mut guard, SOON).await,
        std::slice::from_ref(&id)
    );
    for id in [&id, &other] {
        engine.remove(id).await.unwrap();
    }
}

#[test]
fn what_is_counted_is_bounded_and_follows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("workspace");
    std::fs::create_dir_all(at.join("a/b")).unwrap();
    std::fs::write(folder.path().join("outside"), vec![1; 1 << 20]).unwrap();
    std::os::unix::fs::symlink("../outside", at.join("link")).unwrap();
    std::os::unix::fs::symlink("..", at.join("up")).unwrap();
    std::fs::write(at.join("a/one"), vec![1; 1 << 20]).unwrap();
    std::fs::hard_link(at.join("a/one"), at.join("a/b/same")).unwrap();
    let open = || Dir::open_root(&at).unwrap();
    let no_end = Room::NO_END;
    let all = Room::of(open(), no_end).unwrap();
    assert_eq!((all.files, all.partly), (6, false));
    assert!((1 << 20..3 << 19).contains(&all.bytes), "{all:?}");
    let some = Room::of(open(), Room { files: 2, ..no_end }).unwrap();
    assert!(some.is_more_than(&Room { files: 2, ..no_end }) && some.files < all.files);
    // As deep as it likes.
    std::fs::create_dir_all(at.join("d/".repeat(600))).unwrap();
    assert!(Room::of(open(), no_end).unwrap().partly);
}
