//! Each list of sites with the package manager that it is for, inside a sandbox, with nothing set by hand.

use crate::bench_of_one::Bench;
use crate::network::{create, sh};

/// Ways of fetching; each must fail without its list, and work with it.
const FETCHES: [(&str, &str, &str); 5] = [
    (
        "pip",
        "python",
        "rm -rf /tmp/p && pip download -q --disable-pip-version-check --no-deps -d /tmp/p six==1.17.0 && ls /tmp/p/six-*",
    ),
    (
        "npm",
        "javascript",
        "cd /tmp && npm pack --silent left-pad@1.3.0 && test -s left-pad-1.3.0.tgz",
    ),
    (
        "Node's own fetch",
        "javascript",
        "node -e \"fetch('https://registry.npmjs.org/left-pad/1.3.0').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))\"",
    ),
    (
        "Python's own",
        "rust",
        "python3 -c \"import urllib.request as r; assert r.urlopen('https://index.crates.io/config.json').status == 200\"",
    ),
    (
        "a plain read",
        "debian",
        "curl -sf -m 60 http://deb.debian.org/debian/dists/trixie/Release | grep -q ^Codename",
    ),
];

#[test]
fn package_managers_work_with_their_list_and_not_without_it() {
    let bench = Bench::new();
    let id = create(&bench, &["--network", "approved"]);
    for (what, _, script) in FETCHES {
        assert_ne!(
            sh(&bench, &id, script).code,
            0,
            "{what}: nothing is approved"
        );
    }
    let lists = ["python", "javascript", "rust", "debian"];
    let mut words = vec!["network", &id];
    words.extend(lists.iter().flat_map(|list| ["--preset", list]));
    bench.run(words).ended(0);
    for (what, list, script) in FETCHES {
        let said = sh(&bench, &id, script);
        assert_eq!(
            said.code, 0,
            "{what} with {list}: {} {}",
            said.out, said.err
        );
    }
    // The activity list has who was reached, and who was refused.
    let all = bench.run(["status", &id, "--json"]).ended(0).json();
    assert_eq!(all["network"], "approved");
    let git = sh(
        &bench,
        &id,
        "git ls-remote https://github.com/rust-lang/log 2>&1",
    );
    assert_ne!(git.code, 0);
    assert!(
        git.out.contains("403"),
        "git says that it was refused: {}",
        git.out
    );
}
