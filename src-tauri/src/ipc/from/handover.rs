//! The hand-over sheet: what goes in, what stays out, and the switches.

use sandbox_engine::image::folder::{self, FolderImageError, Found, Plan};
use sandbox_workspace::project::{LeftOut, Preflight as Counted, TopLevel, Warning};
use sandbox_workspace::rules::{Reason, Rules, Secrets};
use sandbox_workspace::{Dir, WorkspacePath};

use super::{BadPath, count};
use crate::ipc::handover::{
    FolderImage, FolderImageKind, GoesIn, HandOverChoices, PutIn, PutInChoice, StaysOut,
    StaysOutReason,
};
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
                && is_env(left.path.file_name()),
        }
    }
}

/// Files whose values can be replaced by placeholders.
fn is_env(name: &[u8]) -> bool {
    name == b".env" || name.starts_with(b".env.")
}

/// What is said above the lists. Only what needs a decision or surprises.
pub fn warnings(counted: &Counted) -> Vec<String> {
    counted
        .warnings
        .iter()
        // Said in the list already.
        .filter(|warning| !matches!(warning, Warning::ValuesReplaced(_)))
        .map(ToString::to_string)
        .collect()
}

/// What the rules of an earlier hand-over say of the secrets that would stay out now.
pub fn remembered(before: Option<&Rules>, left_out: &[LeftOut]) -> Vec<PutInChoice> {
    let Some(before) = before else {
        return Vec::new();
    };
    let how = |path: &WorkspacePath| {
        if before.include.contains(&exactly(path)) {
            Some(PutIn::AsIs)
        } else if before.secrets == Secrets::Placeholders && is_env(path.file_name()) {
            Some(PutIn::Placeholders)
        } else {
            None
        }
    };
    left_out
        .iter()
        .filter(|left| left.reason == Reason::Secret)
        .filter_map(|left| {
            Some(PutInChoice {
                path: WirePath::from(&left.path),
                how: how(&left.path)?,
            })
        })
        .collect()
}

/// The images that the folder's own files ask for, without those that are not there.
pub fn folder_images(
    found: [(folder::FolderImage, Result<Found, FolderImageError>); 2],
) -> Vec<FolderImage> {
    let one = |(kind, found): (folder::FolderImage, Result<Found, FolderImageError>)| {
        let kind = FolderImageKind::from(kind);
        match found {
            Ok(Found {
                file,
                plan,
                not_obeyed,
            }) => Some(FolderImage {
                kind,
                file: WirePath::from(&file),
                image: match plan {
                    Plan::Image(image) => Some(image),
                    Plan::Build { .. } => None,
                },
                not_obeyed,
                unusable: None,
            }),
            Err(FolderImageError::Missing(_)) => None,
            Err(FolderImageError::Unusable { file, why }) => Some(FolderImage {
                kind,
                file: WirePath::from(&file),
                image: None,
                not_obeyed: Vec::new(),
                unusable: Some(why),
            }),
        }
    };
    found.into_iter().filter_map(one).collect()
}

impl From<folder::FolderImage> for FolderImageKind {
    fn from(kind: folder::FolderImage) -> Self {
        match kind {
            folder::FolderImage::Dockerfile => Self::Dockerfile,
            folder::FolderImage::Devcontainer => Self::Devcontainer,
        }
    }
}

impl From<FolderImageKind> for folder::FolderImage {
    fn from(kind: FolderImageKind) -> Self {
        match kind {
            FolderImageKind::Dockerfile => Self::Dockerfile,
            FolderImageKind::Devcontainer => Self::Devcontainer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let left = |text: &str| LeftOut {
            path: WorkspacePath::try_from(text).expect("a path"),
            is_dir: false,
            reason: Reason::Secret,
            files: 1,
            bytes: 1,
            at_least: false,
            detail: None,
        };
        let again = remembered(
            Some(&made),
            &[left("a[1].pem"), left(".env"), left("new.pem")],
        );
        assert_eq!(again.len(), 2, "asked once for each: {again:?}");
        assert_eq!(again[0].how, PutIn::AsIs);
        assert_eq!(again[1].how, PutIn::Placeholders);
    }
}
