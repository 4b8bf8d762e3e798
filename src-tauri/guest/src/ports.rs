//! The engine's way to what listens in the sandbox: streams over one connection, each to a port of this
//! loopback. The agent could connect there by itself: nothing is reached that it does not reach.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sandbox_protocol::CONTROL_SOCKET;
use sandbox_protocol::streams::{End, Inbound, MAX_STREAMS, PORTS_SOCKET, Stream, join};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;

use crate::init::from_outside;

/// Engines at once: the window, the command line, and some to spare.
const MAX_ENGINES: usize = 4;
/// On loopback a program answers at once, or is busy.
const PATIENCE: Duration = Duration::from_secs(5);
const PIECE: usize = 16 * 1024;

/// Serves in a thread of its own. `control` is the control socket's name: another one is for tests.
pub fn start(control: &str) -> io::Result<()> {
    let name = if control == CONTROL_SOCKET {
        PORTS_SOCKET.to_owned()
    } else {
        format!("{control}-ports")
    };
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("ports".to_owned())
        .spawn(move || {
            if let Err(error) = runtime.block_on(accept(listener)) {
                eprintln!("sandbox-guest: ports are not reached any more: {error}");
            }
        })?;
    Ok(())
}

async fn accept(listener: UnixListener) -> io::Result<()> {
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(MAX_ENGINES));
    loop {
        let Ok((engine, _)) = listener.accept().await else {
            // Out of descriptors: others end meanwhile.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // The agent's own would only take the places.
        let Ok(permit) = room.clone().try_acquire_owned() else {
            continue;
        };
        if from_outside(&engine) {
            tokio::spawn(async move {
                serve(engine).await;
                drop(permit);
            });
        }
    }
}

async fn serve(engine: UnixStream) {
    let (streams, mut arrive, driver) = join(engine, End::Guest, Inbound::Taken);
    let room = Arc::new(Semaphore::new(MAX_STREAMS));
    let passing = async {
        while let Some(stream) = arrive.recv().await {
            let Ok(permit) = room.clone().acquire_owned().await else {
                return;
            };
            tokio::spawn(async move {
                let _ = pass(stream).await;
                drop(permit);
            });
        }
    };
    tokio::join!(driver, passing);
    drop(streams);
}

async fn pass(mut stream: Stream) -> io::Result<()> {
    let port = stream.wanted_port().await?;
    let Some(mut program) = reach(port).await else {
        return stream.answer(false).await;
    };
    stream.answer(true).await?;
    tokio::io::copy_bidirectional_with_sizes(&mut stream, &mut program, PIECE, PIECE).await?;
    Ok(())
}

/// Programs that listen on `localhost` may have taken either address.
async fn reach(port: u16) -> Option<TcpStream> {
    for address in [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ] {
        let connecting = TcpStream::connect((address, port));
        if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, connecting).await {
            let _ = stream.set_nodelay(true);
            return Some(stream);
        }
    }
    None
}
