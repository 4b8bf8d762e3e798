//! Terminals: opened, drawn, typed into.

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::terminal::{OpenTerminal, TerminalRow};
use bytes::Bytes;
use futures_util::stream;
use sandbox_engine::agents::doing::Doing;
use sandbox_engine::agents::start::AgentStart;
use sandbox_engine::sandbox::State as Life;
use sandbox_engine::terminal::{Attachment, Piece, TerminalFilter, TerminalId};
use tauri::State;
use tauri::ipc::{Channel, InvokeBody, InvokeResponseBody, Request};

use crate::desk::{Answer, Desk, id};
use crate::flow::{Credits, forward};
use crate::subscriptions::Subscriptions;

/// What the image has. Its errors stay on the terminal: a shell without one is not interactive.
const SHELL: &str = "command -v bash >/dev/null && exec bash -l; exec sh -l";
/// Full reset: a screen that is sent anew begins on an empty one.
const RESET: &[u8] = b"\x1bc";

#[tauri::command]
pub async fn list_terminals(sandbox: &str, desk: State<'_, Desk>) -> Answer<Vec<TerminalRow>> {
    let id = id(sandbox)?;
    let row = desk.engine().glimpse(&id).await?;
    if row.state != Life::Running {
        return Ok(Vec::new());
    }
    let hub = desk.terminals(&id).await?;
    Ok(hub.doing().iter().map(TerminalRow::from).collect())
}

#[tauri::command]
pub async fn open_terminal(request: OpenTerminal, desk: State<'_, Desk>) -> Answer<TerminalRow> {
    let id = id(&request.sandbox)?;
    let engine = desk.engine();
    let agent = if request.what == "agent" {
        engine.agent_start(&id)?
    } else {
        None
    };
    let is_agent = agent.is_some();
    let (_, record) = engine.load(&id)?;
    let wanted = agent.unwrap_or_else(|| AgentStart {
        name: "Shell".to_owned(),
        line: SHELL.to_owned(),
        env: engine.key_environment(&record),
    });
    let hub = desk.terminals(&id).await?;
    if is_agent {
        engine.ready_agent(&id).await?;
    }
    let opened = hub
        .open(wanted.in_terminal(is_agent, request.cols, request.rows))
        .await
        .map_err(sandbox_engine::Error::from)?;
    Ok((&(opened, Doing::Idle)).into())
}

#[tauri::command]
pub async fn attach_terminal(
    sandbox: &str,
    terminal: TerminalId,
    channel: Channel<InvokeResponseBody>,
    desk: State<'_, Desk>,
    credits: State<'_, Credits>,
    subscriptions: State<'_, Subscriptions>,
) -> Answer<u32> {
    let id = id(sandbox)?;
    let hub = desk.terminals(&id).await?;
    let attachment = hub.attach(terminal).await;
    let attachment = attachment.map_err(sandbox_engine::Error::from)?;
    let credits = credits.inner().clone();
    Ok(subscriptions.start_named(move |number| {
        let attached = credits.attach(number);
        async move {
            let output = Box::pin(output(attachment));
            forward(output, &attached.credit, |bytes| {
                channel.send(InvokeResponseBody::Raw(bytes)).is_ok()
            })
            .await;
        }
    }))
}

/// What an attachment gives, made harmless, until its terminal ends. It is acknowledged when more is asked for.
fn output(attachment: Attachment) -> impl futures_util::Stream<Item = Bytes> {
    let begin = (attachment, TerminalFilter::new(), 0_usize);
    stream::unfold(begin, |(mut attachment, mut filter, owed)| async move {
        if owed > 0 {
            attachment.ack(owed).await.ok()?;
        }
        match attachment.next().await? {
            Piece::Screen(screen) => {
                filter = TerminalFilter::new();
                let drawn = [RESET, &filter.pass(&screen)].concat();
                Some((Bytes::from(drawn), (attachment, filter, 0)))
            }
            Piece::Output(bytes) => {
                let drawn = filter.pass(&bytes);
                Some((Bytes::from(drawn), (attachment, filter, bytes.len())))
            }
            Piece::Ended(_) => None,
        }
    })
}

#[tauri::command]
pub fn detach_terminal(id: u32, subscriptions: State<'_, Subscriptions>) {
    subscriptions.stop(id);
}

#[tauri::command]
pub fn ack_terminal(attachment: u32, bytes: usize, credits: State<'_, Credits>) {
    credits.acknowledge(attachment, bytes);
}

#[tauri::command]
pub async fn terminal_input(request: Request<'_>, desk: State<'_, Desk>) -> Answer<()> {
    let wrong = || {
        WireError::said(
            ErrorCode::InvalidRequest,
            "Typed text came in a wrong form.",
        )
    };
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let id = id(header("sandbox").ok_or_else(wrong)?)?;
    let terminal = header("terminal").and_then(|text| text.parse().ok());
    let terminal: TerminalId = terminal.ok_or_else(wrong)?;
    let bytes = match request.body() {
        InvokeBody::Raw(bytes) => bytes.clone(),
        // Where the webview cannot send raw bytes they come as numbers.
        InvokeBody::Json(json) => serde_json::from_value(json.clone()).map_err(|_| wrong())?,
    };
    let hub = desk.terminals(&id).await?;
    let typed = hub.input(terminal, &bytes).await;
    Ok(typed.map_err(sandbox_engine::Error::from)?)
}

#[tauri::command]
pub async fn resize_terminal(
    sandbox: &str,
    terminal: TerminalId,
    cols: u16,
    rows: u16,
    desk: State<'_, Desk>,
) -> Answer<()> {
    let hub = desk.terminals(&id(sandbox)?).await?;
    let resized = hub.resize(terminal, cols.max(2), rows.max(2)).await;
    Ok(resized.map_err(sandbox_engine::Error::from)?)
}

#[tauri::command]
pub async fn close_terminal(
    sandbox: &str,
    terminal: TerminalId,
    desk: State<'_, Desk>,
) -> Answer<()> {
    let hub = desk.terminals(&id(sandbox)?).await?;
    let closed = hub.close(terminal).await;
    Ok(closed.map_err(sandbox_engine::Error::from)?)
}
