//! A real Secret Service: GNOME's keyring, on a bus and with a home of the test's own.

use std::process::Command;

use crate::are_there;
use crate::bench_of_one::Bench;
use crate::model::{KEY, Model};

/// One after the other on one bus; each step's words are on a line that names it.
const SCRIPT: &str = r#"
set -eu
printf password | gnome-keyring-daemon --unlock --components=secrets > /dev/null
printf %s "$KEY" | "$PROGRAM" key set openai --from-stdin --server "$SERVER" > /dev/null
echo "list: $("$PROGRAM" key list --json)"
id=$("$PROGRAM" create --json --key openai "$PROJECT" | sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p')
ask='curl -sS -m 60 "$OPENAI_BASE_URL/chat/completions" -H "Authorization: Bearer $OPENAI_API_KEY" -d "{\"messages\":[]}"'
echo "used: $("$PROGRAM" exec "$id" -- bash -c "$ask" | tr -d '\n')"
"$PROGRAM" key remove openai > /dev/null
echo "after: $("$PROGRAM" key list --json)"
echo "gone: $("$PROGRAM" exec "$id" -- curl -s -m 60 -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/keys/openai/v1/chat/completions -d '{}')"
printf %s "$KEY" | "$PROGRAM" key set anthropic --from-stdin > /dev/null
"$PROGRAM" remove "$id" > /dev/null
echo "purged: $("$PROGRAM" purge --dry-run --json)"
"#;

#[test]
fn a_key_lies_in_the_systems_keychain_and_is_used_from_there() {
    if !are_there(&["dbus-run-session", "gnome-keyring-daemon"]) {
        return;
    }
    let model = Model::start();
    let bench = Bench::new();
    let ours = bench.command(["key"]);
    let mut session = Command::new("dbus-run-session");
    for (name, value) in ours.get_envs() {
        if let Some(value) = value.filter(|_| name != "DBUS_SESSION_BUS_ADDRESS") {
            session.env(name, value);
        }
    }
    let home = bench.data().parent().unwrap().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let said = session
        .args(["--", "bash", "-c", SCRIPT])
        .env("PROGRAM", ours.get_program())
        .env("KEY", KEY)
        .env("SERVER", format!("http://127.0.0.1:{}", model.port))
        .env("PROJECT", bench.project())
        .env("XDG_RUNTIME_DIR", &home)
        .env("XDG_DATA_HOME", home.join("data"))
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&said.stdout).into_owned();
    let err = String::from_utf8_lossy(&said.stderr).into_owned();
    let step = |name: &str| {
        let line = out
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} is missing: {out}\n{err}"))
            .to_owned()
    };
    assert!(said.status.success(), "{out}\n{err}");
    let list = step("list");
    assert!(
        list.contains("keychain") && list.contains("\"keychain\":true"),
        "{list}"
    );
    assert!(step("used").contains("Finished."), "{}", step("used"));
    assert_eq!(model.said(), ["right POST /v1/chat/completions"]);
    assert!(step("after").contains("\"keys\":[]"), "{}", step("after"));
    assert_eq!(step("gone"), "404");
    assert!(step("purged").contains("anthropic"), "{}", step("purged"));
    assert!(!(out + &err).contains(KEY));
    // It lies in the keyring, which is encrypted, and in no file of ours.
    let held = |folder| {
        let found = Command::new("grep")
            .args(["-rlaF", KEY])
            .arg(folder)
            .output();
        String::from_utf8_lossy(&found.unwrap().stdout).into_owned()
    };
    assert_eq!(held(bench.data()), "");
    assert_eq!(held(home.clone()), "");
    assert!(
        home.join("data/keyrings").exists(),
        "the keyring is the test's own"
    );
}
