//! Finding an engine: every way in which it can be missing has its own answer, in time.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use sandbox_engine::docker::{Deadlines, Docker, DockerError, EndpointSearch, Problem};
use support::containers::Run;

const QUICK: Deadlines = Deadlines {
    ask: Duration::from_secs(1),
    change: Duration::from_secs(1),
    stream: Duration::from_secs(1),
};

fn only(socket: &Path) -> EndpointSearch {
    EndpointSearch {
        docker_host: Some(format!("unix://{}", socket.display())),
        ..Default::default()
    }
}

async fn refused(search: &EndpointSearch) -> DockerError {
    let started = Instant::now();
    let error = Docker::connect(search, QUICK)
        .await
        .expect_err("nothing usable is there");
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    assert!(!error.fix().is_empty(), "says what to do");
    error
}

#[tokio::test]
async fn the_engine_here_is_found_and_described() {
    let run = Run::new().await;
    let info = run.docker.info();
    assert!(info.cpus >= 1 && info.memory > 0);
    assert!(!info.version.is_empty() && !info.arch.is_empty());
    assert!(
        info.runtimes.contains("runc") || info.runtimes.contains("crun"),
        "{:?}",
        info.runtimes
    );
    run.docker.ping().await.expect("answers");
}

#[tokio::test]
async fn an_engine_that_hangs_is_said_in_time() {
    let folder = tempfile::tempdir().expect("temp dir");
    let socket = folder.path().join("hung.sock");
    // Takes connections into its queue and never answers.
    let listener = UnixListener::bind(&socket).expect("binds");
    assert_eq!(refused(&only(&socket)).await.problem, Problem::TimedOut);

    // And one whose queue is full: a blocking connect would wait for ever.
    let full = std::thread::spawn(move || {
        let mut open = Vec::new();
        loop {
            let socket_fd = rustix::net::socket_with(
                rustix::net::AddressFamily::UNIX,
                rustix::net::SocketType::STREAM,
                rustix::net::SocketFlags::NONBLOCK,
                None,
            )
            .expect("a socket");
            let address = rustix::net::SocketAddrUnix::new(&socket).expect("an address");
            if rustix::net::connect(&socket_fd, &address).is_err() || open.len() > 10_000 {
                return (open, socket, listener);
            }
            open.push(socket_fd);
        }
    })
    .join()
    .expect("fills");
    assert_eq!(refused(&only(&full.1)).await.problem, Problem::TimedOut);
}

#[tokio::test]
async fn missing_stopped_and_remote_engines_are_told_apart() {
    let folder = tempfile::tempdir().expect("temp dir");
    let nowhere = folder.path().join("none.sock");
    assert_eq!(
        refused(&only(&nowhere)).await.problem,
        Problem::NotInstalled
    );

    let installed = EndpointSearch {
        installed: true,
        ..only(&nowhere)
    };
    assert_eq!(refused(&installed).await.problem, Problem::NotRunning);

    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).expect("binds"));
    assert_eq!(refused(&only(&dead)).await.problem, Problem::NotRunning);

    let file = folder.path().join("file.sock");
    std::fs::write(&file, "").expect("writes");
    assert_eq!(refused(&only(&file)).await.problem, Problem::NotRunning);

    let remote = EndpointSearch {
        docker_host: Some("tcp://127.0.0.1:2375".to_owned()),
        ..Default::default()
    };
    assert_eq!(refused(&remote).await.problem, Problem::Unsupported);
}

#[tokio::test]
async fn an_ordinary_user_without_the_right_is_told_so() {
    // Root may open every socket: this asks as somebody else, from a process of its own.
    let folder = tempfile::tempdir().expect("temp dir");
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).expect("makes");
    let socket = closed.join("engine.sock");
    let _listener = UnixListener::bind(&socket).expect("binds");
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000))
        .expect("closes");
    let found = std::fs::metadata(&socket);
    let expected = if found.is_ok() {
        Problem::TimedOut
    } else {
        Problem::NoPermission
    };
    assert_eq!(refused(&only(&socket)).await.problem, expected);
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("opens");
}
