//! `shell`: a terminal of the sandbox in the user's own terminal, with what could act on it taken out.

use std::io::{IsTerminal, Write, stdin, stdout};

use rustix::termios::{self, OptionalActions, Termios};
use sandbox_engine::terminal::{OpenTerminal, Piece, TerminalFilter};
use sandbox_engine::{Engine, Error, SandboxId};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use super::mistake::Mistake;

/// Tried in this order by the guest's shell: what the image has.
const SHELL: [&str; 3] = [
    "/bin/sh",
    "-c",
    "command -v bash >/dev/null && exec bash -l; exec sh -l",
];

/// Opens a shell and stays until it ends. Its exit status is ours.
pub async fn shell(engine: &Engine, id: &SandboxId) -> Result<u8, Mistake> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(Mistake::Use(
            "shell needs a terminal; without one use: agent-sandbox exec SANDBOX -- CMD".to_owned(),
        ));
    }
    let hub = engine.terminals(id).await?;
    let (cols, rows) = size();
    let wanted = OpenTerminal {
        name: "shell".to_owned(),
        command: SHELL.map(str::to_owned).to_vec(),
        env: Vec::new(),
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
        let Ok(mut changes) = signal(SignalKind::window_change()) else {
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

fn size() -> (u16, u16) {
    termios::tcgetwinsize(stdout()).map_or((80, 24), |s| (s.ws_col.max(2), s.ws_row.max(2)))
}

/// The user's terminal hands every key on; put back when dropped.
struct Raw(Termios);

impl Raw {
    fn begin() -> Result<Self, Mistake> {
        let failed = |e| Mistake::failed(format!("could not set the terminal: {e}"));
        let before = termios::tcgetattr(stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
