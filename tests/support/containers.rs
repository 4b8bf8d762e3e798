//! A real engine for a test: one instance label per run, and a guard that removes what carries it.

use std::path::{Path, PathBuf};

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateContainerOptions, ListContainersOptionsBuilder,
    ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder, RemoveVolumeOptions, StartContainerOptions,
};
use futures_util::StreamExt;
use sandbox_engine::SandboxId;
use sandbox_engine::docker::container::ContainerSpec;
use sandbox_engine::docker::images::Personal;
use sandbox_engine::docker::{Deadlines, Docker, EndpointSearch, labels};
use sandbox_engine::image;
use sandbox_engine::state::record::{Limits, Owner};

/// Enough for a shell, little enough to hit.
pub const LIMITS: Limits = Limits {
    cpu_millis: 1000,
    memory: 256 * 1024 * 1024,
    processes: 64,
    file_size: 16 * 1024 * 1024,
    workspace_size: 1 << 30,
    workspace_files: 100_000,
};

/// One test's engine, workspace and label.
pub struct Run {
    /// The engine as the product speaks to it.
    pub docker: Docker,
    /// The engine as the test speaks to it, past all rules.
    pub raw: bollard::Docker,
    /// The label of everything the test makes.
    pub instance: String,
    /// The guest's bytes.
    pub guest: Vec<u8>,
    /// Whom sandboxes run as.
    pub owner: Owner,
    folder: tempfile::TempDir,
    images: Vec<String>,
}

/// Where the product would look for an engine.
pub fn search() -> EndpointSearch {
    EndpointSearch {
        docker_host: std::env::var("DOCKER_HOST").ok(),
        system_sockets: vec!["/var/run/docker.sock".into()],
        home: std::env::var_os("HOME").map(PathBuf::from),
        ..Default::default()
    }
}

impl Run {
    /// Fails where no engine answers: a container test that is skipped proves nothing.
    pub async fn new() -> Self {
        let docker = Docker::connect(&search(), Deadlines::default())
            .await
            .expect("a container engine runs; `cargo xtask test` starts one");
        let raw = bollard::Docker::connect_with_unix(
            &docker.endpoint().socket.to_string_lossy(),
            120,
            bollard::API_DEFAULT_VERSION,
        )
        .expect("the socket that was just used");
        let folder = tempfile::tempdir().expect("a folder for the workspace");
        let user = rustix::process::geteuid();
        let owner = if docker.info().rootless {
            Owner { uid: 0, gid: 0 }
        } else if user.is_root() {
            Owner {
                uid: 10_001,
                gid: 10_001,
            }
        } else {
            Owner {
                uid: user.as_raw(),
                gid: rustix::process::getegid().as_raw(),
            }
        };
        let run = Self {
            docker,
            raw,
            instance: format!("test-{}", SandboxId::random().expect("random bytes")),
            guest: guest(),
            owner,
            folder,
            images: Vec::new(),
        };
        std::fs::create_dir(run.workspace()).expect("a workspace");
        if user.is_root() && !run.docker.info().rootless {
            std::os::unix::fs::chown(run.workspace(), Some(owner.uid), Some(owner.gid))
                .expect("root may give it away");
        }
        run
    }

    /// The workspace on this computer.
    pub fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Our layer on an image.
    pub async fn personal(&self, below: &str) -> Personal {
        self.docker
            .ensure_personal(below, self.owner.uid, self.owner.gid, b"", &self.guest)
            .await
            .expect("a layer on the image")
    }

    /// A sandbox's container on the base system: quick, and has a shell.
    pub async fn spec(&self) -> ContainerSpec {
        let personal = self.personal(image::BASE).await;
        self.spec_of(personal).await
    }

    /// Likewise, on that image.
    pub async fn spec_of(&self, personal: Personal) -> ContainerSpec {
        let sandbox = SandboxId::random().expect("random bytes");
        let home = self
            .docker
            .ensure_home(&self.instance, &sandbox)
            .await
            .expect("a home volume");
        ContainerSpec {
            sandbox,
            instance: self.instance.clone(),
            image: personal.id,
            image_env: personal.env,
            image_volumes: personal.volumes,
            workspace: self.workspace().to_string_lossy().into_owned(),
            home,
            owner: self.owner,
            limits: LIMITS,
            apparmor: self.docker.info().apparmor,
            relay: None,
            services: Vec::new(),
            certificates: None,
            runtime: None,
        }
    }

    /// A running sandbox: its container's id.
    pub async fn sandbox(&self) -> String {
        let spec = self.spec().await;
        self.start(&spec).await
    }

    /// Makes and starts it.
    pub async fn start(&self, spec: &ContainerSpec) -> String {
        let id = self
            .docker
            .create_container(spec)
            .await
            .expect("a container by the contract");
        self.docker.start(&id).await.expect("it starts");
        id
    }

    /// A container with nothing of the contract: shows that a probe can succeed.
    pub async fn control(&self) -> String {
        let host = HostConfig {
            binds: Some(vec![format!("{}:/workspace", self.workspace().display())]),
            security_opt: Some(vec!["seccomp=unconfined".to_owned()]),
            ..Default::default()
        };
        self.control_of(image::BASE, host).await
    }

    /// Likewise, on that image and with that configuration.
    pub async fn control_of(&self, image: &str, host: HostConfig) -> String {
        let mut labels = labels::shared("probe");
        labels.insert(labels::INSTANCE.to_owned(), self.instance.clone());
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            entrypoint: Some(vec!["sleep".to_owned(), "600".to_owned()]),
            labels: Some(labels),
            host_config: Some(host),
            ..Default::default()
        };
        let made = self
            .raw
            .create_container(None::<CreateContainerOptions>, body)
            .await
            .expect("a control container");
        self.raw
            .start_container(&made.id, None::<StartContainerOptions>)
            .await
            .expect("the control starts");
        made.id
    }

    /// Runs a script by the shell inside; gives status, output, errors.
    pub async fn sh(&self, container: &str, script: &str) -> (i64, String, String) {
        let command = ["bash", "-c", script].map(str::to_owned).to_vec();
        let running = self
            .docker
            .exec(container, command, Vec::new())
            .await
            .expect("the command starts");
        let (status, out, err) = running.collect(1 << 20).await.expect("the command ends");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        (status, text(out), text(err))
    }

    /// Whether the script succeeds.
    pub async fn can(&self, container: &str, script: &str) -> bool {
        self.sh(container, script).await.0 == 0
    }

    /// Builds an image of the test's own from a Dockerfile; removed by the guard.
    pub async fn build(&mut self, dockerfile: &str) -> String {
        let tag = format!("agent-sandbox-{}:{}", self.instance, self.images.len());
        let mut tar = Vec::new();
        tar_file(&mut tar, "Dockerfile", dockerfile.as_bytes());
        tar.extend_from_slice(&[0; 1024]);
        let options = BuildImageOptionsBuilder::default()
            .dockerfile("Dockerfile")
            .t(&tag)
            .rm(true)
            .build();
        let body = bollard::body_full(tar.into());
        let mut stream = std::pin::pin!(self.raw.build_image(options, None, Some(body)));
        while let Some(message) = stream.next().await {
            let message = message.expect("the build goes on");
            assert!(
                message.error_detail.is_none(),
                "the test's image builds: {:?}",
                message.error_detail
            );
        }
        self.images.push(tag.clone());
        tag
    }
}

/// One member of an archive: enough of the format for a Dockerfile.
fn tar_file(tar: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    tar.extend_from_slice(&header);
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// The guest program as it was built.
pub fn guest() -> Vec<u8> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let arch = std::env::consts::ARCH;
    [
        target.join(format!("guest/{arch}/sandbox-guest")),
        target.join(format!("{arch}-unknown-linux-musl/guest/sandbox-guest")),
    ]
    .iter()
    .find_map(|path| std::fs::read(path).ok())
    .expect("the guest is built; `cargo xtask guest` builds it")
}

impl Drop for Run {
    fn drop(&mut self) {
        let raw = self.raw.clone();
        let label = format!("{}={}", labels::INSTANCE, self.instance);
        let images = std::mem::take(&mut self.images);
        // Also while a test's own runtime is unwinding.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(remove_all(&raw, &label, &images));
            }
        });
        let _ = removed.join();
    }
}

async fn remove_all(raw: &bollard::Docker, label: &str, images: &[String]) {
    let filters = std::collections::HashMap::from([("label", vec![label.to_owned()])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    for container in raw.list_containers(Some(options)).await.unwrap_or_default() {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let _ = raw
            .remove_container(&container.id.unwrap_or_default(), Some(options))
            .await;
    }
    let options = ListVolumesOptionsBuilder::default()
        .filters(&filters)
        .build();
    if let Ok(found) = raw.list_volumes(Some(options)).await {
        for volume in found.volumes.unwrap_or_default() {
            let _ = raw
                .remove_volume(&volume.name, None::<RemoveVolumeOptions>)
                .await;
        }
    }
    let options = ListNetworksOptionsBuilder::default()
        .filters(&filters)
        .build();
    for network in raw.list_networks(Some(options)).await.unwrap_or_default() {
        let _ = raw.remove_network(&network.name.unwrap_or_default()).await;
    }
    for image in images {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let _ = raw.remove_image(image, Some(options), None).await;
    }
}
