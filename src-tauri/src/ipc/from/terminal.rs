//! Terminals as the guest describes them.

use sandbox_engine::terminal::TerminalState;

use crate::ipc::terminal::TerminalRow;

impl From<&TerminalState> for TerminalRow {
    fn from(state: &TerminalState) -> Self {
        Self {
            id: state.id,
            name: state.name.clone(),
            title: state.title.clone(),
            running: state.exit.is_none(),
            exit_code: state.exit,
            agent: state.agent,
            working: state.working,
            bell: state.bells > 0,
        }
    }
}
