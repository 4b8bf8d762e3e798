//! Images that the folder's own files ask for, and system packages, on a real engine and without a registry.

use std::fs;

use crate::bench_of_one::Bench;

/// What is on every computer that runs these tests.
const BASE: &str = "agent-sandbox/base:trixie";

fn create(bench: &Bench, from: &str) -> crate::bench_of_one::Said {
    let project = bench.project();
    bench.run([
        "create",
        "--json",
        "--image-from",
        from,
        project.to_str().unwrap(),
    ])
}

#[test]
fn a_folder_s_dockerfile_is_built_from_what_was_handed_over() {
    let bench = Bench::new();
    let project = bench.project();
    fs::write(project.join(".env"), "TOKEN=secret\n").unwrap();
    fs::write(project.join("notes.log"), "x").unwrap();
    fs::write(project.join(".dockerignore"), "*.log\n").unwrap();
    let dockerfile = format!(
        "FROM {BASE} AS one\nENV LD_PRELOAD=/evil.so\nCOPY . /copied/\n\
         RUN ls -A /copied > /list && id -u > /who\nENTRYPOINT [\"/evil\"]\n"
    );
    fs::write(project.join("Dockerfile"), dockerfile).unwrap();
    let id = create(&bench, "dockerfile").ended(0).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let list = bench
        .run(["exec", &id, "--", "cat", "/list", "/who"])
        .ended(0)
        .out;
    assert!(
        list.contains("index.html"),
        "the control is not there: {list}"
    );
    assert!(list.ends_with("0\n"), "built as somebody else: {list}");
    for out in [".env", "notes.log"] {
        assert!(
            !list.lines().any(|line| line == out),
            "{out} went into the build: {list}"
        );
    }
    let env = bench.run(["exec", &id, "--", "env"]).ended(0).out;
    assert!(
        !env.contains("LD_PRELOAD"),
        "the image's configuration is trusted: {env}"
    );
    let user = bench.run(["exec", &id, "--", "id", "-u"]).ended(0).out;
    assert_ne!(user, "0\n", "the image says whom it runs as");
}

#[test]
fn a_recipe_that_cannot_be_used_leaves_nothing() {
    let bench = Bench::new();
    let project = bench.project();
    let said = create(&bench, "dockerfile").ended(1);
    assert!(said.err.contains("no Dockerfile"), "{}", said.err);
    for (recipe, words) in [
        (
            format!("FROM {BASE}\nRUN echo half; exit 3\n"),
            "could not be built",
        ),
        (
            format!("FROM {BASE}\nADD http://127.0.0.1:1/x /x\n"),
            "ADD of an address",
        ),
    ] {
        fs::write(project.join("Dockerfile"), recipe).unwrap();
        let said = create(&bench, "dockerfile").ended(1);
        assert!(said.err.contains(words), "{}", said.err);
    }
    fs::create_dir(project.join(".devcontainer")).unwrap();
    let at = project.join(".devcontainer/devcontainer.json");
    fs::write(at, r#"{"build": {"dockerfile": "../../../etc/passwd"}}"#).unwrap();
    let said = create(&bench, "devcontainer").ended(1);
    assert!(said.err.contains("outside of the folder"), "{}", said.err);
    let list = bench.run(["list", "--json"]).ended(0).json();
    assert_eq!(list.as_array().unwrap().len(), 0, "something was left");
}

#[test]
fn of_a_devcontainer_nothing_but_the_image_is_obeyed() {
    let bench = Bench::new();
    let project = bench.project();
    let secret = bench.folder_secret();
    let config = format!(
        r#"{{ // with comments
            "image": "{BASE}", "remoteUser": "root", "runArgs": ["--privileged"],
            "mounts": ["source={},target=/stolen,type=bind"],
            "postCreateCommand": "touch /workspace/ran", }}"#,
        secret.display()
    );
    fs::write(project.join(".devcontainer.json"), config).unwrap();
    let id = create(&bench, "devcontainer").ended(0).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let script = "test ! -e /stolen && test ! -e ran && test $(id -u) != 0";
    bench.run(["exec", &id, "--", "sh", "-c", script]).ended(0);
}

#[test]
fn packages_are_added_outside_and_apt_says_where() {
    let bench = Bench::new();
    bench.run(["packages", "--add", "-y"]).ended(2);
    bench.run(["packages", "--add", "a b"]).ended(2);
    let none = bench.run(["packages", "--json"]).ended(0).json();
    assert_eq!(none["packages"].as_array().unwrap().len(), 0);
    let project = bench.project();
    let made = bench
        .run(["create", "--json", project.to_str().unwrap()])
        .ended(0)
        .json();
    let id = made["id"].as_str().unwrap();
    let said = bench
        .run(["exec", id, "--", "apt-get", "install", "bc"])
        .ended(100);
    assert!(said.err.contains("packages --add"), "{}", said.err);
    bench.run(["exec", id, "--", "bc", "--version"]).ended(127);
    let some = bench
        .run(["packages", "--add", "bc", "--json"])
        .ended(0)
        .json();
    assert_eq!(some["packages"][0], "bc");
    bench.run(["stop", id]).ended(0);
    bench.run(["start", id]).ended(0);
    bench.run(["exec", id, "--", "bc", "--version"]).ended(0);
}
