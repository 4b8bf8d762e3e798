//! The tools that people and agents fetch with, each as it is, in a sandbox with approved sites: refused with words to
//! act on while nothing is approved, and at work as soon as its site is.

use std::fs;

use crate::bench_of_one::{Bench, Said};
use crate::network::{create, docker, sh};
use crate::repository::{HOST, Repository};

/// What the proxy's own variables say to who looks at them.
const NOTICE: &str = "tell the user which site";

/// One tool at its usual work.
struct Tool {
    name: &'static str,
    /// The list of sites that it needs.
    list: &'static str,
    /// What anybody would type.
    script: &'static str,
    /// What it shows where its site is not approved.
    refused: &'static str,
    /// What the work prints at its end.
    done: &'static str,
}

const TOOLS: [Tool; 6] = [
    Tool {
        name: "pip",
        list: "python",
        script: "pip install --retries 1 cowsay==6.1 && cowsay -t moo",
        refused: "Not approved in Agent Sandbox: tell the user which site is needed",
        done: "moo",
    },
    Tool {
        name: "pip in an environment of its own",
        list: "python",
        script: "rm -rf v && python3 -m venv v && v/bin/pip install --retries 1 six==1.17.0 && \
            v/bin/python -c 'import six; print(six.__name__, \"works\")'",
        refused: "Not approved in Agent Sandbox",
        done: "six works",
    },
    Tool {
        name: "npm",
        list: "javascript",
        script: "mkdir -p n && cd n && npm install left-pad@1.3.0 && node -p 'require(`left-pad`)(7, 3, 0)'",
        refused: "Not approved in Agent Sandbox",
        done: "007",
    },
    Tool {
        name: "npm for all of the user's projects",
        list: "javascript",
        script: "npm install --global semver@7.7.3 && semver 1.2.3",
        refused: "Not approved in Agent Sandbox",
        done: "1.2.3",
    },
    Tool {
        name: "cargo",
        list: "rust",
        script: "cd crate && cargo --config net.retry=0 build && target/debug/small",
        refused: "CONNECT tunnel failed, response 403",
        done: "four 4",
    },
    // With the computer's certificates, as it checks them by itself.
    Tool {
        name: "the JVM",
        list: "rust",
        script: "java Fetch.java https://index.crates.io/config.json",
        refused: "403 Not approved in Agent Sandbox",
        done: "status 200",
    },
];

const FETCH: &str = r#"import java.net.*;
class Fetch {
    public static void main(String[] words) throws Exception {
        var asked = (HttpURLConnection) new URI(words[0]).toURL().openConnection();
        System.out.println("status " + asked.getResponseCode());
    }
}
"#;

/// Cargo and a JDK are a layer that the app makes of Debian's packages.
#[test]
fn tools_work_with_their_sites_approved_and_say_whom_to_ask_without() {
    let bench = Bench::new();
    let project = bench.project();
    fs::create_dir_all(project.join("crate/src")).unwrap();
    fs::write(
        project.join("crate/Cargo.toml"),
        "[package]\nname = \"small\"\nedition = \"2021\"\n[dependencies]\nitoa = \"1\"\n",
    )
    .unwrap();
    fs::write(
        project.join("crate/src/main.rs"),
        "fn main() { println!(\"four {}\", itoa::Buffer::new().format(4)); }\n",
    )
    .unwrap();
    fs::write(project.join("Fetch.java"), FETCH).unwrap();
    for package in ["cargo", "default-jdk-headless"] {
        bench.run(["packages", "--add", package]).ended(0);
    }
    let id = create(&bench, &["--network", "approved"]);
    for tool in &TOOLS {
        let Said { code, out, err } = sh(&bench, &id, tool.script);
        assert_ne!(code, 0, "{}: nothing is approved", tool.name);
        let said = out + &err;
        assert!(said.contains(tool.refused), "{}: {said}", tool.name);
    }
    let proxy = sh(&bench, &id, "env | grep -i proxy").ended(0).out;
    assert!(proxy.contains(NOTICE), "{proxy}");

    let mut words = vec!["network", &id];
    for list in ["python", "javascript", "rust"] {
        words.extend(["--preset", list]);
    }
    bench.run(words).ended(0);
    for tool in &TOOLS {
        let Said { code, out, err } = sh(&bench, &id, tool.script);
        assert!(
            code == 0 && out.contains(tool.done),
            "{} with {}: {code} {out} {err}",
            tool.name,
            tool.list
        );
    }
}

/// From a server of the test's own, under a name and a certificate that only this computer knows.
#[test]
fn git_clones_over_https_and_where_an_address_says_ssh() {
    let mut bench = Bench::new();
    let repository = Repository::serve(&mut bench);
    // The usual environment: to that certificate it would be built anew.
    let images = docker(&["images", "-q", "agent-sandbox/env"]);
    let image = images.lines().next().unwrap();
    let id = create(&bench, &["--network", "approved", "--image", image]);
    bench.run(["proxy", "--set", &repository.proxy]).ended(0);
    let clone = |address: &str| {
        let script = format!("rm -rf got && git clone -q {address} got && cat got/hello.txt");
        sh(&bench, &id, &script)
    };
    let https = format!("https://{HOST}/team/small.git");
    let said = clone(&https).ended(128);
    assert!(said.err.contains("response 403"), "{}", said.err);
    let script = format!("curl -s http://{HOST}/");
    let said = sh(&bench, &id, &script).ended(0).out;
    assert!(said.contains(NOTICE), "{said}");
    assert_eq!(repository.asked(), Vec::<String>::new());

    bench.run(["network", &id, "--allow", HOST]).ended(0);
    for address in [
        https.clone(),
        format!("git@{HOST}:team/small.git"),
        format!("ssh://git@{HOST}/team/small.git"),
    ] {
        assert_eq!(clone(&address).ended(0).out, "hello\n", "{address}");
        assert!(!repository.asked().is_empty(), "{address}");
    }
    // What git makes of a commit goes the same way, where the server takes it.
    let push = "cd got && echo more >> hello.txt && git commit -qam more && git push -q && git log --oneline origin/HEAD";
    sh(&bench, &id, push).ended(0);
    assert_eq!(repository.newest(), "more");
}
