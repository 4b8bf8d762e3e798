//! The hand-over sheet: what goes in, what stays out, and the switches.

use sandbox_workspace::project::{LeftOut, Preflight as Counted, TopLevel, Warning};
use sandbox_workspace::rules::{Reason, Rules, Secrets};
use sandbox_workspace::{Dir, WorkspacePath};

use super::{BadPath, count};
use crate::ipc::handover::{GoesIn, HandOverChoices, PutIn, StaysOut, StaysOutReason};
use crate::ipc::path::WirePath;

/// Entries of the list; the rest is summed up.
const MOST: usize = 200;

/// The rules that the switches make.
pub fn rules(choices: HandOverChoices) -> Result<Rules, BadPath> {
    let mut rules = Rules {
        exclude: choices.exclude,
        gitignore: choices.use_gitignore,
        ..Rules::default()
    };
    for choice in choices.put_in {
        let path = WorkspacePath::try_from(choice.path)?;
        match choice.how {
            PutIn::LeaveOut => {}
            PutIn::AsIs => rules.include.push(exactly(&path)),
            // `.env` files only; the others are not offered it.
            PutIn::Placeholders => rules.secrets = Secrets::Placeholders,
        }
    }
    Ok(rules)
}

/// A pattern for this path and no other of its name.
fn exactly(path: &WorkspacePath) -> String {
    let text = path.to_lossy();
    let escaped: String = text
        .chars()
        .flat_map(|c| {
            let special = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
            special.then_some('\\').into_iter().chain([c])
        })
        .collect();
    format!("/{escaped}")
}

/// The top-level entries, largest first, and how many more there are.
pub fn goes_in(counted: &Counted, project: &Dir) -> (Vec<GoesIn>, u32) {
    let mut top: Vec<&TopLevel> = counted.top.iter().collect();
    top.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    let more = top.len().saturating_sub(MOST);
    let list = top
        .into_iter()
        .take(MOST)
        .map(|entry| GoesIn {
            path: (&entry.path).into(),
            is_dir: entry.is_dir,
            files: entry.files,
            bytes: entry.bytes,
            note: note(counted, entry, project),
        })
        .collect();
    (list, count(more))
}

fn note(counted: &Counted, entry: &TopLevel, project: &Dir) -> Option<String> {
    if entry.path.as_bytes().eq_ignore_ascii_case(b".git") {
        return Some("never copied out".to_owned());
    }
    let replaced = counted
        .warnings
        .iter()
        .any(|warning| matches!(warning, Warning::ValuesReplaced(path) if *path == entry.path));
    if replaced {
        return Some("with placeholder values".to_owned());
    }
    let is_link = project
        .stat_path(&entry.path)
        .is_ok_and(|stat| stat.kind == sandbox_workspace::Kind::Symlink);
    is_link.then(|| "a link; what it points to stays out".to_owned())
}

impl From<&LeftOut> for StaysOut {
    fn from(left: &LeftOut) -> Self {
        let name = left.path.to_lossy().to_lowercase();
        let is_key = [".pem", ".key", ".p12", ".pfx", "id_rsa", "id_ed25519"]
            .iter()
            .any(|end| name.ends_with(end));
        let (reason, why) = match left.reason {
            Reason::Secret if is_key => (StaysOutReason::PrivateKey, "a private key"),
            Reason::Secret => (StaysOutReason::Secret, "may hold passwords"),
            Reason::Rebuildable => (StaysOutReason::Rebuildable, "can be rebuilt"),
            Reason::Ignored => (StaysOutReason::GitIgnored, "ignored by git"),
            Reason::Excluded => (StaysOutReason::Excluded, "excluded by you"),
            Reason::Special => (StaysOutReason::Special, "not a regular file"),
            Reason::Unreadable => (StaysOutReason::Unreadable, "cannot be read"),
        };
        let file = left.path.file_name();
        Self {
            path: WirePath::from(&left.path),
            is_dir: left.is_dir,
            reason,
            why: match &left.detail {
                Some(detail) => format!("{why}: {detail}"),
                None => why.to_owned(),
            },
            files: left.files,
            bytes: left.bytes,
            switchable: left.reason.is_switchable(),
            placeholders_possible: left.reason == Reason::Secret
                && !left.is_dir
                && (file == b".env" || file.starts_with(b".env.")),
        }
    }
}

/// What is said above the lists. Only what needs a decision or surprises.
pub fn warnings(counted: &Counted) -> Vec<String> {
    let say = |warning: &Warning| match warning {
        Warning::LinkedRepository(path) => Some(format!(
            "{path} points to a repository elsewhere; git will not work inside the sandbox."
        )),
        Warning::CredentialsRemoved(path) => {
            Some(format!("Passwords in {path} are taken out of the copy."))
        }
        Warning::SecretKept(path) => Some(format!("{path} goes in with its secrets.")),
        Warning::Torn(path) => Some(format!("{path} is being written to right now.")),
        Warning::ValuesReplaced(_) => None,
    };
    counted.warnings.iter().filter_map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::handover::PutInChoice;

    #[test]
    fn a_switch_puts_in_this_path_and_no_other() {
        let choice = |text: &str, how| PutInChoice {
            path: WirePath {
                text: text.to_owned(),
                raw: None,
            },
            how,
        };
        let made = rules(HandOverChoices {
            put_in: vec![
                choice("a[1].pem", PutIn::AsIs),
                choice(".env", PutIn::Placeholders),
                choice("b", PutIn::LeaveOut),
            ],
            ..HandOverChoices::default()
        })
        .expect("paths");
        assert_eq!(made.include, ["/a\\[1\\].pem"]);
        assert_eq!(made.secrets, Secrets::Placeholders);
    }
}
