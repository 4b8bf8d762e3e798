//! What the engine must be told about this computer. The only place that reads the environment for it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use directories::BaseDirs;
use sandbox_engine::Config;
use sandbox_engine::docker::{Deadlines, EndpointSearch};
use sandbox_engine::state::record::Owner;
use sandbox_workspace::system;

use crate::engine_app::EngineApp;
use crate::guest::GUEST;
use crate::keychain::SystemKeychain;
use crate::place::{Place, PlaceError};

/// Bundles of certificates, by system; the first that is there is used. Windows has none as a file: there
/// `SSL_CERT_FILE` names one.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Sockets of container engines that belong to the system.
#[cfg(unix)]
const SOCKETS: [&str; 3] = [
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/docker.sock",
];
/// Named pipes of Docker Desktop and of Podman's machine.
#[cfg(windows)]
const SOCKETS: [&str; 3] = [
    r"\\.\pipe\docker_engine",
    r"\\.\pipe\dockerDesktopLinuxEngine",
    r"\\.\pipe\podman-machine-default",
];

/// The configuration, with data in `data_dir`, in `AGENT_SANDBOX_DATA_DIR`, on the disk that the user chose, or in
/// the usual place.
///
/// # Errors
/// [`PlaceError`] where there is no such place, or its disk is away.
pub fn config(data_dir: Option<PathBuf>) -> Result<Config, PlaceError> {
    let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let named = std::env::var_os("AGENT_SANDBOX_DATA_DIR").filter(|dir| !dir.is_empty());
    let data_dir = match data_dir.or(named.map(PathBuf::from)) {
        Some(dir) => dir,
        None => Place::of_user()?.data_dir()?,
    };
    Ok(Config {
        data_dir,
        endpoints: EndpointSearch {
            docker_host: variable("DOCKER_HOST"),
            docker_context: variable("DOCKER_CONTEXT"),
            home: home.clone(),
            runtime_dir: variable("XDG_RUNTIME_DIR").map(PathBuf::from),
            system_sockets: SOCKETS.map(PathBuf::from).to_vec(),
            installed: is_installed(),
        },
        home,
        deadlines: Deadlines::default(),
        process: Owner {
            uid: system::user(),
            gid: system::group(),
        },
        certificates: certificates(),
        guest: GUEST,
        keychain: Some(Arc::new(SystemKeychain)),
        proxy: ["https_proxy", "HTTPS_PROXY"]
            .into_iter()
            .find_map(variable),
        near: Arc::new(sandbox_engine::network::near),
        clock: Arc::new(now),
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Programs of a desktop are started with a short `PATH`, on which the engine's own need not be.
fn is_installed() -> bool {
    if EngineApp::installed().is_some() {
        return true;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        ["dockerd", "docker", "podman"].iter().any(|name| {
            folder
                .join(name)
                .with_extension(std::env::consts::EXE_EXTENSION)
                .exists()
        })
    })
}

/// The computer's own bundle: behind an inspecting proxy nothing else is trusted.
fn certificates() -> Vec<u8> {
    variable("SSL_CERT_FILE")
        .map(PathBuf::from)
        .into_iter()
        .chain(BUNDLES.map(PathBuf::from))
        .find_map(|path| fs::read(path).ok())
        .unwrap_or_default()
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
