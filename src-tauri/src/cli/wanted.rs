//! From arguments to what the engine is asked for.

use std::ffi::OsString;
use std::path::Path;

use sandbox_engine::agents::Recipes;
use sandbox_engine::image::folder::FolderImage;
use sandbox_engine::image::packages::{NoPackage, PackageName};
use sandbox_engine::sandbox::{LimitsWanted, NewSandbox};
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_workspace::{Rules, Secrets, WorkspacePath, system};

use super::args::{self, ImageFrom, Network, SecretFiles};
use super::mistake::Mistake;

pub fn new_sandbox(
    wanted: args::Create,
    start: bool,
    recipes: &Recipes,
) -> Result<NewSandbox, Mistake> {
    Ok(NewSandbox {
        project: wanted.project,
        name: wanted.name,
        command: None,
        image: wanted.image,
        runtime: wanted.runtime,
        image_from: wanted.image_from.map(|from| match from {
            ImageFrom::Dockerfile => FolderImage::Dockerfile,
            ImageFrom::Devcontainer => FolderImage::Devcontainer,
        }),
        network: NetworkPolicy {
            // A list of sites means nothing to a sandbox without a network.
            mode: match wanted.network {
                Some(network) => mode(network),
                None if wanted.allow.is_empty()
                    && wanted.key.is_empty()
                    && recipes.hosts(&wanted.agent).is_empty() =>
                {
                    NetworkMode::Offline
                }
                None => NetworkMode::Approved,
            },
            allow: wanted.allow,
            block: Vec::new(),
            presets: Vec::new(),
            services: Vec::new(),
        },
        agent: wanted.agent,
        keys: wanted.key,
        limits: LimitsWanted {
            cpu_millis: wanted.cpus.map(cores).transpose()?,
            memory: wanted
                .memory
                .as_deref()
                .map(|text| size("--memory", text))
                .transpose()?,
            ..LimitsWanted::default()
        },
        rules: Rules {
            exclude: wanted.exclude,
            include: wanted.include,
            secrets: match wanted.secrets {
                SecretFiles::LeaveOut => Secrets::LeaveOut,
                SecretFiles::Placeholders => Secrets::Placeholders,
                SecretFiles::AsIs => Secrets::AsIs,
            },
            ..Rules::default()
        },
        start,
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn cores(cores: f64) -> Result<u32, Mistake> {
    if !cores.is_finite() || !(0.1..=4096.0).contains(&cores) {
        return Err(Mistake::Use(
            "--cpus takes a number from 0.1 up, for instance 1.5".to_owned(),
        ));
    }
    Ok((cores * 1000.0).round() as u32)
}

/// `4g`, `512m`, `1048576`.
pub fn size(option: &str, text: &str) -> Result<u64, Mistake> {
    let wrong = || {
        Mistake::Use(format!(
            "{option} takes a size such as 4g or 512m, not \u{201c}{text}\u{201d}"
        ))
    };
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, shift) = match lower.as_bytes().last() {
        Some(b'k') => (&lower[..lower.len() - 1], 10),
        Some(b'm') => (&lower[..lower.len() - 1], 20),
        Some(b'g') => (&lower[..lower.len() - 1], 30),
        Some(b't') => (&lower[..lower.len() - 1], 40),
        _ => (lower, 0),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

pub fn mode(network: Network) -> NetworkMode {
    match network {
        Network::Offline => NetworkMode::Offline,
        Network::Approved => NetworkMode::Approved,
        Network::Open => NetworkMode::Open,
    }
}

pub fn paths(given: &[OsString]) -> Result<Vec<WorkspacePath>, Mistake> {
    given
        .iter()
        .map(|path| {
            let trimmed = Path::new(path)
                .components()
                .filter(|c| !matches!(c, std::path::Component::CurDir))
                .collect::<std::path::PathBuf>();
            WorkspacePath::new(system::path_bytes(&trimmed)).map_err(|error| {
                Mistake::failed(format!(
                    "\u{201c}{}\u{201d} is not a path in the project: {error}",
                    path.to_string_lossy()
                ))
            })
        })
        .collect()
}

/// Names of Debian packages.
pub fn package_names(given: &[String]) -> Result<Vec<PackageName>, Mistake> {
    let name = |text: &String| {
        text.parse()
            .map_err(|e: NoPackage| Mistake::Use(e.to_string()))
    };
    given.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("--memory", "4g").ok(), Some(4 << 30));
        assert_eq!(size("--memory", "512MB").ok(), Some(512 << 20));
        assert_eq!(size("--memory", "1048576").ok(), Some(1 << 20));
        for wrong in ["", "g", "-1", "4x", "1.5g", "99999999999999t"] {
            assert!(size("--memory", wrong).is_err(), "took {wrong:?}");
        }
    }

    #[test]
    fn cores_have_a_floor() {
        assert_eq!(cores(1.5).ok(), Some(1500));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(cores(wrong).is_err(), "took {wrong}");
        }
    }
}
