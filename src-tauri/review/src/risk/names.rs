//! One name in all its spellings: what file systems and programs take for the same.

use sandbox_workspace::{WorkspacePath, escape::is_hidden};
use unicode_normalization::UnicodeNormalization;

use super::Refusal;

/// A name as the most lenient file system compares it: letters folded, composed, without ignorable
/// characters (HFS+), trailing dots and spaces, and stream names (NTFS).
pub(crate) fn folded(name: &[u8]) -> String {
    if name.is_ascii() && !name.iter().any(u8::is_ascii_control) {
        let text: String = name
            .iter()
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
        return trimmed(text);
    }
    let text: String = String::from_utf8_lossy(name)
        .chars()
        .filter(|c| !is_hidden(*c))
        .nfkc()
        .flat_map(char::to_lowercase)
        // The dotless and the long letters fold to these on some systems.
        .map(|c| match c {
            'ı' => 'i',
            'ſ' => 's',
            c => c,
        })
        .filter(|c| *c != '\u{307}')
        .collect();
    trimmed(text)
}

fn trimmed(mut text: String) -> String {
    if let Some(stream) = text.find(':').filter(|at| *at > 0) {
        text.truncate(stream);
    }
    text.truncate(text.trim_end_matches(['.', ' ']).len());
    text
}

/// The components of a path, folded. A backslash separates too.
pub(super) fn components(path: &WorkspacePath) -> Vec<String> {
    path.as_bytes()
        .split(|b| matches!(b, b'/' | b'\\'))
        .map(folded)
        .collect()
}

/// Whether one name is `.git`, in some spelling (git's own tests t1014 have them).
pub fn is_git(name: &[u8]) -> bool {
    let folded = folded(name);
    folded == ".git" || is_short(&folded)
}

/// `git~1` and its like: what NTFS and FAT make of `.git` in eight letters.
fn is_short(name: &str) -> bool {
    name.strip_prefix("git~")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Why a path may never be copied out, by its name.
pub fn refusal(path: &WorkspacePath) -> Option<Refusal> {
    path.as_bytes()
        .split(|b| matches!(b, b'/' | b'\\'))
        .any(is_git)
        .then_some(Refusal::Git)
}

/// What git itself writes while people work: objects, references, the index. Changes there are
/// counted, not listed; hooks and configuration are listed (and refused).
pub fn is_git_internal(path: &WorkspacePath) -> bool {
    let mut components = path
        .components()
        .skip_while(|name| *name != b".git")
        .skip(1);
    let Some(first) = components.next() else {
        return false;
    };
    let below = components.last();
    match first {
        b"objects" | b"refs" | b"logs" | b"rebase-merge" | b"rebase-apply" | b"branches" => true,
        b"hooks" => below.is_none_or(|name| name.ends_with(b".sample")),
        b"info" => below.is_none_or(|name| matches!(name, b"exclude" | b"refs")),
        b"HEAD" | b"index" | b"index.lock" | b"packed-refs" | b"description"
        | b"COMMIT_EDITMSG" | b"AUTO_MERGE" | b"gc.log" | b"shallow" => true,
        name => below.is_none() && (name.ends_with(b"_HEAD") || name.starts_with(b"MERGE_")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_is_known_in_every_spelling() {
        for name in [
            ".git",
            ".GIT",
            ".Git",
            ".gI\u{200c}T",
            ".g\u{200d}it",
            "git~1",
            "GIT~2",
            ".git. ",
            ".git...",
            ".git ",
            ".git:stream",
            ".git...:stream",
            ".git::$INDEX_ALLOCATION",
            ".g\u{131}t",
            "\u{ff0e}git",
            "\u{feff}.git",
            ".gi\u{0307}t",
        ] {
            assert!(is_git(name.as_bytes()), "{name:?}");
        }
        for path in [
            "a/.git/config",
            ".GIT/hooks/x",
            "a\\.git\\config",
            "x/git~1/y",
            ".git",
        ] {
            let path = WorkspacePath::try_from(path).expect("valid");
            assert_eq!(refusal(&path), Some(Refusal::Git), "{path}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_free() {
        for path in [
            ".gitignore",
            ".github/x",
            "git",
            "my.git.txt",
            "git~",
            "git~a",
            "repo.git/x",
            "digit",
            ":git",
            ".gitkeep",
            "a.git",
        ] {
            let path = WorkspacePath::try_from(path).expect("valid");
            assert_eq!(refusal(&path), None, "{path}");
        }
    }

    #[test]
    fn internals_are_told_from_hooks_and_settings() {
        let is = |path: &str| is_git_internal(&WorkspacePath::try_from(path).expect("valid"));
        for path in [
            ".git/objects/ab/cd",
            ".git/index",
            ".git/HEAD",
            "sub/.git/refs/heads/main",
            ".git/ORIG_HEAD",
            ".git/hooks/pre-commit.sample",
            ".git/hooks",
            ".git/info/exclude",
        ] {
            assert!(is(path), "{path}");
        }
        for path in [
            ".git",
            ".git/config",
            ".git/hooks/pre-commit",
            ".git/info/attributes",
            ".GIT/objects/x",
            ".git/modules/x/config",
            "objects/x",
            ".git/config.worktree",
        ] {
            assert!(!is(path), "{path}");
        }
    }
}
