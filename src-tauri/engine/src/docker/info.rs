//! What an engine is and can do.

use std::collections::BTreeSet;

use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum, SystemVersion};

use super::endpoint::Endpoint;

/// Facts about the engine that decisions rest on.
#[derive(Debug, Clone)]
pub struct EngineInfo {
    /// `Docker`, `Podman`, `Docker Desktop`…
    pub product: String,
    /// Its version.
    pub version: String,
    /// Container user 0 is the user of the engine.
    pub rootless: bool,
    /// It cannot bound what a container uses: an ordinary user's, on control groups of version 1.
    pub unbounded: bool,
    /// The daemon maps users to others.
    pub userns_remap: bool,
    /// AppArmor is there.
    pub apparmor: bool,
    /// Runs in a virtual machine: any container user may write a shared folder.
    pub desktop: bool,
    /// Names of the runtimes that can be asked for.
    pub runtimes: BTreeSet<String>,
    /// The one that is taken where none is asked for; empty where it does not say.
    pub default_runtime: String,
    /// Cores.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Known weaknesses of these versions: warned about, never refused.
    pub warnings: Vec<String>,
}

impl EngineInfo {
    /// `rootless`: what is known of it beside what Docker would say.
    pub(crate) fn new(
        version: &SystemVersion,
        system: &SystemInfo,
        endpoint: &Endpoint,
        rootless: bool,
    ) -> Self {
        let options = system.security_options.clone().unwrap_or_default();
        let has = |name: &str| options.iter().any(|o| o.contains(&format!("name={name}")));
        let os = system.operating_system.clone().unwrap_or_default();
        let components = version.components.clone().unwrap_or_default();
        let podman = is_podman(version);
        let product = if podman {
            "Podman"
        } else if os.contains("Docker Desktop") {
            "Docker Desktop"
        } else {
            "Docker"
        };
        let number = version.version.clone().unwrap_or_default();
        let engine = number
            .split(['+', '-', '~'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let runc = components
            .iter()
            .find(|c| c.name == "runc")
            .map(|c| c.version.clone())
            .unwrap_or_default();
        let rootless = rootless || has("rootless");
        let old_groups = system.cgroup_version == Some(SystemInfoCgroupVersionEnum::_1);
        Self {
            product: product.to_owned(),
            rootless,
            unbounded: rootless && old_groups,
            userns_remap: has("userns"),
            apparmor: has("apparmor"),
            desktop: os.contains("Docker Desktop")
                || ["colima", "orbstack", ".rd/", "podman/machine"]
                    .iter()
                    .any(|part| endpoint.socket.to_string_lossy().contains(part)),
            runtimes: system
                .runtimes
                .clone()
                .unwrap_or_default()
                .into_keys()
                .collect(),
            default_runtime: system.default_runtime.clone().unwrap_or_default(),
            cpus: system
                .ncpu
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(1)
                .max(1),
            memory: system
                .mem_total
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(0),
            arch: system.architecture.clone().unwrap_or_default(),
            warnings: if podman {
                Vec::new()
            } else {
                let platform = version.platform.as_ref();
                warnings(&engine, &runc, platform.map_or("", |one| &one.name))
            },
            version: engine,
        }
    }

    /// Runtimes that are a choice beside the default one, each once: `io.containerd.runc.v2` is `runc` by
    /// another name. None on Podman, which lists what it knows and not what is installed.
    pub fn other_runtimes(&self) -> Vec<String> {
        if self.product == "Podman" {
            return Vec::new();
        }
        let mut seen = BTreeSet::from([plain(&self.default_runtime)]);
        let mut names: Vec<&String> = self.runtimes.iter().collect();
        // The short name of two.
        names.sort_by_key(|name| name.len());
        names.retain(|name| seen.insert(plain(name)));
        names.sort();
        names.into_iter().cloned().collect()
    }
}

/// How engines before Docker 23 also name `runc`.
const FIRST_SHIM: &str = "io.containerd.runtime.v1.linux";

/// A runtime's name without what containerd puts around it.
fn plain(name: &str) -> &str {
    if name == FIRST_SHIM {
        return "runc";
    }
    let Some(rest) = name.strip_prefix("io.containerd.") else {
        return name;
    };
    match rest.rsplit_once(".v") {
        Some((name, version)) if version.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => rest,
    }
}

/// Whether it is Podman that answers.
pub(super) fn is_podman(version: &SystemVersion) -> bool {
    let components = version.components.iter().flatten();
    components.into_iter().any(|c| c.name.contains("Podman"))
}

/// Known escapes of old versions (SECURITY §2.1, engine check).
fn warnings(engine: &str, runc: &str, platform: &str) -> Vec<String> {
    let mut found = Vec::new();
    let parts = |text: &str| -> Vec<u32> {
        text.split(['.', '-', '+', '~'])
            .map_while(|p| p.parse().ok())
            .collect()
    };
    let runc_parts = parts(runc);
    let weak =
        runc_parts < vec![1, 2, 8] || (runc_parts >= vec![1, 3] && runc_parts < vec![1, 3, 3]);
    if !runc_parts.is_empty() && weak {
        found.push(format!(
            "runc {runc} has known weaknesses (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881); update Docker when you can"
        ));
    }
    let engine_parts = parts(engine);
    if !engine_parts.is_empty() && engine_parts < vec![29, 7] {
        found.push(format!(
            "Docker Engine {engine} is older than 29.7; update it when you can"
        ));
    }
    // `Docker Desktop 4.43.0 (198352)`
    let desktop = platform.strip_prefix("Docker Desktop ");
    let desktop = desktop.and_then(|rest| rest.split(' ').next());
    if let Some(desktop) = desktop
        && parts(desktop) < vec![4, 44, 3]
    {
        found.push(format!(
            "Docker Desktop {desktop} lets containers speak to its engine (CVE-2025-9074); update it"
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_runtimes(product: &str, default: &str, names: &[&str]) -> EngineInfo {
        EngineInfo {
            product: product.to_owned(),
            version: "29.7.0".to_owned(),
            rootless: false,
            userns_remap: false,
            apparmor: false,
            desktop: false,
            runtimes: names.iter().map(|name| (*name).to_owned()).collect(),
            default_runtime: default.to_owned(),
            unbounded: false,
            cpus: 1,
            memory: 0,
            arch: String::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn only_what_differs_from_the_usual_runtime_is_a_choice() {
        let usual = [
            "io.containerd.runc.v2",
            "io.containerd.runtime.v1.linux",
            "runc",
        ];
        let none: [&str; 0] = [];
        assert_eq!(
            with_runtimes("Docker", "runc", &usual).other_runtimes(),
            none
        );
        let more = [
            "io.containerd.runc.v2",
            "runc",
            "runsc",
            "io.containerd.kata.v2",
            "io.containerd.runsc.v1",
        ];
        assert_eq!(
            with_runtimes("Docker", "runc", &more).other_runtimes(),
            ["io.containerd.kata.v2", "runsc"]
        );
        assert_eq!(
            with_runtimes("Docker", "runsc", &more).other_runtimes(),
            ["io.containerd.kata.v2", "runc"],
            "the usual one is a choice where another is the default"
        );
        assert_eq!(
            with_runtimes("Podman", "crun", &["crun", "kata", "runsc"]).other_runtimes(),
            none
        );
    }

    #[test]
    fn old_versions_are_named_and_new_ones_are_not() {
        assert_eq!(warnings("20.10.24", "1.1.5", "").len(), 2);
        assert_eq!(
            warnings("29.7.0", "1.3.2", "").len(),
            1,
            "1.3 was mended later than 1.2"
        );
        assert_eq!(warnings("29.7.0", "1.3.3", ""), Vec::<String>::new());
        let desktop = |version: &str| {
            let platform = format!("Docker Desktop {version} (198352)");
            warnings("29.7.0", "1.3.3", &platform)
        };
        assert!(desktop("4.43.2")[0].contains("CVE-2025-9074"));
        assert_eq!(desktop("4.44.3"), Vec::<String>::new());
        assert_eq!(desktop("4.60.0"), Vec::<String>::new());
    }
}
