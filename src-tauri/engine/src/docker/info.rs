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
    /// Containers may make every system call: it has no filter of them, or is told not to use it.
    pub unfiltered: bool,
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
            unfiltered: unfiltered(&options),
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
            warnings: {
                let platform = version.platform.as_ref();
                let mut found = match podman {
                    true => Vec::new(),
                    false => warnings(&engine, &runc, platform.map_or("", |one| &one.name)),
                };
                let kernel = system.kernel_version.clone().unwrap_or_default();
                let today = jiff::ZonedDateTime::now();
                let month = (today.year(), today.month());
                found.extend(kernel_warning(&kernel, month));
                found
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

/// Whether nothing keeps containers from system calls, by the engine's list of what protects them.
fn unfiltered(protected_by: &[String]) -> bool {
    let filter = protected_by
        .iter()
        .find(|option| option.contains("name=seccomp"));
    filter.is_none_or(|filter| filter.contains("profile=unconfined"))
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

/// Series of Linux that are maintained for long, and the last month in which they are: kernel.org, "Longterm
/// release kernels", as of 2026. A series between two of them may be a distribution's own, and counts as the newer.
const LONGTERM: [([u32; 2], (i16, i8)); 6] = [
    ([5, 10], (2026, 12)),
    ([5, 15], (2026, 12)),
    ([6, 1], (2027, 12)),
    ([6, 6], (2027, 12)),
    ([6, 12], (2028, 12)),
    ([6, 18], (2028, 12)),
];

/// A kernel that is older than every series that kernel.org maintains in that month (year, month). How new it is
/// within its series is not told by its number: distributions mend theirs under the old one.
fn kernel_warning(kernel: &str, month: (i16, i8)) -> Option<String> {
    let found = parts(kernel);
    let series: [u32; 2] = found.get(..2)?.try_into().ok()?;
    let [.., newest] = LONGTERM;
    let maintained = LONGTERM.into_iter().find(|(_, until)| *until >= month);
    let [major, minor] = maintained.unwrap_or(newest).0;
    (series < [major, minor]).then(|| {
        format!(
            "Linux {}.{} is older than what kernel.org still maintains ({major}.{minor} and newer); unless your distribution mends it, update it",
            series[0], series[1]
        )
    })
}

/// The numbers that a version begins with.
fn parts(text: &str) -> Vec<u32> {
    text.split(['.', '-', '+', '~'])
        .map_while(|part| part.parse().ok())
        .collect()
}

/// Known escapes of old versions (SECURITY §2.1, engine check).
fn warnings(engine: &str, runc: &str, platform: &str) -> Vec<String> {
    let mut found = Vec::new();
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
            unfiltered: false,
            cpus: 1,
            memory: 0,
            arch: String::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn an_engine_without_a_filter_of_system_calls_is_known_by_what_it_says() {
        let says = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
            unfiltered(&options)
        };
        assert!(!says(&["name=apparmor", "name=seccomp,profile=default"]));
        assert!(!says(&["name=seccomp,profile=builtin", "name=cgroupns"]));
        assert!(!says(&["name=seccomp,profile=/etc/docker/mine.json"]));
        assert!(says(&["name=seccomp,profile=unconfined"]));
        assert!(says(&["name=apparmor"]));
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
    fn a_kernel_that_nobody_maintains_is_named_and_no_other() {
        let now = (2026, 11);
        for old in [
            "4.19.0-27-amd64",
            "4.18.0-553.el8.x86_64",
            "5.4.0-216-generic",
            "3.10.0",
        ] {
            let said = kernel_warning(old, now).unwrap_or_default();
            assert!(said.contains("5.10 and newer"), "{old}: {said}");
        }
        for new in [
            "5.10.1",
            "5.15.167.4-microsoft-standard-WSL2",
            "6.8.0-48-generic",
            "6.18.44",
            "7.1.0",
        ] {
            assert_eq!(kernel_warning(new, now), None, "{new}");
        }
        assert!(
            kernel_warning("5.15.0", (2027, 1)).is_some(),
            "its time ends"
        );
        assert_eq!(
            kernel_warning("6.1.0", (2027, 12)),
            None,
            "to its last month"
        );
        assert!(
            kernel_warning("6.12.0", (2030, 1)).is_some(),
            "the newest known is left"
        );
        assert_eq!(kernel_warning("6.18.0", (2030, 1)), None);
        for unknown in ["", "6", "next-2026"] {
            assert_eq!(kernel_warning(unknown, now), None, "{unknown}");
        }
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
