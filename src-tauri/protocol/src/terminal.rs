//! A terminal, as both sides see it.

use serde::{Deserialize, Serialize};

/// Most terminals of one sandbox, ended ones included.
pub const MAX_TERMINALS: usize = 16;
/// Most characters of a name, a title or a notice.
pub const MAX_TEXT: usize = 256;
/// Most output that may be under way to one reader without its acknowledgement, in bytes.
pub const MAX_WINDOW: u32 = 256 * 1024;

/// What to start in a new pseudo-terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTerminal {
    /// Shown on the tab.
    pub name: String,
    /// Program and arguments; found by the sandbox's `PATH`.
    pub command: Vec<String>,
    /// Added to the sandbox's environment.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// The folder it starts in.
    pub cwd: String,
    /// Columns, at least 2.
    pub cols: u16,
    /// Rows, at least 2.
    pub rows: u16,
    /// True for the sandbox's agent.
    #[serde(default)]
    pub agent: bool,
}

/// A terminal and what is known of it. Title and notice were chosen by the program in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalState {
    /// Never used again within one run of the sandbox.
    pub id: u32,
    /// As given when it was opened.
    pub name: String,
    /// Set by the program.
    #[serde(default)]
    pub title: Option<String>,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// The exit status once it ended; 128 and the signal's number for one that was killed.
    #[serde(default)]
    pub exit: Option<i32>,
    /// Output within the last two seconds.
    pub working: bool,
    /// How often the bell rang.
    #[serde(default)]
    pub bells: u32,
    /// How many notices (OSC 9, OSC 777) were given.
    #[serde(default)]
    pub notices: u32,
    /// The last of them.
    #[serde(default)]
    pub notice: Option<String>,
    /// True for the sandbox's agent.
    #[serde(default)]
    pub agent: bool,
    /// A full-screen program has the alternate screen.
    #[serde(default)]
    pub full_screen: bool,
}

impl TerminalState {
    /// The same with every text cut and cleaned: for what comes from the guest.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        self.name = plain_text(self.name.as_bytes());
        self.title = self.title.map(|text| plain_text(text.as_bytes()));
        self.notice = self.notice.map(|text| plain_text(text.as_bytes()));
        self
    }
}

/// At most [`MAX_TEXT`] characters, without control and direction-changing ones.
pub fn plain_text(bytes: &[u8]) -> String {
    let end = bytes.len().min(MAX_TEXT * 4);
    String::from_utf8_lossy(&bytes[..end])
        .chars()
        .filter(|c| !steers(*c))
        .take(MAX_TEXT)
        .collect()
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_what_steers_and_what_is_too_long() {
        assert_eq!(plain_text(b"a\x1b[31mb\x07\n"), "a[31mb");
        assert_eq!(plain_text("x\u{202e}y".as_bytes()), "xy");
        assert_eq!(plain_text(&[0xff, b'a']), "\u{fffd}a");
        assert_eq!(
            plain_text("ä".repeat(9999).as_bytes()).chars().count(),
            MAX_TEXT
        );
    }
}
