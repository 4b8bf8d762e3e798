//! The gateway beside a direct connection and beside tinyproxy, in one run on loopback.
//!
//! It needs a network of its own (`unshare -n`, as root), in which loopback has a public address: the gateway
//! leads to no other. The gateway is the program that is shipped, given as the only argument.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sandbox_protocol::egress::{
    FromGateway, GATEWAY_SOCKET, Grant, PROXY_PORT, RELAY_FOLDER, RELAY_SOCKET, ToGateway,
};
use sandbox_protocol::policy::{Policy, Reach};
use sandbox_protocol::{Decoder, Hello};

type Done<T> = Result<T, Box<dyn std::error::Error>>;

const SITE: &str = "203.0.113.5";
const LARGE: usize = 1 << 30;
const REQUESTS: usize = 2000;
const TUNNELS: usize = 500;
/// A TLS greeting that names nobody, as programs send it to a bare address.
const GREETING: [u8; 74] = [
    22, 3, 1, 0, 69, 1, 0, 0, 65, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 2, 192, 47, 1, 0, 0, 22, 0, 13, 0, 4, 0, 2, 4, 3, 0,
    10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0,
];

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// How the site is reached.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Direct,
    /// As a program in a sandbox: by the relay on its loopback.
    Sandbox,
    /// Past the relay.
    Gateway,
    Tinyproxy,
}

impl Way {
    fn open(self) -> Done<Box<dyn Stream>> {
        Ok(match self {
            Self::Direct => Box::new(quick(TcpStream::connect((SITE, 80))?)?),
            Self::Sandbox => Box::new(quick(TcpStream::connect(("127.0.0.1", PROXY_PORT))?)?),
            Self::Gateway => Box::new(UnixStream::connect(RELAY_SOCKET)?),
            Self::Tinyproxy => Box::new(quick(TcpStream::connect(("127.0.0.1", 8888))?)?),
        })
    }

    fn request(self, path: &str) -> String {
        let start = match self {
            Self::Direct => format!("GET {path}"),
            _ => format!("GET http://{SITE}{path}"),
        };
        format!("{start} HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n")
    }
}

fn quick(stream: TcpStream) -> Done<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn main() -> Done<()> {
    let gateway = std::env::args().nth(1).ok_or("which gateway?")?;
    run("ip", &["link", "set", "lo", "up"])?;
    run("ip", &["addr", "add", &format!("{SITE}/32"), "dev", "lo"])?;
    std::fs::create_dir_all(RELAY_FOLDER)?;
    // Of this run alone: the mount ends with the name space.
    run("mount", &["-t", "tmpfs", "bench", RELAY_FOLDER])?;
    serve(80)?;
    serve(443)?;
    let inside = ["init", "--socket", "agent-sandbox-bench"];
    let mut children = vec![
        Command::new(&gateway).arg("egress").spawn()?,
        Command::new(&gateway).args(inside).spawn()?,
    ];
    let measured = measure(&mut children);
    for child in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
    measured
}

fn measure(children: &mut Vec<Child>) -> Done<()> {
    // Held: a gateway forgets nothing when it closes, but the stream is the engine's to keep.
    let _control = grant()?;
    let mut ways = vec![Way::Direct, Way::Gateway, Way::Sandbox];
    match tinyproxy() {
        Ok(child) => {
            children.push(child);
            ways.push(Way::Tinyproxy);
        }
        Err(error) => println!("tinyproxy is not compared with: {error}"),
    }
    let mut speeds = Vec::new();
    for way in &ways {
        // The best of three: what else the computer does is not the gateway's.
        let best = (0..3).map(|_| download(*way)).collect::<Done<Vec<f64>>>()?;
        speeds.push(best.into_iter().fold(0.0, f64::max));
    }
    println!("one download of {} MiB (best of 3):", LARGE >> 20);
    for (way, speed) in ways.iter().zip(&speeds) {
        println!(
            "  {:<10} {speed:>7.0} MB/s  {:.2} x direct",
            name(*way),
            speed / speeds[0]
        );
    }
    println!("  target     sandbox >= 0.80 x direct");
    println!("{REQUESTS} requests, each on a connection of its own:");
    let all = requests(&ways)?;
    let at = |times: &[Duration], part: usize| times[REQUESTS * part / 100];
    for (way, times) in ways.iter().zip(&all) {
        println!(
            "  {:<10} median {:>6.3} ms (+{:.3})  p99 {:>6.3} ms (+{:.3})",
            name(*way),
            ms(at(times, 50)),
            ms(at(times, 50).saturating_sub(at(&all[0], 50))),
            ms(at(times, 99)),
            ms(at(times, 99).saturating_sub(at(&all[0], 99))),
        );
    }
    println!("  target     sandbox p99 <= +2 ms");
    let (opened, took) = tunnels()?;
    println!("{opened} of {TUNNELS} tunnels at once carried bytes, in {took:.1?}");
    Ok(())
}

fn name(way: Way) -> &'static str {
    match way {
        Way::Direct => "direct",
        Way::Sandbox => "sandbox",
        Way::Gateway => "gateway",
        Way::Tinyproxy => "tinyproxy",
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn run(program: &str, arguments: &[&str]) -> Done<()> {
    let status = Command::new(program).args(arguments).status()?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| format!("{program} {arguments:?}: {status}").into())
}

/// Port 80 answers `/large` and everything else shortly; port 443 sends back what comes.
fn serve(port: u16) -> Done<()> {
    let address: SocketAddr = format!("{SITE}:{port}").parse()?;
    let listener = TcpListener::bind(address)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::Builder::new()
                .stack_size(256 * 1024)
                .spawn(move || {
                    let _ = if port == 80 {
                        answer(stream)
                    } else {
                        echo(stream)
                    };
                })
                .ok();
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&piece[..count]);
    }
    let large = head.windows(7).any(|part| part == b"/large ");
    let length = if large { LARGE } else { 100 };
    let start = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(start.as_bytes())?;
    let body = vec![b'x'; length.min(256 * 1024)];
    let mut left = length;
    while left > 0 {
        let count = left.min(body.len());
        stream.write_all(&body[..count])?;
        left -= count;
    }
    Ok(())
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&piece[..count])?;
    }
}

/// Lets the site through; gives the control stream.
fn grant() -> Done<UnixStream> {
    let address = std::os::unix::net::SocketAddr::from_abstract_name(GATEWAY_SOCKET)?;
    let mut control = loop {
        match UnixStream::connect_addr(&address) {
            Ok(stream) => break stream,
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    };
    let rules = [format!("{SITE}:80"), SITE.to_owned()];
    let allow = rules
        .iter()
        .map(|rule| rule.parse())
        .collect::<Result<_, _>>()?;
    let mut bytes = Vec::new();
    ToGateway::Hello(Hello::default()).encode(&mut bytes);
    ToGateway::Grant(Grant {
        policy: Policy {
            reach: Reach::Approved,
            allow,
            deny: Vec::new(),
        },
        ..Grant::default()
    })
    .encode(&mut bytes);
    control.write_all(&bytes)?;
    let mut decoder = Decoder::new();
    let mut piece = [0; 4096];
    loop {
        let count = control.read(&mut piece)?;
        decoder.push(&piece[..count]);
        while let Some(message) = FromGateway::decode(&mut decoder)? {
            if message == FromGateway::Granted {
                return Ok(control);
            }
        }
    }
}

fn tinyproxy() -> Done<Child> {
    let config = std::env::temp_dir().join("agent-sandbox-bench-tinyproxy.conf");
    std::fs::write(
        &config,
        "Port 8888\nListen 127.0.0.1\nTimeout 600\nMaxClients 1000\nLogLevel Critical\n",
    )?;
    let child = Command::new("tinyproxy")
        .arg("-d")
        .arg("-c")
        .arg(&config)
        .stdout(Stdio::null())
        .spawn()?;
    for _ in 0..500 {
        if TcpStream::connect("127.0.0.1:8888").is_ok() {
            return Ok(child);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err("it does not listen".into())
}

/// MB in a second.
fn download(way: Way) -> Done<f64> {
    let mut stream = way.open()?;
    let begun = Instant::now();
    stream.write_all(way.request("/large").as_bytes())?;
    let mut piece = vec![0; 256 * 1024];
    let mut read = 0;
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            break;
        }
        read += count;
    }
    if read < LARGE {
        return Err(format!("{}: only {read} bytes came", name(way)).into());
    }
    Ok(read as f64 / 1e6 / begun.elapsed().as_secs_f64())
}

/// How long each took, ascending, for each way. In turn: what else the computer does meets all of them.
fn requests(ways: &[Way]) -> Done<Vec<Vec<Duration>>> {
    let mut all = vec![Vec::with_capacity(REQUESTS); ways.len()];
    for _ in 0..REQUESTS {
        for (way, times) in ways.iter().zip(&mut all) {
            times.push(request(*way)?);
        }
    }
    all.iter_mut().for_each(|times| times.sort());
    Ok(all)
}

fn request(way: Way) -> Done<Duration> {
    let begun = Instant::now();
    let mut stream = way.open()?;
    stream.write_all(way.request("/small").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.0 200") {
        return Ok(begun.elapsed());
    }
    Err(String::from_utf8_lossy(&answer).into_owned().into())
}

/// All are open before the first is asked to carry anything more.
fn tunnels() -> Done<(usize, Duration)> {
    let begun = Instant::now();
    let mut open = Vec::new();
    for _ in 0..TUNNELS {
        let mut stream = quick(TcpStream::connect(("127.0.0.1", PROXY_PORT))?)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(format!("CONNECT {SITE}:443 HTTP/1.1\r\n\r\n").as_bytes())?;
        let mut piece = [0; 256];
        let count = stream.read(&mut piece)?;
        if !piece[..count].starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&piece[..count]).into_owned().into());
        }
        stream.write_all(&GREETING)?;
        open.push(stream);
    }
    let mut carried = 0;
    for stream in &mut open {
        let mut back = GREETING;
        stream.read_exact(&mut back)?;
        stream.write_all(b"ping")?;
        stream.read_exact(&mut back[..4])?;
        carried += usize::from(&back[..4] == b"ping");
    }
    Ok((carried, begun.elapsed()))
}
