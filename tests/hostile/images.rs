//! Nothing of an image's own configuration configures a sandbox.

use bollard::models::HostConfig;
use sandbox_engine::docker::Problem;
use sandbox_engine::docker::lifecycle::ContainerState;
use sandbox_engine::image;
use support::containers::Run;

const EVIL: &str = r#"FROM agent-sandbox/base:trixie
USER root
WORKDIR /etc
ENV LD_PRELOAD=/evil.so PATH=/evil:/usr/bin:/bin HOME=/root BASH_ENV=/evil.sh NODE_OPTIONS=--require=/evil.js
VOLUME ["/data", "/tmp"]
EXPOSE 8080
STOPSIGNAL SIGKILL
HEALTHCHECK --interval=1s CMD touch /workspace/healthy
LABEL io.agent-sandbox.instance=somebody io.agent-sandbox.sandbox=ffffffffffff io.agent-sandbox.role=gateway
ENTRYPOINT ["/bin/sh", "-c", "touch /workspace/entered; sleep 600"]
CMD ["evil"]
"#;

#[tokio::test]
async fn an_images_configuration_is_worth_nothing() {
    let mut run = Run::new().await;
    let evil = run.build(EVIL).await;
    let control = run.control_of(&evil, HostConfig::default()).await;
    for (what, script) in [
        ("preloads", "cd /; [ \"$LD_PRELOAD\" = /evil.so ]"),
        ("is root", "[ $(id -u) = 0 ]"),
    ] {
        let command = ["bash", "-c", script].map(str::to_owned).to_vec();
        let exec = bollard::exec::CreateExecOptions {
            cmd: Some(command),
            ..Default::default()
        };
        let made = run.raw.create_exec(&control, exec).await.expect("prepares");
        let detached = bollard::exec::StartExecOptions {
            detach: true,
            ..Default::default()
        };
        run.raw
            .start_exec(&made.id, Some(detached))
            .await
            .expect("starts");
        let status = loop {
            let found = run.raw.inspect_exec(&made.id).await.expect("looks");
            if found.running != Some(true) && found.exit_code.is_some() {
                break found.exit_code;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(status, Some(0), "the image {what} where nothing protects");
    }

    let personal = run.personal(&evil).await;
    let spec = run.spec_of(personal).await;
    let id = run.start(&spec).await;
    for (what, script) in [
        ("preloads nothing", "! env | grep -q ^LD_"),
        ("has only our variables", "! env | grep -q evil"),
        ("is not root", "[ $(id -u) != 0 ]"),
        ("starts in the workspace", "[ $PWD = /workspace ]"),
        ("has its home", "[ $HOME = /home/agent ] && touch ~/x"),
        (
            "did not run the image's entry point",
            "! [ -e /workspace/entered ]",
        ),
        (
            "covers the image's volume",
            "grep -q ' /data tmpfs .*nosuid' /proc/mounts",
        ),
        ("keeps our /tmp", "[ $(grep -c ' /tmp ' /proc/mounts) = 1 ]"),
    ] {
        let (status, out, err) = run.sh(&id, script).await;
        assert_eq!(status, 0, "the sandbox {what}: {out} {err}");
    }
    let listed = run.docker.own_containers("somebody").await.expect("lists");
    assert!(
        listed.is_empty(),
        "the image's labels make nothing somebody's: {listed:?}"
    );
    let wider = run.docker.violations(&spec, &id).await.expect("looks");
    assert_eq!(wider, Vec::<String>::new());
    run.docker.stop(&id, 5).await.expect("stops");
    let found = run
        .docker
        .find(&spec.instance, &spec.sandbox)
        .await
        .expect("looks")
        .expect("is there");
    assert!(
        matches!(found.state, ContainerState::Exited { code, .. } if code != 137),
        "by our signal: {found:?}"
    );
}

#[tokio::test]
async fn an_image_that_would_act_or_hide_what_is_ours_is_refused() {
    let mut run = Run::new().await;
    for (what, line) in [
        ("runs commands in our build", "ONBUILD RUN touch /owned"),
        ("mounts inside the workspace", "VOLUME /workspace/sub"),
        ("hides the guest", "VOLUME /opt"),
        ("hides the accounts", "VOLUME /etc"),
        (
            "has another folder for the workspace",
            "RUN ln -s /etc /workspace",
        ),
        // What is ours would lie where the agent writes, the guest first of all.
        (
            "has the guest in the workspace",
            "RUN rm -rf /opt && ln -s /workspace /opt",
        ),
        (
            "has the guest's folder in the workspace",
            "RUN mkdir -p /opt && ln -s /workspace /opt/agent-sandbox",
        ),
        (
            "has the homes in the workspace",
            "RUN rm -rf /home && ln -s /workspace /home",
        ),
        (
            "has the home elsewhere",
            "RUN rm -rf /home/agent && ln -s /etc /home/agent",
        ),
        (
            "has the gateway's socket in the workspace",
            "RUN rm -rf /run && ln -s /workspace /run",
        ),
        (
            "has the memory for /tmp in the workspace",
            "RUN rm -rf /tmp && ln -s /workspace /tmp",
        ),
        (
            "mounts inside the workspace by a link",
            "RUN ln -s /workspace /data\nVOLUME /data/sub",
        ),
    ] {
        let tag = run.build(&format!("FROM {}\n{line}\n", image::BASE)).await;
        let made = run
            .docker
            .ensure_personal(&tag, run.owner.uid, run.owner.gid, b"", &run.guest)
            .await;
        let error = made.expect_err(what);
        assert_eq!(error.problem, Problem::Unsupported, "{what}: {error}");
        assert!(error.message.contains(&tag), "names the image: {error}");
    }
}

#[tokio::test]
async fn an_image_without_accounts_or_with_links_for_them_still_gives_a_working_sandbox() {
    let mut run = Run::new().await;
    for (what, line) in [
        ("no accounts", "RUN rm /etc/passwd /etc/group"),
        (
            "accounts that are a link",
            "RUN ln -sf /proc/self/environ /etc/passwd",
        ),
        (
            "engine's files that lead into the workspace",
            "RUN mkdir /links && cd /links && ln -s /workspace/1 hosts \\\n \
             && ln -s /workspace/2 hostname && ln -s /workspace/3 resolv.conf\n\
             FROM agent-sandbox/base:trixie\nCOPY --from=0 /links/ /etc/",
        ),
        (
            "another agent",
            "RUN echo 'agent:x:0:0::/root:/bin/false' >> /etc/passwd",
        ),
    ] {
        let tag = run.build(&format!("FROM {}\n{line}\n", image::BASE)).await;
        let personal = run.personal(&tag).await;
        let spec = run.spec_of(personal).await;
        let id = run.start(&spec).await;
        let (status, out, err) = run
            .sh(
                &id,
                "[ $(id -u) != 0 ] && touch /workspace/x && ! touch /etc/x",
            )
            .await;
        assert_eq!(status, 0, "{what}: {out} {err}");
        let files = std::fs::read_dir(run.workspace()).expect("the workspace");
        let names: Vec<_> = files.flatten().map(|file| file.file_name()).collect();
        assert_eq!(names, ["x"], "{what}: nothing else came into it");
        run.docker
            .remove_own(&run.instance, &id)
            .await
            .expect("removes");
    }
}
