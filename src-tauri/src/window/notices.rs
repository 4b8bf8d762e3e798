//! Notifications of the desktop: an agent finished or waits, a site is asked for. Only while the window is
//! not looked at, and as the user chose.

use std::collections::HashMap;

use sandbox_engine::SandboxId;
use sandbox_engine::event::Event;
use sandbox_engine::state::settings::Settings;
use sandbox_engine::terminal::TerminalState;
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_notification::NotificationExt;
use tokio::sync::broadcast::error::RecvError;

use super::desk::Desk;
use super::open::MAIN;

/// What was last seen of an agent's terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    ended: bool,
    calls: u32,
}

/// What a terminal's change is worth.
#[derive(Debug, PartialEq, Eq)]
enum Notice {
    Finished(i32),
    Waits,
}

impl Seen {
    fn of(state: &TerminalState) -> Self {
        Self {
            ended: state.exit.is_some(),
            calls: state.bells.saturating_add(state.notices),
        }
    }

    fn then(self, now: Self, exit: Option<i32>) -> Option<Notice> {
        match exit {
            Some(exit) if !self.ended => Some(Notice::Finished(exit)),
            None if now.calls > self.calls => Some(Notice::Waits),
            _ => None,
        }
    }
}

/// For ever.
pub async fn give<R: Runtime>(app: AppHandle<R>, desk: Desk) {
    let mut told = desk.engine().events().subscribe();
    let mut seen: HashMap<(SandboxId, u32), Seen> = HashMap::new();
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
                let Some(state) = known.iter().find(|state| state.id == terminal) else {
                    continue;
                };
                let now = Seen::of(state);
                // One that was there before the window is not news.
                let before = seen.insert((id.clone(), terminal), now).unwrap_or(now);
                if let Some(notice) = before.then(now, state.exit).filter(|_| state.agent) {
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
        let quiet = Seen::default();
        let called = Seen {
            ended: false,
            calls: 1,
        };
        let ended = Seen {
            ended: true,
            calls: 1,
        };
        assert_eq!(quiet.then(called, None), Some(Notice::Waits));
        assert_eq!(called.then(called, None), None);
        assert_eq!(called.then(ended, Some(0)), Some(Notice::Finished(0)));
        assert_eq!(ended.then(ended, Some(0)), None);
    }
}
