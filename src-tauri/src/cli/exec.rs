//! `exec`: a command in a sandbox, with its own standard streams and its own exit status.

use std::ffi::OsString;
use std::io::Write;

use sandbox_engine::docker::exec::Output;
use sandbox_engine::{Engine, Error, SandboxId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::mistake::Mistake;

/// Runs it to its end. Standard input is forwarded and never waited for.
pub async fn exec(engine: &Engine, id: &SandboxId, command: &[OsString]) -> Result<u8, Mistake> {
    let command = command
        .iter()
        .map(|part| {
            part.to_str().map(str::to_owned).ok_or_else(|| {
                Mistake::Use("the container engine takes only UTF-8 arguments".to_owned())
            })
        })
        .collect::<Result<Vec<String>, _>>()?;
    let mut running = engine.exec(id, command, Vec::new()).await?;
    if let Some(mut input) = running.input.take() {
        tokio::spawn(async move {
            let mut stdin = tokio::io::stdin();
            let mut piece = vec![0; 64 * 1024];
            while let Ok(read) = stdin.read(&mut piece).await {
                if read == 0 || input.write_all(&piece[..read]).await.is_err() {
                    break;
                }
                let _ = input.flush().await;
            }
            let _ = input.shutdown().await;
        });
    }
    while let Some(output) = running.next().await.map_err(Error::from)? {
        let written = match output {
            Output::Out(bytes) => {
                let mut out = std::io::stdout().lock();
                out.write_all(&bytes).and_then(|()| out.flush())
            }
            Output::Err(bytes) => std::io::stderr().lock().write_all(&bytes),
        };
        if written.is_err() {
            // Whoever read our output has gone; the command's end is still its own.
            break;
        }
    }
    let status = running.status().await.map_err(Error::from)?;
    Ok(u8::try_from(status).unwrap_or(125))
}
