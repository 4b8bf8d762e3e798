//! `shell`: a terminal of the sandbox in the user's own terminal, with what could act on it taken out.

use std::io::{Write, stdout};

use sandbox_engine::terminal::{OpenTerminal, Piece, TerminalFilter};
use sandbox_engine::{Engine, Error, SandboxId};
use tokio::io::AsyncReadExt;

use super::mistake::Mistake;
use super::own_terminal::{Raw, check, resizes, size};

/// Tried in this order by the guest's shell: what the image has.
const SHELL: [&str; 3] = [
    "/bin/sh",
    "-c",
    "command -v bash >/dev/null && exec bash -l; exec sh -l",
];

/// Opens a shell and stays until it ends. Its exit status is ours.
pub async fn shell(engine: &Engine, id: &SandboxId) -> Result<u8, Mistake> {
    check()?;
    let hub = engine.terminals(id).await?;
    let (_, record) = engine.load(id)?;
    // Without it the command still runs; what it cannot reach, it is told.
    let _standing = engine.stand_by(id).await.ok().flatten();
    let (cols, rows) = size();
    let wanted = OpenTerminal {
        name: "shell".to_owned(),
        command: SHELL.map(str::to_owned).to_vec(),
        env: engine.key_environment(&record),
        cwd: "/workspace".to_owned(),
        cols,
        rows,
        agent: false,
    };
    let opened = hub.open(wanted).await.map_err(Error::from)?;
    let mut attached = hub.attach(opened.id).await.map_err(Error::from)?;
    let _raw = Raw::begin()?;
    let keys = hub.clone();
    tokio::spawn(async move {
        let mut input = tokio::io::stdin();
        let mut piece = [0; 4096];
        while let Ok(read) = input.read(&mut piece).await {
            if read == 0 || keys.input(opened.id, &piece[..read]).await.is_err() {
                return;
            }
        }
    });
    let resized = hub.clone();
    tokio::spawn(async move {
        let Some(mut changes) = resizes() else {
            return;
        };
        while changes.recv().await.is_some() {
            let (cols, rows) = size();
            let _ = resized.resize(opened.id, cols, rows).await;
        }
    });
    let mut filter = TerminalFilter::new();
    let mut status = 1;
    while let Some(piece) = attached.next().await {
        match piece {
            Piece::Screen(bytes) => show(&filter.pass(&bytes))?,
            Piece::Output(bytes) => {
                show(&filter.pass(&bytes))?;
                attached.ack(bytes.len()).await.map_err(Error::from)?;
            }
            Piece::Ended(code) => {
                status = code;
                break;
            }
        }
    }
    let _ = hub.close(opened.id).await;
    Ok(u8::try_from(status).unwrap_or(1))
}

fn show(bytes: &[u8]) -> Result<(), Mistake> {
    let mut out = stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|e| Mistake::failed(format!("could not print: {e}")))
}
