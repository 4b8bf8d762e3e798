//! A command is in the page's backend, on the handler's list and in one permission; else it is refused at run
//! time, which nobody would notice before a user does.

use std::collections::BTreeSet;
use std::fs;

type Names = BTreeSet<String>;

fn read(path: &str) -> String {
    fs::read_to_string(super::root().join(path)).unwrap()
}

/// What the page calls: `invoke('name'` and `invoke<T>('name'`.
fn called() -> Names {
    let text = read("ui/src/ipc/tauri.ts");
    text.split("invoke")
        .skip(1)
        .filter_map(|rest| rest[..rest.find('(')? + 2].ends_with('\'').then_some(rest))
        .filter_map(|rest| rest.split('\'').nth(1))
        .map(str::to_owned)
        .collect()
}

/// What the shell answers: the paths in `generate_handler![…]`.
fn handled() -> Names {
    let text = read("src-tauri/src/window/commands/mod.rs");
    let list = text
        .split("generate_handler![")
        .nth(1)
        .unwrap()
        .split(']')
        .next()
        .unwrap();
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(|path| path.rsplit("::").next().unwrap().to_owned())
        .collect()
}

/// What the permissions allow; each command in one of them only.
fn allowed() -> Names {
    let mut names = Names::new();
    for entry in fs::read_dir(super::root().join("src-tauri/permissions")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let list = text
            .split("commands.allow = [")
            .nth(1)
            .unwrap()
            .split(']')
            .next()
            .unwrap();
        for name in list.split('"').skip(1).step_by(2) {
            assert!(
                names.insert(name.to_owned()),
                "{name} is in two permissions"
            );
        }
    }
    names
}

/// The methods of the page's backend interface, in the commands' spelling.
fn methods() -> Names {
    let text = read("ui/src/ipc/backend.ts");
    let body = text.split("export interface Backend {").nth(1).unwrap();
    body.lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| Some(snake(&line[..line.find('(')?])))
        .collect()
}

fn snake(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn set(names: &[&str]) -> Names {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_the_page_calls_is_what_is_allowed() {
    assert!(
        called().len() > 50,
        "the reader of tauri.ts finds nothing: {:?}",
        called()
    );
    assert_eq!(called(), allowed());
}

#[test]
fn what_is_handled_is_allowed() {
    assert!(handled().len() > 5, "the reader of the list finds nothing");
    // Not yet the other way: the commands that need the engine follow with it.
    let refused: Vec<String> = handled().difference(&allowed()).cloned().collect();
    assert!(refused.is_empty(), "handled and never allowed: {refused:?}");
}

#[test]
fn each_method_of_the_backend_is_a_command() {
    // Subscriptions have a command to begin, and one to end or to acknowledge.
    let (mut methods, mut commands) = (methods(), called());
    assert!(methods.remove("on_drop") && commands.remove("watch_drops"));
    for extra in set(&["unwatch", "ack_terminal", "detach_terminal"]) {
        assert!(commands.remove(&extra), "{extra} is not called");
    }
    assert_eq!(methods, commands);
}

#[test]
fn the_page_is_granted_nothing_of_a_plugin() {
    let text = read("src-tauri/capabilities/main.json");
    let granted = text.split("\"permissions\"").nth(1).unwrap();
    assert!(
        !granted.contains(':') || granted.matches(':').count() == 1,
        "{granted}"
    );
    for word in [
        "core:",
        "dialog",
        "opener",
        "notification",
        "window-state",
        "remote",
    ] {
        assert!(!granted.contains(word), "{word} is granted");
    }
}
