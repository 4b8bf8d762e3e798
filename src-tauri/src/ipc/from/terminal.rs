//! Terminals as the guest describes them.

use sandbox_engine::agents::doing::Doing as Does;
use sandbox_engine::terminal::TerminalState;

use crate::ipc::terminal::{Doing, TerminalRow};

impl From<&(TerminalState, Does)> for TerminalRow {
    fn from((state, does): &(TerminalState, Does)) -> Self {
        Self {
            id: state.id,
            name: state.name.clone(),
            title: state.title.clone(),
            running: state.exit.is_none(),
            exit_code: state.exit,
            agent: state.agent,
            doing: (*does).into(),
        }
    }
}

impl From<Does> for Doing {
    fn from(does: Does) -> Self {
        match does {
            Does::Working => Self::Working,
            Does::Waiting => Self::Waiting,
            Does::Idle => Self::Idle,
            Does::Finished(_) => Self::Finished,
        }
    }
}
