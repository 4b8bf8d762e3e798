//! The engine's streams: grants come in, decisions and questions go out.

use std::io;
use std::sync::Arc;

use sandbox_protocol::egress::{FromGateway, ToGateway};
use sandbox_protocol::routes::MAX_TRUST;
use sandbox_protocol::{Decoder, Hello, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use zeroize::Zeroize;

use super::state::Gateway;

/// Serves every engine that connects. Only the engine can: no other process shares this network namespace.
pub async fn listen(gateway: Arc<Gateway>, listener: UnixListener) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let gateway = gateway.clone();
            tokio::spawn(async move {
                let mut attended = None;
                if let Err(error) = speak(&gateway, stream, &mut attended).await {
                    eprintln!("sandbox-guest: a control stream was cut: {error}");
                }
                if let Some(listener) = attended {
                    gateway.leave(listener);
                }
            });
        }
    }
}

/// Until the engine leaves. A stream that cannot be read on is cut; what it granted before stays.
pub async fn speak(
    gateway: &Gateway,
    stream: UnixStream,
    attended: &mut Option<u64>,
) -> io::Result<()> {
    let (mut from, mut to) = stream.into_split();
    let mut decoder = Decoder::new();
    let mut piece = vec![0; 64 * 1024];
    let mut told: Option<mpsc::Receiver<FromGateway>> = None;
    let mut greeted = false;
    let mut trust = Vec::new();
    send(&mut to, &[FromGateway::Hello(Hello::default())]).await?;
    loop {
        tokio::select! {
            read = from.read(&mut piece) => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                decoder.push(&piece[..count]);
            }
            message = next(&mut told) => {
                let Some(message) = message else { return Ok(()) };
                send(&mut to, &[message]).await?;
            }
        }
        let mut secrets_came = false;
        while let Some(message) = ToGateway::decode(&mut decoder).map_err(io::Error::other)? {
            match message {
                ToGateway::Hello(hello) if hello.version == VERSION => greeted = true,
                ToGateway::Hello(_) => return Err(io::Error::other("another version")),
                _ if !greeted => return Err(io::Error::other("no greeting")),
                ToGateway::Grant(grant) => {
                    // The password of a proxy may be in it.
                    secrets_came = true;
                    gateway.set_grant(grant);
                    send(&mut to, &[FromGateway::Granted]).await?;
                }
                ToGateway::Trust(piece) if trust.len() + piece.len() <= MAX_TRUST => {
                    trust.extend(piece);
                }
                ToGateway::Trust(_) => return Err(io::Error::other("too many certificates")),
                ToGateway::Routes(routes) => {
                    gateway.routes.put(routes, &std::mem::take(&mut trust));
                    secrets_came = true;
                    send(&mut to, &[FromGateway::Granted]).await?;
                }
                ToGateway::Answer { ask, answer } => gateway.answer(ask, answer),
                ToGateway::Attend { since, asks } => {
                    if let Some(before) = attended.take() {
                        gateway.leave(before);
                    }
                    let (listener, receiver, missed) = gateway.attend(since, asks);
                    *attended = Some(listener);
                    told = Some(receiver);
                    send(&mut to, &missed).await?;
                }
            }
        }
        if secrets_came {
            decoder.wipe();
            // As a slice: an emptied vector would read as the stream's end.
            piece.as_mut_slice().zeroize();
        }
    }
}

async fn next(told: &mut Option<mpsc::Receiver<FromGateway>>) -> Option<FromGateway> {
    match told {
        Some(told) => told.recv().await,
        None => std::future::pending().await,
    }
}

async fn send(to: &mut (impl AsyncWriteExt + Unpin), messages: &[FromGateway]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes);
    }
    to.write_all(&bytes).await
}
