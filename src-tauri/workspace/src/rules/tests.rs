#![allow(clippy::unwrap_used)]
use super::*;

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::try_from(text).unwrap()
}

fn nothing(_: &WorkspacePath) -> bool {
    false
}

fn reason(rules: &Rules, text: &str) -> Option<Reason> {
    let (text, is_dir) = match text.strip_suffix('/') {
        Some(folder) => (folder, true),
        None => (text, false),
    };
    rules
        .matcher()
        .unwrap()
        .left_out_within(&path(text), is_dir, &nothing)
}

#[test]
fn secrets_and_rebuildable_folders_stay_out_and_ordinary_files_go_in() {
    let rules = Rules::default();
    for secret in [
        ".env",
        "web/.env.local",
        ".ENV.production",
        ".envrc",
        "keys/id_rsa",
        "a.p12",
        "home/.aws/credentials",
    ] {
        assert_eq!(reason(&rules, secret), Some(Reason::Secret), "{secret}");
    }
    for bulky in [
        "node_modules/",
        "a/b/node_modules/x/index.js",
        ".venv/",
        "p/__pycache__/",
    ] {
        assert_eq!(reason(&rules, bulky), Some(Reason::Rebuildable), "{bulky}");
    }
    let ordinary = [
        ".env.example",
        "env.py",
        "id_rsa.pub",
        "slides.key",
        "cert.pem",
        ".npmrc",
        "build/",
        "dist/",
        "target/",
        "node_modules",
        "README.md",
        ".git/config",
        ".gitignore",
        "venv/",
        "environment/",
        ".environment",
        "build/src/main.c",
        "credentials",
        "aws/credentials",
    ];
    for file in ordinary {
        assert_eq!(reason(&rules, file), None, "{file}");
    }
}

#[test]
fn some_folders_depend_on_what_lies_beside_or_in_them() {
    let matcher = Rules::default().matcher().unwrap();
    let there =
        |p: &WorkspacePath| ["Cargo.toml", "py/venv/pyvenv.cfg"].contains(&p.as_str().unwrap());
    let ask = |p: &str| matcher.left_out(&path(p), true, &there);
    assert_eq!(ask("target"), Some(Reason::Rebuildable));
    assert_eq!(ask("notes/target"), None);
    assert_eq!(ask("py/venv"), Some(Reason::Rebuildable));
    assert_eq!(ask("venv"), None);
}

#[test]
fn exclude_beats_include_beats_what_is_built_in() {
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    let rules = Rules {
        exclude: strings(&["*.log", "docs/private/**", "tmp/"]),
        include: strings(&[".env", "node_modules", "important.log"]),
        ..Rules::default()
    };
    assert_eq!(reason(&rules, ".env"), None);
    assert_eq!(reason(&rules, ".env.local"), Some(Reason::Secret));
    assert_eq!(
        reason(&rules, "node_modules/a/__pycache__/"),
        None,
        "with all that is in it"
    );
    assert_eq!(
        reason(&rules, "node_modules/a/id_rsa"),
        Some(Reason::Secret),
        "but for secrets"
    );
    assert_eq!(reason(&rules, "important.log"), Some(Reason::Excluded));
    assert_eq!(reason(&rules, "a/b/x.log"), Some(Reason::Excluded));
    assert_eq!(reason(&rules, "docs/private/x"), Some(Reason::Excluded));
    assert_eq!(reason(&rules, "docs/x"), None);
    assert_eq!(reason(&rules, "a/tmp/x"), Some(Reason::Excluded));
    assert_eq!(
        reason(&rules, "a/tmp"),
        None,
        "a final slash is for folders"
    );
    assert!(
        Rules {
            exclude: strings(&["a{"]),
            ..Rules::default()
        }
        .matcher()
        .is_err()
    );
}

#[test]
fn rules_survive_the_disk_and_know_older_files() {
    let rules = Rules {
        gitignore: true,
        ..Rules::default()
    };
    let json = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<Rules>(&json).unwrap(), rules);
    assert_eq!(
        serde_json::from_str::<Rules>("{}").unwrap(),
        Rules::default()
    );
}

#[test]
fn a_folder_that_was_handed_over_is_not_skipped_later() {
    let temp = tempfile::tempdir().unwrap();
    for folder in ["target", "new"] {
        std::fs::create_dir_all(temp.path().join(folder).join("target")).unwrap();
    }
    std::fs::write(temp.path().join("Cargo.toml"), "").unwrap();
    std::fs::write(temp.path().join("new/Cargo.toml"), "").unwrap();
    let root = Dir::open_root(temp.path()).unwrap();
    let matcher = Rules::default().matcher().unwrap();
    let entry = crate::tree::Entry {
        path: path("target"),
        kind: crate::tree::EntryKind::Dir,
        mode: 0o755,
        mtime: crate::tree::FileTime {
            seconds: 0,
            nanos: 0,
        },
    };
    let handed_over = Tree::new(vec![entry]);
    let skip = matcher.skip(&root, Some(&handed_over));
    assert!(
        !skip(&path("target"), true),
        "the user's own; the agent made it look rebuildable"
    );
    assert!(skip(&path("new/target"), true));
}

#[test]
fn placeholders_keep_names_and_no_value() {
    let env = b"# settings\nA=1\nexport KEY = \"two\nlines SECRET\"\n# OLD=SECRET\n\nSECRET alone\nB='x\\'y'\nC=z\n";
    let out = String::from_utf8(placeholders(env)).unwrap();
    assert_eq!(
        out,
        "# settings\nA=placeholder\nexport KEY=placeholder\n#\n\nB=placeholder\nC=placeholder\n"
    );
    assert!(!out.contains("SECRET"));
}

#[test]
fn a_git_config_loses_its_credentials_and_nothing_else() {
    let config = b"[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://me:tok@github.com/a/b.git\n\tpushurl = ssh://git@host/x\n[credential]\n\thelper = store --file \\\n  more\n[http \"https://x\"]\n\textraHeader = AUTHORIZATION: basic abc\n\tproxy = http://u:p@proxy:80\n[branch \"m\"]\n\tremote = origin\n";
    let out = String::from_utf8(scrub_git_config(config)).unwrap();
    assert_eq!(
        out,
        "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://github.com/a/b.git\n\tpushurl = ssh://git@host/x\n[http \"https://x\"]\n\tproxy = http://proxy:80\n[branch \"m\"]\n\tremote = origin\n"
    );
    let clean = b"[core]\r\n\tx = 1\r\n[remote \"o\"]\n\turl = git@github.com:a/b.git\n";
    assert_eq!(scrub_git_config(clean), clean);
}
