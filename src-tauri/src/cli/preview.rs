//! `preview`: a page of the sandbox in the user's browser, as long as this runs.

use sandbox_engine::preview::Kind;
use sandbox_engine::{Engine, SandboxId};
use serde_json::json;

use super::answer::Printer;
use super::args;
use super::mistake::Mistake;

/// Prints the address and stays until it is over: interrupted, or closed with the sandbox.
pub async fn preview(
    engine: &Engine,
    printer: &Printer,
    id: &SandboxId,
    wanted: &args::Preview,
) -> Result<u8, Mistake> {
    let kind = if wanted.log_in {
        Kind::LogIn
    } else {
        Kind::Page
    };
    let opened = engine.open_preview(id, wanted.port, kind).await?;
    let document = json!({
        "url": opened.address,
        "port": wanted.port,
        "local_port": opened.local_port,
    });
    printer.answer(&document, |_| match kind {
        Kind::Page => format!(
            "{}\nOpen it once in one browser. Until Ctrl-C, or until the sandbox stops.\n\
             The page is the sandbox's: a link that you follow there, or a page that moves on by itself, leads out.\n",
            opened.address
        ),
        Kind::LogIn => format!(
            "A log-in can come back to {} for ten minutes. Until Ctrl-C, or until the sandbox stops.\n",
            opened.address
        ),
    })?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = engine.preview_ended(id, wanted.port, kind) => {}
    }
    engine.close_preview(id, wanted.port);
    Ok(0)
}
