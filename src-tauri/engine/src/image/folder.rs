//! An environment from the folder's own files: its Dockerfile, or what its devcontainer.json names.
//!
//! Both are the project's, so hostile until shown otherwise. Of a devcontainer.json only the image or the
//! build is taken; mounts, arguments of the run, commands and everything else of it are named and not obeyed.

use sandbox_workspace::WorkspacePath;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::jsonc;

/// Longest recipe that is read, in bytes.
pub const RECIPE_MOST: u64 = 256 * 1024;
/// Where a Dockerfile is looked for, in this order.
const DOCKERFILES: [&str; 2] = ["Dockerfile", "Containerfile"];
/// Where a devcontainer.json is looked for, in this order.
const DEVCONTAINERS: [&str; 2] = [".devcontainer/devcontainer.json", ".devcontainer.json"];
/// Keys that say which image it is, and keys that only describe.
const TAKEN: [&str; 8] = [
    "image",
    "build",
    "dockerFile",
    "dockerfile",
    "context",
    "name",
    "$schema",
    "customizations",
];

/// Which of the folder's files says what the environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderImage {
    /// `Dockerfile` or `Containerfile` at the top.
    Dockerfile,
    /// `.devcontainer/devcontainer.json` or `.devcontainer.json`.
    Devcontainer,
}

/// What is to be done for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// An image is taken that must be on this computer.
    Image(String),
    /// An image is built.
    Build {
        /// The recipe.
        dockerfile: WorkspacePath,
        /// The folder that it may copy from; `None` is the whole project.
        context: Option<WorkspacePath>,
        /// The stage of it that is wanted.
        target: Option<String>,
    },
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file that says so.
    pub file: WorkspacePath,
    /// What it says.
    pub plan: Plan,
    /// What else a devcontainer.json asks for, by key; none of it is done. Untrusted words.
    pub not_obeyed: Vec<String>,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderImageError {
    /// No such file was handed over.
    #[error("no {0} was handed over")]
    Missing(&'static str),
    /// It is not what it should be.
    #[error("\u{201c}{file}\u{201d} cannot be used: {why}")]
    Unusable {
        /// Which.
        file: WorkspacePath,
        /// Why, for a person.
        why: String,
    },
}

/// Gives the content of a handed-over file of at most [`RECIPE_MOST`] bytes.
pub type Read<'a> = &'a dyn Fn(&WorkspacePath) -> Option<Vec<u8>>;

/// Finds what the folder's own file says.
pub fn find(wanted: FolderImage, read: Read<'_>) -> Result<Found, FolderImageError> {
    let found = match wanted {
        FolderImage::Dockerfile => dockerfile(read),
        FolderImage::Devcontainer => devcontainer(read),
    }?;
    if let Plan::Build { dockerfile, .. } = &found.plan {
        let content = read(dockerfile).ok_or_else(|| FolderImageError::Unusable {
            file: found.file.clone(),
            why: format!("it names \u{201c}{dockerfile}\u{201d}, which was not handed over"),
        })?;
        if fetches(&content) {
            return Err(FolderImageError::Unusable {
                file: dockerfile.clone(),
                why:
                    "it has an ADD of an address, which the container engine would fetch over this \
                      computer\u{2019}s own network, past every fence; use RUN with curl instead"
                        .to_owned(),
            });
        }
    }
    Ok(found)
}

fn dockerfile(read: Read<'_>) -> Result<Found, FolderImageError> {
    let file = first(&DOCKERFILES, read).ok_or(FolderImageError::Missing("Dockerfile"))?;
    Ok(Found {
        plan: Plan::Build {
            dockerfile: file.0.clone(),
            context: None,
            target: None,
        },
        file: file.0,
        not_obeyed: Vec::new(),
    })
}

fn devcontainer(read: Read<'_>) -> Result<Found, FolderImageError> {
    let (file, content) =
        first(&DEVCONTAINERS, read).ok_or(FolderImageError::Missing("devcontainer.json"))?;
    let unusable = |why: &str| FolderImageError::Unusable {
        file: file.clone(),
        why: why.to_owned(),
    };
    let parsed: Map<String, Value> = serde_json::from_slice(&jsonc::plain(&content))
        .map_err(|error| unusable(&format!("it is no JSON with comments ({error})")))?;
    let text = |object: &Map<String, Value>, key: &str| {
        object.get(key).and_then(Value::as_str).map(str::to_owned)
    };
    let build = parsed.get("build").and_then(Value::as_object);
    let recipe = build
        .and_then(|build| text(build, "dockerfile").or_else(|| text(build, "dockerFile")))
        .or_else(|| text(&parsed, "dockerFile"))
        .or_else(|| text(&parsed, "dockerfile"));
    let plan = if let Some(recipe) = recipe {
        let beside = file.parent();
        let context = build
            .and_then(|build| text(build, "context"))
            .or_else(|| text(&parsed, "context"))
            .unwrap_or_else(|| ".".to_owned());
        let inside = |path: &str| {
            joined(beside.as_ref(), path)
                .ok_or_else(|| unusable("it names a place outside of the folder"))
        };
        Plan::Build {
            dockerfile: inside(&recipe)?
                .ok_or_else(|| unusable("it names a folder as its Dockerfile"))?,
            context: inside(&context)?,
            target: build.and_then(|build| text(build, "target")),
        }
    } else if let Some(image) = text(&parsed, "image") {
        Plan::Image(plain_reference(image).ok_or_else(|| unusable("its image is no name"))?)
    } else if parsed.contains_key("dockerComposeFile") {
        return Err(unusable(
            "it wants several containers by Docker Compose, which is not done here",
        ));
    } else {
        return Err(unusable("it names neither an image nor a Dockerfile"));
    };
    Ok(Found {
        not_obeyed: not_obeyed(&parsed, build),
        file: file.clone(),
        plan,
    })
}

/// Keys that ask for something that is not done, sorted: how a map is ordered is a setting of other crates.
fn not_obeyed(parsed: &Map<String, Value>, build: Option<&Map<String, Value>>) -> Vec<String> {
    let asks = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    };
    let top = parsed
        .iter()
        .filter(|(key, value)| !TAKEN.contains(&key.as_str()) && asks(value))
        .map(|(key, _)| key.clone());
    let inner = build.into_iter().flatten().filter(|(key, value)| {
        !["dockerfile", "dockerFile", "context", "target"].contains(&key.as_str()) && asks(value)
    });
    let mut all: Vec<String> = top
        .chain(inner.map(|(key, _)| format!("build.{key}")))
        .map(|key| key.chars().take(60).collect())
        .collect();
    all.sort_unstable();
    all.truncate(20);
    all
}

fn first(names: &[&str], read: Read<'_>) -> Option<(WorkspacePath, Vec<u8>)> {
    names
        .iter()
        .filter_map(|name| WorkspacePath::new(name.as_bytes()).ok())
        .find_map(|path| read(&path).map(|content| (path, content)))
}

/// `path` seen from `folder`, without a step out of the project. `Some(None)` is the project itself.
fn joined(folder: Option<&WorkspacePath>, path: &str) -> Option<Option<WorkspacePath>> {
    if path.starts_with('/') || path.contains(['\0', '$']) {
        return None;
    }
    let mut parts: Vec<&[u8]> = folder.map_or(Vec::new(), |f| f.components().collect());
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name.as_bytes()),
        }
    }
    if parts.is_empty() {
        return Some(None);
    }
    WorkspacePath::new(parts.join(&b'/')).ok().map(Some)
}

/// What can be an image's name: nothing that an engine could take for anything else.
fn plain_reference(image: String) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    (!image.is_empty() && image.len() <= 300 && !image.starts_with('-') && image.chars().all(plain))
        .then_some(image)
}

/// Whether a Dockerfile has an `ADD` that is, or could become, one of an address. Rather one too many: a
/// variable counts, and so does either escape character, whichever the file chooses.
fn fetches(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    ['\\', '`']
        .iter()
        .any(|escape| instructions(&text, *escape).iter().any(|i| adds_address(i)))
}

/// The instructions, each on one line.
fn instructions(text: &str, escape: char) -> Vec<String> {
    let mut all = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines().map(str::trim) {
        // Neither a comment nor an empty line ends what goes on.
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let mut whole = open.take().unwrap_or_default();
        match line.strip_suffix(escape) {
            Some(part) => open = Some(whole + part),
            None => {
                whole.push_str(line);
                all.push(whole);
            }
        }
    }
    all.extend(open);
    all
}

fn adds_address(instruction: &str) -> bool {
    let lower = instruction.trim().to_ascii_lowercase();
    let bare = lower.strip_prefix("onbuild").map_or(&*lower, str::trim);
    bare.strip_prefix("add").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_whitespace() || c == '[')
            && (rest.contains("://") || rest.contains('$') || rest.contains("git@"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text.as_bytes()).unwrap()
    }

    fn found(wanted: FolderImage, files: &[(&str, &str)]) -> Result<Found, FolderImageError> {
        find(wanted, &|asked| {
            let (_, content) = files.iter().find(|(name, _)| path(name) == *asked)?;
            Some(content.as_bytes().to_vec())
        })
    }

    #[test]
    fn a_dockerfile_builds_in_the_whole_folder() {
        let got = found(FolderImage::Dockerfile, &[("Dockerfile", "FROM x\n")]).unwrap();
        let plan = Plan::Build {
            dockerfile: path("Dockerfile"),
            context: None,
            target: None,
        };
        assert_eq!(got.plan, plan);
        assert!(found(FolderImage::Dockerfile, &[]).is_err());
    }

    #[test]
    fn of_a_devcontainer_only_the_image_is_taken_and_the_rest_is_named() {
        let text = r#"{ // ours
            "name": "x", "image": "mcr.microsoft.com/devcontainers/base:1", /* more */
            "mounts": ["source=/,target=/host,type=bind"], "runArgs": ["--privileged"],
            "postCreateCommand": "curl x | sh", "forwardPorts": [],
        }"#;
        let got = found(FolderImage::Devcontainer, &[(".devcontainer.json", text)]).unwrap();
        assert_eq!(
            got.plan,
            Plan::Image("mcr.microsoft.com/devcontainers/base:1".to_owned())
        );
        assert_eq!(got.not_obeyed, ["mounts", "postCreateCommand", "runArgs"]);
    }

    #[test]
    fn a_build_stays_in_the_folder() {
        let at = ".devcontainer/devcontainer.json";
        let build = |dockerfile: &str, context: &str| {
            let text = format!(
                r#"{{"build": {{"dockerfile": "{dockerfile}", "context": "{context}", "args": {{"A": "1"}}}}}}"#
            );
            let files = [
                (at, text.as_str()),
                (".devcontainer/Dockerfile", "FROM x\n"),
                ("Dockerfile", "FROM x\n"),
            ];
            found(FolderImage::Devcontainer, &files)
        };
        let got = build("Dockerfile", "..").unwrap();
        let plan = Plan::Build {
            dockerfile: path(".devcontainer/Dockerfile"),
            context: None,
            target: None,
        };
        assert_eq!(
            (got.plan, got.not_obeyed),
            (plan, vec!["build.args".to_owned()])
        );
        assert!(build("../Dockerfile", ".").is_ok());
        for (dockerfile, context) in [
            ("../../Dockerfile", "."),
            ("/etc/passwd", "."),
            ("Dockerfile", "../.."),
            ("Dockerfile", "${localEnv:HOME}"),
            ("..", "."),
            ("missing", "."),
        ] {
            assert!(
                build(dockerfile, context).is_err(),
                "{dockerfile} {context}"
            );
        }
    }

    #[test]
    fn an_add_of_an_address_is_refused_however_it_is_written() {
        for text in [
            "FROM x\nADD http://127.0.0.1:2375/ /x\n",
            "FROM x\nadd --chown=1 https://a/b /x",
            "FROM x\nADD [\"http://a\", \"/x\"]",
            "FROM x\nADD \\\n # note\n http://a /x",
            "# escape=`\nFROM x\nADD `\n http://a /x",
            "# escape=`\nFROM x\nRUN echo \\\nADD http://a /x",
            "FROM x\nA\\\nDD \\\n\nhttp:\\\n//a /x",
            "FROM x\nARG U\nADD $U /x",
            "FROM x\nONBUILD ADD http://a /x",
            "FROM x\nADD git@github.com:a/b.git /x",
        ] {
            assert!(
                found(FolderImage::Dockerfile, &[("Dockerfile", text)]).is_err(),
                "took {text}"
            );
        }
        for text in [
            "FROM x\nADD a.tar /x\n",
            "FROM x\nRUN curl http://a\nCOPY $A /b",
        ] {
            assert!(
                found(FolderImage::Dockerfile, &[("Dockerfile", text)]).is_ok(),
                "refused {text}"
            );
        }
    }

    #[test]
    fn an_image_must_be_a_name() {
        for image in ["", "-x", "a b", "a\nb", "$(x)"] {
            assert_eq!(plain_reference(image.to_owned()), None, "{image:?}");
        }
    }
}
