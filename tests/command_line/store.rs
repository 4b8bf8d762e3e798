//! `store verify|prune|stats`.

use std::fs;

use crate::bench_of_one::Bench;

/// Content that does not compress, and that nothing else has.
fn noise() -> Vec<u8> {
    let mut state = 7_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(20_000).collect()
}

#[test]
fn damage_is_named_by_file_and_the_rest_goes_on() {
    let bench = Bench::new();
    fs::write(bench.project().join("noise.bin"), noise()).unwrap();
    let project = bench.project();
    bench
        .run_alone([
            "create",
            "--no-start",
            "--name",
            "site",
            project.to_str().unwrap(),
        ])
        .ended(0);
    let stats = bench
        .run_alone(["store", "stats", "--json"])
        .ended(0)
        .json();
    assert_eq!(stats["trees"], 1);
    assert!(stats["logical"].as_u64().unwrap() > 20_000 && stats["on_disk"].as_u64().unwrap() > 0);
    let own = &stats["sandboxes"][0];
    assert_eq!(own["name"], "site");
    // Half of a project that does not compress, at least.
    assert!(own["own"].as_u64().unwrap() > 10_000, "{own}");
    let whole = bench
        .run_alone(["store", "verify", "--json"])
        .ended(0)
        .json();
    assert_eq!(whole["damaged"].as_array().unwrap().len(), 0, "the probe");

    let packs = fs::read_dir(bench.data().join("store/packs")).unwrap();
    let mut packs = packs.map(|e| e.unwrap().path());
    let pack = packs
        .find(|p| p.extension().is_some_and(|e| e == "pack"))
        .unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let wanted = &noise()[1_000..1_064];
    let at = bytes.windows(64).position(|w| w == wanted).unwrap();
    bytes[at] ^= 1;
    fs::write(&pack, bytes).unwrap();

    let found = bench
        .run_alone(["store", "verify", "--json"])
        .ended(1)
        .json();
    assert_eq!(found["damaged"][0]["files"][0]["path"], "noise.bin");
    let said = bench.run_alone(["store", "verify"]).ended(1);
    assert!(
        said.out.contains("1 damaged") && said.out.contains("noise.bin"),
        "{}",
        said.out
    );
    // A reset puts back all else, and says what it could not.
    let site = bench.data().join("sandboxes");
    let site = fs::read_dir(site).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(site.join("workspace/index.html")).unwrap();
    bench.run_alone(["reset", "site"]).ended(0);
    assert!(site.join("workspace/index.html").exists());
    // Young contents stay: another process may be about to name them.
    let pruned = bench
        .run_alone(["store", "prune", "--json"])
        .ended(0)
        .json();
    assert_eq!(pruned["trees"], 0);
}
