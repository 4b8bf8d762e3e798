//! Whether the engine shares a folder with its containers, both ways: a canary that is written and read back.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bollard::models::{Mount, MountType};
use sandbox_workspace::system::{self, DirBuilderExt};

use super::{Probe, ProbeNetwork};
use crate::docker::Docker;
use crate::docker::error::{DockerError, Problem};
use crate::state::record::Owner;

/// Where the canary's folder is seen.
const CANARY: &str = "/canary";

impl Docker {
    /// Writes in `folder` and reads it in a container, and the other way. Catches engines on other
    /// computers, folders that the engine's virtual machine does not share, and users mapped to others.
    ///
    /// # Errors
    /// [`Problem::Unsupported`] with the reason where the folder is not shared.
    pub async fn canary(
        &self,
        instance: &str,
        guest: &[u8],
        owner: Owner,
        folder: &Path,
    ) -> Result<(), DockerError> {
        let nest = Nest::new(folder, owner)?;
        let args = ["probe", "canary", CANARY, &nest.answer]
            .map(str::to_owned)
            .to_vec();
        let probe = Probe {
            instance,
            owner,
            network: ProbeNetwork::Fenced,
            mounts: vec![Mount {
                typ: Some(MountType::BIND),
                source: Some(nest.path.to_string_lossy().into_owned()),
                target: Some(CANARY.to_owned()),
                read_only: Some(false),
                ..Default::default()
            }],
        };
        let printed =
            self.run_probe(guest, &probe, args)
                .await
                .map_err(|error| match error.problem {
                    Problem::TimedOut => error,
                    _ => not_shared(folder, &error.message),
                })?;
        if printed != nest.question.as_bytes() {
            return Err(not_shared(folder, "a container reads something else there"));
        }
        nest.check(self.info().desktop, folder)
    }
}

/// A folder for the canary; removed when dropped.
struct Nest {
    path: PathBuf,
    question: String,
    answer: String,
    owner: Owner,
}

impl Nest {
    fn new(folder: &Path, owner: Owner) -> Result<Self, DockerError> {
        let failed = |error: &dyn std::fmt::Display| {
            DockerError::new(
                Problem::Failed,
                format!("could not write in {}: {error}", folder.display()),
            )
        };
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
        let path = folder.join(format!("canary-{}", crate::ids::hex(&bytes[..8])));
        let nest = Self {
            path,
            question: crate::ids::hex(&bytes[8..16]),
            answer: crate::ids::hex(&bytes[16..]),
            owner,
        };
        let written = (|| {
            std::fs::DirBuilder::new().mode(0o700).create(&nest.path)?;
            let file = nest.path.join("from-app");
            File::create_new(&file)?.write_all(nest.question.as_bytes())?;
            // Only root may, and only root needs to.
            if system::user() == 0 {
                for path in [&nest.path, &file] {
                    system::give_to(path, (owner.uid, owner.gid))?;
                }
            }
            Ok::<(), std::io::Error>(())
        })();
        written.map_err(|error| failed(&error))?;
        Ok(nest)
    }

    fn check(&self, desktop: bool, folder: &Path) -> Result<(), DockerError> {
        let file = system::open_unfollowed(&self.path.join("from-sandbox"))
            .map_err(|_| not_shared(folder, "what a container writes there does not arrive"))?;
        let owner = file.metadata().map_or(u32::MAX, |m| system::owner(&m).0);
        let mut content = String::new();
        let read = file.take(4096).read_to_string(&mut content);
        if read.is_err() || content != self.answer {
            return Err(not_shared(
                folder,
                "what a container writes there arrives changed",
            ));
        }
        let expected = match system::user() {
            0 => self.owner.uid,
            user => user,
        };
        if !desktop && owner != expected {
            return Err(not_shared(
                folder,
                &format!("files made in a container belong to user {owner} instead of {expected}"),
            ));
        }
        Ok(())
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        // A random name of our own, never given to an agent.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn not_shared(folder: &Path, why: &str) -> DockerError {
    DockerError::new(
        Problem::Unsupported,
        format!(
            "the container engine does not share {} as it must: {why}",
            folder.display()
        ),
    )
}
