//! Folders that an image declares as volumes. They cannot be taken out of it, so each is covered by a
//! small tmpfs; one that would cover what is ours, or be made inside the workspace, is refused.

use sandbox_protocol::egress::RELAY_FOLDER;

use crate::docker::container::{GUEST, HOME, WORKSPACE};
use crate::docker::{DockerError, Problem};

/// Folders of the system that nothing may be put over.
const SYSTEM: [&str; 9] = [
    "/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr",
];

/// Refuses an image whose volumes would change what the sandbox is.
///
/// # Errors
/// [`Problem::Unsupported`], naming image and folder.
pub fn check(image: &str, volumes: &[String]) -> Result<(), DockerError> {
    match volumes.iter().find(|volume| !harmless(volume)) {
        None => Ok(()),
        Some(volume) => Err(DockerError::new(
            Problem::Unsupported,
            format!(
                "the image {image} declares a volume at {}, which a sandbox cannot have there",
                volume.escape_default()
            ),
        )),
    }
}

/// Whether a tmpfs there covers nothing of ours and is not made in a folder that the agent can write.
/// The engine mounts it as root: a link of the agent's on the way would lead it elsewhere.
fn harmless(path: &str) -> bool {
    let plain = path.starts_with('/')
        && path.len() > 1
        && !path.contains(['\0', '\n', ':', ','])
        && path[1..]
            .trim_end_matches('/')
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
    let path = path.trim_end_matches('/');
    // Exactly the home is fine: the home volume takes that place.
    let ours_covered = path != HOME
        && [WORKSPACE, HOME, GUEST, RELAY_FOLDER]
            .iter()
            .any(|ours| within(ours, path) || within(path, ours));
    let exactly_ours = path == WORKSPACE;
    plain && (exactly_ours || !ours_covered) && !SYSTEM.iter().any(|system| within(path, system))
}

/// Whether `path` is `folder` or below it.
fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_of_usual_images_are_covered_and_dangerous_ones_refused() {
        for fine in [
            "/var/lib/postgresql/data",
            "/data",
            "/tmp",
            "/workspace",
            "/home/agent",
            "/opt/app",
        ] {
            assert!(harmless(fine), "{fine}");
        }
        for bad in [
            "/",
            "",
            "data",
            "/workspace/sub",
            "/home",
            "/home/agent/.ssh",
            "/opt",
            "/opt/agent-sandbox",
            "/opt/agent-sandbox/x",
            "/run",
            "/run/agent-sandbox",
            "/etc",
            "/etc/ssl",
            "/proc/sys",
            "/usr/lib",
            "/a/../etc",
            "/a//b",
            "/a:/b",
        ] {
            assert!(!harmless(bad), "{bad}");
        }
    }
}
