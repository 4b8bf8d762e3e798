//! What the commands share.

use tauri::{App, Manager, Runtime};

use super::commands::place::Looked;
use super::desk::Desk;
use super::drops::Drops;
use super::environment::Environment;
use super::flow::Credits;
use super::operations::Operations;
use super::subscriptions::Subscriptions;

/// Makes everything that a command may ask for.
pub fn manage<R: Runtime>(app: &App<R>, environment: Environment, desk: Desk) -> tauri::Result<()> {
    app.manage(desk);
    app.manage(environment);
    app.manage(Drops::default());
    app.manage(Credits::default());
    app.manage(Looked::default());
    app.manage(Operations::default());
    app.manage(Subscriptions::default());
    Ok(())
}
