//! The terminals end to end without a container: the real guest as a child process, the real hub.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sandbox_engine::terminal::{
    Attachment, OpenTerminal, Piece, TerminalError, TerminalEvent, TerminalHub,
};
use tokio::process::{Child, Command as AsyncCommand};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

/// Built by cargo itself: a test cannot depend on another package's binary.
fn guest_binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let done = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "sandbox-guest"])
            .status();
        assert!(done.unwrap().success(), "the guest builds");
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).unwrap().join("sandbox-guest")
    })
}

/// A guest of its own for each test; killed when the test ends, however it ends.
struct Guest {
    child: std::process::Child,
    socket: String,
}

impl Guest {
    fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let socket = format!(
            "agent-sandbox-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let child = Command::new(guest_binary())
            .args(["init", "--socket", &socket])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, socket }
    }

    /// As the engine does it: a `control` beside it. The child ends with the hub.
    async fn connect(&self) -> (TerminalHub, Child) {
        let mut control = AsyncCommand::new(guest_binary())
            .args(["control", "--socket", &self.socket])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (from, to) = (
            control.stdout.take().unwrap(),
            control.stdin.take().unwrap(),
        );
        (TerminalHub::connect(from, to).await.unwrap(), control)
    }

    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1024
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(script: &str) -> OpenTerminal {
    OpenTerminal {
        name: "test".to_owned(),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        env: Vec::new(),
        cwd: "/".to_owned(),
        cols: 80,
        rows: 24,
        agent: false,
    }
}

/// Everything a terminal shows, with the exit status, acknowledged as it comes.
async fn to_end(reader: &mut Attachment) -> (Vec<u8>, Option<i32>) {
    let mut all = Vec::new();
    loop {
        match timeout(LONG, reader.next())
            .await
            .expect("the terminal goes on")
        {
            Some(Piece::Screen(bytes)) => all.extend_from_slice(&bytes),
            Some(Piece::Output(bytes)) => {
                all.extend_from_slice(&bytes);
                reader.ack(bytes.len()).await.unwrap();
            }
            Some(Piece::Ended(status)) => return (all, Some(status)),
            None => return (all, None),
        }
    }
}

/// Reads until a text was shown.
async fn until(reader: &mut Attachment, text: &str) -> Vec<u8> {
    let mut all = Vec::new();
    while !all
        .windows(text.len())
        .any(|window| window == text.as_bytes())
    {
        match timeout(LONG, reader.next())
            .await
            .unwrap_or_else(|_| panic!("{text:?} is shown"))
        {
            Some(Piece::Screen(bytes)) => all.extend_from_slice(&bytes),
            Some(Piece::Output(bytes)) => {
                all.extend_from_slice(&bytes);
                reader.ack(bytes.len()).await.unwrap();
            }
            other => panic!("{text:?} was expected, not {other:?}"),
        }
    }
    all
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("whole characters")
}

#[tokio::test]
async fn programs_and_their_children_die_before_process_1_when_memory_runs_out() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let script =
        "read go; cat /proc/self/oom_score_adj; sh -c 'cat /proc/self/oom_score_adj'; echo end";
    let terminal = hub.open(run(script)).await.unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    hub.input(terminal.id, b"\n").await.unwrap();
    let shown = text(&to_end(&mut reader).await.0);
    let scores: Vec<i32> = shown
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    let path = format!("/proc/{}/oom_score_adj", guest.child.id());
    let own: i32 = std::fs::read_to_string(path)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert_eq!(scores.len(), 2, "{shown}");
    assert!(
        scores.iter().all(|score| *score >= own + 100),
        "{scores:?} beside {own}"
    );
}

#[tokio::test]
async fn a_program_runs_and_its_output_and_status_come_back() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let terminal = hub
        .open(run(
            "printf 'name? '; read name; echo hello $name; tty; exit 7",
        ))
        .await
        .unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    until(&mut reader, "name?").await;
    hub.input(terminal.id, "wörld\n".as_bytes()).await.unwrap();
    let (shown, status) = to_end(&mut reader).await;
    assert!(text(&shown).contains("hello wörld"), "{}", text(&shown));
    assert!(
        text(&shown).contains("/dev/pts/"),
        "it has a terminal of its own"
    );
    assert_eq!(status, Some(7));
    let known = hub.list().await.unwrap();
    assert_eq!(
        (known.len(), known[0].exit),
        (1, Some(7)),
        "an ended terminal is still listed"
    );
    hub.close(terminal.id).await.unwrap();
    assert!(hub.list().await.unwrap().is_empty());
    assert!(matches!(
        hub.attach(terminal.id).await,
        Err(TerminalError::NoTerminal(_))
    ));
}

#[tokio::test]
async fn a_program_learns_its_new_size() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let script = "trap 'stty size; exit' WINCH; stty size; echo ready; while :; do read x; done";
    let terminal = hub.open(run(script)).await.unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    assert!(text(&until(&mut reader, "ready").await).contains("24 80"));
    hub.resize(terminal.id, 132, 50).await.unwrap();
    until(&mut reader, "50 132").await;
}

#[tokio::test]
async fn a_command_that_is_not_there_says_so() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let mut wanted = run("");
    wanted.command = vec!["no-such-program".to_owned()];
    let terminal = hub.open(wanted).await.unwrap();
    let (shown, status) = to_end(&mut hub.attach(terminal.id).await.unwrap()).await;
    assert_eq!(status, Some(127));
    assert!(text(&shown).contains("no-such-program"));
}

#[tokio::test]
async fn a_full_screen_program_survives_the_app_and_is_restored_exactly() {
    let guest = Guest::start();
    let (hub, control) = guest.connect().await;
    let script = "for i in $(seq 200); do echo line $i; done; \
        printf '\\033[?1049h\\033[?1h\\033[?2004h\\033[H\\033[2J\\033[44mtitle ünï\\033[m\\033[24;1H-- INSERT --\\033[5;7H'; \
        printf '\\033]2;editing\\007'; read x; printf '\\033[?1049l\\033[?1l'; echo after; read x";
    let terminal = hub.open(run(script)).await.unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    let mut first = vt100::Parser::default();
    first.process(&until(&mut reader, "editing").await);
    drop((reader, hub, control));

    let (hub, _control) = guest.connect().await;
    let listed = hub.list().await.unwrap();
    assert_eq!(listed.len(), 1, "the terminal outlived its connection");
    assert!(listed[0].full_screen);
    assert_eq!(listed[0].title.as_deref(), Some("editing"));
    let mut reader = hub.attach(terminal.id).await.unwrap();
    let Some(Piece::Screen(screen)) = reader.next().await else {
        panic!("the screen comes first")
    };
    let mut second = vt100::Parser::default();
    second.process(&screen);
    assert_eq!(
        second.screen().state_formatted(),
        first.screen().state_formatted()
    );
    assert_eq!(second.screen().cursor_position(), (4, 6));

    hub.input(terminal.id, b"\n").await.unwrap();
    second.process(&until(&mut reader, "after").await);
    assert!(
        second.screen().contents().contains("line 200"),
        "the screen below came back"
    );
}

#[tokio::test]
async fn a_flood_is_whole_for_a_reader_and_bounded_in_memory() {
    const SIZE: usize = 100_000_000;
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let script =
        format!("stty raw; sleep 0.3; yes 'ein Stück 漢字 output' | head -c {SIZE}; printf ENDE");
    let terminal = hub.open(run(&script)).await.unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    let started = Instant::now();
    let (mut count, mut last) = (0, Vec::new());
    loop {
        match timeout(LONG, reader.next()).await.unwrap() {
            Some(Piece::Output(bytes)) => {
                count += bytes.len();
                last = bytes.to_vec();
                reader.ack(bytes.len()).await.unwrap();
            }
            Some(Piece::Screen(_)) => {
                assert_eq!(count, 0, "a reader that keeps up is never thrown back");
            }
            Some(Piece::Ended(status)) => break assert_eq!(status, 0),
            None => panic!("the terminal ended early"),
        }
    }
    assert_eq!(count, SIZE + 4, "not a byte is lost");
    assert!(last.ends_with(b"ENDE"));
    let (memory, took) = (guest.memory(), started.elapsed());
    println!("100 MB in {took:.1?}, guest at most {} KiB", memory / 1024);
    assert!(memory < 32 * 1024 * 1024, "{memory} bytes of memory");
}

#[tokio::test]
async fn ctrl_c_ends_a_flood_at_once() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let terminal = hub
        .open(run(
            "trap 'echo STOPPED; exit 9' INT; while :; do yes flood; done",
        ))
        .await
        .unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    let mut count = 0;
    while count < 5_000_000 {
        if let Some(Piece::Output(bytes)) = timeout(LONG, reader.next()).await.unwrap() {
            count += bytes.len();
            reader.ack(bytes.len()).await.unwrap();
        }
    }
    let pressed = Instant::now();
    hub.input(terminal.id, &[3]).await.unwrap();
    let (shown, status) = to_end(&mut reader).await;
    println!(
        "Ctrl-C: {:.0?} and {} bytes later",
        pressed.elapsed(),
        shown.len()
    );
    assert_eq!(status, Some(9));
    assert!(pressed.elapsed() < Duration::from_secs(2));
    assert!(shown.len() < 2_000_000, "what was under way is bounded");
}

#[tokio::test]
async fn a_reader_that_sleeps_holds_nothing_up_and_is_brought_up_to_date() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let script =
        "stty raw; yes slept | head -c 5000000; printf '\\033[2J\\033[Hthe end'; sleep 1000";
    let terminal = hub.open(run(script)).await.unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    let (other, _second_control) = guest.connect().await;
    let mut watching = other.attach(terminal.id).await.unwrap();
    until(&mut watching, "the end").await;

    let mut given = 0;
    let fresh = loop {
        match timeout(LONG, reader.next()).await.unwrap() {
            Some(Piece::Output(bytes)) => {
                given += bytes.len();
                reader.ack(bytes.len()).await.unwrap();
            }
            Some(Piece::Screen(bytes)) if given > 0 => break bytes,
            Some(Piece::Screen(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(
        given < 1_000_000,
        "only the window was kept for it, not {given} bytes"
    );
    let mut screen = vt100::Parser::default();
    screen.process(&fresh);
    assert_eq!(screen.screen().contents().trim_end(), "the end");
}

#[tokio::test]
async fn news_tells_working_quiet_title_and_bell() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let mut events = hub.events();
    let terminal = hub
        .open(run("printf '\\033]2;busy\\007\\007'; sleep 1000"))
        .await
        .unwrap();
    let mut worked = false;
    loop {
        match timeout(LONG, events.recv()).await.unwrap().unwrap() {
            TerminalEvent::Changed(state) if state.title.is_some() => {
                assert_eq!((state.title.as_deref(), state.bells), (Some("busy"), 1));
                worked |= state.working;
                if !state.working {
                    break;
                }
            }
            _ => {}
        }
    }
    assert!(worked, "it was working before it was quiet");
    hub.close(terminal.id).await.unwrap();
    while timeout(LONG, events.recv()).await.unwrap().unwrap() != TerminalEvent::Closed(terminal.id)
    {
    }
}

#[tokio::test]
async fn closing_ends_also_a_program_that_will_not_hear() {
    let guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let terminal = hub
        .open(run(
            "trap '' HUP TERM INT; echo \"pid=$$.\"; while :; do sleep 1; done",
        ))
        .await
        .unwrap();
    let mut reader = hub.attach(terminal.id).await.unwrap();
    hub.input(terminal.id, b"\n").await.unwrap();
    let shown = text(&until(&mut reader, ".\r\n").await);
    let pid = shown.split(['=', '.']).nth(1).unwrap().to_owned();
    let process = PathBuf::from("/proc").join(pid);
    assert!(process.exists(), "it runs before");
    hub.close(terminal.id).await.unwrap();
    let started = Instant::now();
    while process.exists() {
        assert!(started.elapsed() < LONG, "it is killed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_guest_ends_its_programs_when_it_is_told_to_stop() {
    let mut guest = Guest::start();
    let (hub, _control) = guest.connect().await;
    let terminal = hub.open(run("echo up; sleep 1000")).await.unwrap();
    until(&mut hub.attach(terminal.id).await.unwrap(), "up").await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(guest.child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    timeout(LONG, hub.closed()).await.expect("the hub notices");
    assert!(guest.child.wait().unwrap().success());
    assert!(matches!(hub.list().await, Err(TerminalError::Closed)));
}

#[tokio::test]
async fn nonsense_from_the_sandbox_ends_the_connection_and_nothing_else() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for nonsense in [
        &[0xff_u8; 64][..],
        &[0, 0, 0, 0],
        &[2, 0, 0, 0, 250, 1],
        &[3, 0, 0, 0, 67, b'{', b'x'],
        b"HTTP/1.1 200",
    ] {
        let (ours, theirs) = tokio::io::duplex(4096);
        let (from, to) = tokio::io::split(ours);
        let (mut guest_from, mut guest_to) = tokio::io::split(theirs);
        tokio::spawn(async move {
            // A good greeting and list, so that it is the nonsense that ends it.
            let mut hello = Vec::new();
            sandbox_protocol::ToEngine::Hello(sandbox_protocol::Hello::default())
                .encode(&mut hello);
            let reply = sandbox_protocol::Reply::Terminals {
                terminals: Vec::new(),
            };
            sandbox_protocol::ToEngine::Reply { id: 1, reply }.encode(&mut hello);
            guest_to.write_all(&hello).await.unwrap();
            let mut some = [0; 1024];
            let _ = guest_from.read(&mut some).await;
            guest_to.write_all(nonsense).await.unwrap();
            let _ = guest_from.read_to_end(&mut Vec::new()).await;
        });
        let connected = timeout(LONG, TerminalHub::connect(from, to)).await.unwrap();
        if let Ok(hub) = connected {
            timeout(LONG, hub.closed()).await.expect("it is cut off");
            assert!(matches!(hub.report().await, Err(TerminalError::Closed)));
        }
    }
}
