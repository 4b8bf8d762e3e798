//! `exec`: a command in a sandbox, with its own standard streams and its own exit status.

use std::ffi::OsString;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use sandbox_engine::docker::exec::Output;
use sandbox_engine::{Engine, Error, SandboxId};
use sandbox_workspace::escape::escaped;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::mistake::Mistake;
use super::own_terminal::Endings;

/// Marks the processes of one `exec`, so that Ctrl-C finds them: the engine passes no signals on.
const MARK: &str = "AGENT_SANDBOX_EXEC";
/// Interrupts what carries the mark. What a shell put into the background ignores it, as in a terminal. A process that
/// is just becoming another program shows no mark, so who finds none looks again, for two seconds.
const INTERRUPT: &str = r#"for look in 1 2 3 4 5 6 7 8 9 10; do
    found=
    for p in /proc/[0-9]*; do
        tr '\0' '\n' <"$p/environ" 2>/dev/null | grep -qx "AGENT_SANDBOX_EXEC=$1" || continue
        kill -INT "${p#/proc/}" && found=yes
    done
    [ -z "$found" ] || exit 0
    sleep 0.2
done
exit 1"#;
/// The status of a program that was interrupted.
const INTERRUPTED: i32 = 130;
/// How the engine's runtime begins when it cannot start a command; it says so on the command's own output.
const NOT_STARTED: &[u8] = b"OCI runtime exec failed: ";

/// Runs it to its end. Standard input is forwarded and never waited for. The first Ctrl-C goes to the
/// command; a second one ends this program and leaves the command alone.
pub async fn exec(engine: &Engine, id: &SandboxId, command: &[OsString]) -> Result<u8, Mistake> {
    let command = command
        .iter()
        .map(|part| {
            part.to_str().map(str::to_owned).ok_or_else(|| {
                Mistake::Use("the container engine takes only UTF-8 arguments".to_owned())
            })
        })
        .collect::<Result<Vec<String>, _>>()?;
    // A model server of the user's own, or an opened port, is reached for as long as the command runs.
    // Without it the command still runs; what it cannot reach, it is told.
    let _standing = engine.stand_by(id).await.ok().flatten();
    let mark = mark();
    let mut running = engine
        .exec(id, command, vec![format!("{MARK}={mark}")])
        .await?;
    // From here on, before any output can be seen.
    let endings = Endings::begin();
    tokio::spawn(pass_interrupt(engine.clone(), id.clone(), mark, endings));
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
    let mut first = true;
    let mut held = None;
    while let Some(output) = running.next().await.map_err(Error::from)? {
        match (&output, first) {
            (Output::Out(bytes), true) if bytes.starts_with(NOT_STARTED) => held = Some(output),
            // Whoever read our output has gone; the command's end is still its own.
            _ if !written(held.take().as_ref()) || !written(Some(&output)) => break,
            _ => {}
        }
        first = false;
    }
    let status = running.status().await.map_err(Error::from)?;
    if let Some(Output::Out(bytes)) = &held
        && matches!(status, 126 | 127)
    {
        return Ok(not_started(bytes));
    }
    written(held.as_ref());
    Ok(u8::try_from(status).unwrap_or(125))
}

fn mark() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_nanos());
    format!("{}-{now}", std::process::id())
}

/// Passes the first Ctrl-C on; the second one ends this program.
async fn pass_interrupt(engine: Engine, id: SandboxId, mark: String, mut endings: Endings) {
    endings.next().await;
    tokio::select! {
        passed = interrupt(&engine, &id, &mark) => if let Err(why) = passed {
            eprintln!(
                "agent-sandbox: the command did not get your Ctrl-C: {why}. It goes on. Press Ctrl-C again to leave it \
                 alone; `agent-sandbox stop {id}` ends it with its sandbox."
            );
        },
        () = endings.next() => std::process::exit(INTERRUPTED),
    }
    endings.next().await;
    std::process::exit(INTERRUPTED)
}

async fn interrupt(engine: &Engine, id: &SandboxId, mark: &str) -> Result<(), String> {
    let script = ["/bin/sh", "-c", INTERRUPT, "sh", mark].map(str::to_owned);
    let running = engine.exec(id, script.to_vec(), Vec::new()).await;
    let running = running.map_err(|error| error.to_string())?;
    let (status, ..) = running
        .collect(0)
        .await
        .map_err(|error| error.to_string())?;
    match status {
        0 => Ok(()),
        _ => Err("none of its processes was found".to_owned()),
    }
}

/// False where nobody reads any more.
fn written(output: Option<&Output>) -> bool {
    match output {
        None => true,
        Some(Output::Out(bytes)) => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush()).is_ok()
        }
        Some(Output::Err(bytes)) => std::io::stderr().lock().write_all(bytes).is_ok(),
    }
}

/// Says why the command did not start, where errors belong; gives the status that a shell gives.
fn not_started(said: &[u8]) -> u8 {
    let said = String::from_utf8_lossy(said);
    let why = said.trim().trim_end_matches(": unknown");
    let why = why.rsplit(": ").next().unwrap_or(why);
    let why = escaped(why.as_bytes());
    eprintln!("agent-sandbox: the command could not be started: {why}");
    if said.contains("not found") || said.contains("no such file") {
        127
    } else {
        126
    }
}
