//! Notifications of the desktop: an agent finished or waits, a site is asked for. Only while the window is
//! not looked at, and as the user chose.

use std::collections::HashMap;

use sandbox_engine::SandboxId;
use sandbox_engine::agents::doing::Doing;
use sandbox_engine::event::Event;
use sandbox_engine::state::settings::Settings;
use sandbox_engine::terminal::TerminalState;
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_notification::NotificationExt;
use tokio::sync::broadcast::error::RecvError;

use super::desk::Desk;
use super::open::MAIN;

/// What a terminal's change is worth.
#[derive(Debug, PartialEq, Eq)]
enum Notice {
    Finished(i32),
    Waits,
}

fn notice(before: Doing, now: Doing) -> Option<Notice> {
    match now {
        _ if before == now => None,
        Doing::Finished(exit) => Some(Notice::Finished(exit)),
        Doing::Waiting => Some(Notice::Waits),
        Doing::Working | Doing::Idle => None,
    }
}

/// For ever.
pub async fn give<R: Runtime>(app: AppHandle<R>, desk: Desk) {
    let mut told = desk.engine().events().subscribe();
    let mut seen: HashMap<(SandboxId, u32), Doing> = HashMap::new();
    loop {
        let event = match told.recv().await {
            Ok(numbered) => numbered.event,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let Ok(settings) = desk.engine().settings() else {
            continue;
        };
        match event {
            Event::Terminal(id, terminal) => {
                let known = desk.engine().known_terminals(&id);
                let Some((state, now)) = known.iter().find(|(state, _)| state.id == terminal)
                else {
                    continue;
                };
                // One that was there before the window is not news.
                let before = seen.insert((id.clone(), terminal), *now).unwrap_or(*now);
                if let Some(notice) = notice(before, *now).filter(|_| state.agent) {
                    tell_of_agent(&app, &desk, &id, &notice, state, &settings);
                }
            }
            Event::TerminalClosed(id, terminal) => {
                seen.remove(&(id, terminal));
            }
            Event::Ask(id, ask) if settings.notify_site => {
                let title = format!("{} asks for a site", name_of(&desk, &id));
                tell(&app, &title, &ask.host);
            }
            _ => {}
        }
    }
}

fn tell_of_agent<R: Runtime>(
    app: &AppHandle<R>,
    desk: &Desk,
    id: &SandboxId,
    notice: &Notice,
    state: &TerminalState,
    settings: &Settings,
) {
    let name = name_of(desk, id);
    let agent = desk.engine().load(id).map_or_else(
        |_| state.name.clone(),
        |(_, record)| desk.engine().recipes().name(&record.agent),
    );
    match notice {
        Notice::Finished(0) if settings.notify_finished => {
            tell(app, &format!("{agent} finished"), &name);
        }
        Notice::Finished(exit) if settings.notify_finished => {
            let body = format!("{name} \u{b7} it ended with status {exit}");
            tell(app, &format!("{agent} ended"), &body);
        }
        Notice::Waits if settings.notify_waiting => {
            // A claim from inside, cut and cleaned where it was read.
            let says = state.notice.as_deref().unwrap_or_default();
            let body = match says {
                "" => name,
                says => format!("{name} \u{b7} {says}"),
            };
            tell(app, &format!("{agent} waits for you"), &body);
        }
        Notice::Finished(_) | Notice::Waits => {}
    }
}

fn name_of(desk: &Desk, id: &SandboxId) -> String {
    desk.engine()
        .load(id)
        .map_or_else(|_| id.to_string(), |(_, record)| record.name)
}

fn tell<R: Runtime>(app: &AppHandle<R>, title: &str, body: &str) {
    let looked_at = app
        .get_webview_window(MAIN)
        .is_some_and(|window| window.is_focused().unwrap_or(false));
    if !looked_at {
        say(app, title, body);
    }
}

/// Tells it whatever is looked at. A desktop without notifications is no failure.
pub fn say<R: Runtime>(app: &AppHandle<R>, title: &str, body: &str) {
    let shown = app.notification().builder().title(title).body(body).show();
    if let Err(error) = shown {
        tracing::debug!(%error, "no notification");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_and_a_new_call_are_news_once() {
        use Doing::{Finished, Idle, Waiting, Working};
        assert_eq!(notice(Working, Waiting), Some(Notice::Waits));
        assert_eq!(notice(Waiting, Waiting), None);
        assert_eq!(notice(Waiting, Idle), None, "its user typed");
        assert_eq!(notice(Idle, Working), None);
        assert_eq!(notice(Waiting, Finished(2)), Some(Notice::Finished(2)));
        assert_eq!(notice(Finished(2), Finished(2)), None);
    }
}
