//! What a terminal shows: the screen, the lines that left it at the top, title and bell.
//!
//! The model is fed by the agent, so a panic in it is caught and the model begun anew.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sandbox_protocol::plain_text;
use vt100::capture::{BasicFormattedCaptureRange, BasicFormattedCaptureState, RowContents};

/// Bytes of lines kept above the screen.
const HISTORY: usize = 1024 * 1024;
/// Lines kept above the screen.
const HISTORY_LINES: usize = 5000;
/// Lines above the screen that the model itself keeps, so that a terminal made higher gets them back.
const NEAR: usize = 100;
/// Larger ones are a mistake or an attack on memory.
const SIZES: std::ops::RangeInclusive<u16> = 2..=500;

/// What the program said about itself.
#[derive(Debug, Default)]
pub struct Said {
    /// OSC 0 and 2.
    pub title: Option<String>,
    /// How often the bell rang.
    pub bells: u32,
    /// How many notices.
    pub notices: u32,
    /// The last of them.
    pub notice: Option<String>,
    history: VecDeque<Line>,
    history_bytes: usize,
}

#[derive(Debug)]
struct Line {
    text: String,
    /// Goes on in the next line.
    wrapped: bool,
}

impl vt100::Callbacks for Said {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells = self.bells.saturating_add(1);
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = Some(plain_text(title));
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        let text = match params {
            // `9;4;…` is a progress bar, not a notice.
            [b"9", b"4", ..] => return,
            [b"9", text] | [b"777", b"notify", text] => plain_text(text),
            [b"777", b"notify", title, body, ..] => {
                format!("{}: {}", plain_text(title), plain_text(body))
            }
            _ => return,
        };
        self.notices = self.notices.saturating_add(1);
        self.notice = Some(plain_text(text.as_bytes()));
    }

    fn on_scroll(&mut self, row: RowContents<'_>, alternate_screen: bool) {
        if !alternate_screen {
            self.keep(&row);
        }
    }
}

impl Said {
    fn keep(&mut self, row: &RowContents<'_>) {
        let mut text = String::new();
        let mut state = BasicFormattedCaptureState::new();
        let _ = row.write_formatted_basic(&mut text, &mut state);
        text.truncate(text.trim_end_matches(' ').len());
        let wrapped = !begins_with_newline(row, &mut state);
        self.history_bytes += text.len();
        self.history.push_back(Line { text, wrapped });
        while self.history_bytes > HISTORY || self.history.len() > HISTORY_LINES {
            let Some(gone) = self.history.pop_front() else {
                break;
            };
            self.history_bytes -= gone.text.len();
        }
    }
}

/// Whether the row before ended its line: the only way to ask is to begin to write the next one.
fn begins_with_newline(row: &RowContents<'_>, state: &mut BasicFormattedCaptureState) -> bool {
    struct First(Option<char>);
    impl Write for First {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.or(text.chars().next());
            if self.0.is_some() {
                Err(fmt::Error)
            } else {
                Ok(())
            }
        }
    }
    let mut first = First(None);
    let _ = row.write_formatted_basic(&mut first, state);
    first.0 == Some('\n')
}

/// A terminal's model.
pub struct Screen {
    parser: vt100::Parser<Said>,
}

impl Screen {
    /// An empty one.
    pub fn new(cols: u16, rows: u16) -> Self {
        Self {
            parser: vt100::Parser::new_with_callbacks(
                size(rows),
                size(cols),
                NEAR,
                Said::default(),
            ),
        }
    }

    /// Takes output.
    pub fn push(&mut self, piece: &[u8]) {
        self.guarded(|parser| parser.process(piece));
    }

    /// Changes the size; gives the one that was taken, as columns and rows.
    pub fn resize(&mut self, cols: u16, rows: u16) -> (u16, u16) {
        self.guarded(|parser| parser.set_size(size(rows), size(cols)));
        self.size()
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let (rows, cols) = self.parser.screen().size();
        (cols.get(), rows.get())
    }

    /// What the program said.
    pub fn said(&self) -> &Said {
        self.parser.callbacks()
    }

    /// A full-screen program has the screen.
    pub fn full_screen(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// Bytes that bring a fresh terminal of the same size into this state. Holds no question to the
    /// terminal and nothing but text, colours, cursor and modes.
    pub fn snapshot(&self) -> Vec<u8> {
        let made = catch_unwind(AssertUnwindSafe(|| self.write_snapshot()));
        made.unwrap_or_default()
    }

    fn write_snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let below = self.screen_below();
        self.write_lines(&below, &mut out);
        let screen = self.parser.screen();
        if screen.alternate_screen() {
            out.extend_from_slice(below.contents_formatted().as_bytes());
            out.extend_from_slice(b"\x1b[?1049h");
        }
        out.extend_from_slice(screen.state_formatted().as_bytes());
        out
    }

    /// Writes all lines as plain coloured text: those above the screen are then above the client's too.
    /// The screen's own are drawn over afterwards.
    fn write_lines(&self, below: &vt100::Screen, out: &mut Vec<u8>) {
        for line in &self.said().history {
            out.extend_from_slice(b"\x1b[m");
            out.extend_from_slice(line.text.as_bytes());
            if !line.wrapped {
                out.extend_from_slice(b"\r\n");
            }
        }
        let mut rest = String::from("\x1b[m");
        let range = BasicFormattedCaptureRange::Full(&mut BasicFormattedCaptureState::new());
        let _ = below.write_contents_formatted_basic(&mut rest, range);
        out.extend_from_slice(rest.replace('\n', "\r\n").as_bytes());
        out.extend_from_slice(b"\x1b[m");
    }

    /// The ordinary screen that comes back when a full-screen program ends.
    fn screen_below(&self) -> vt100::Screen {
        if !self.parser.screen().alternate_screen() {
            return self.parser.screen().clone();
        }
        let (rows, cols) = self.parser.screen().size();
        let mut below = vt100::Parser::new(rows, cols, NEAR);
        *below.screen_mut() = self.parser.screen().clone();
        below.process(b"\x1b[?1049l");
        below.screen().clone()
    }

    fn guarded(&mut self, change: impl FnOnce(&mut vt100::Parser<Said>)) {
        let parser = &mut self.parser;
        if catch_unwind(AssertUnwindSafe(|| change(parser))).is_err() {
            let (cols, rows) = self.size();
            *self = Self::new(cols, rows);
        }
    }
}

fn size(wanted: u16) -> NonZeroU16 {
    NonZeroU16::new(wanted.clamp(*SIZES.start(), *SIZES.end())).unwrap_or(NonZeroU16::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(screen: &Screen) -> Screen {
        let (cols, rows) = screen.size();
        let mut fresh = Screen::new(cols, rows);
        fresh.push(&screen.snapshot());
        fresh
    }

    fn shown(screen: &Screen) -> (String, (u16, u16), bool) {
        let inner = screen.parser.screen();
        (
            inner.state_formatted(),
            inner.cursor_position(),
            inner.alternate_screen(),
        )
    }

    fn lines(screen: &Screen) -> Vec<String> {
        let mut text = String::new();
        for line in &screen.said().history {
            text.push_str(&line.text);
            text.push_str(if line.wrapped { "" } else { "\n" });
        }
        let range = BasicFormattedCaptureRange::Full(&mut BasicFormattedCaptureState::new());
        screen
            .screen_below()
            .write_contents_formatted_basic(&mut text, range)
            .expect("a string takes all");
        let plain: String = vt100::capture::basic_formatted_to_plain(&text).collect();
        plain
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    #[test]
    fn a_snapshot_restores_screen_and_history() {
        let mut screen = Screen::new(40, 6);
        for line in 0..500 {
            screen.push(format!("\x1b[3{}mline {line}\x1b[m ünï\r\n", line % 8).as_bytes());
        }
        screen.push(b"\x1b[1;31mprompt$ ");
        let fresh = restored(&screen);
        assert_eq!(shown(&fresh), shown(&screen));
        assert_eq!(
            lines(&fresh),
            lines(&screen),
            "the same lines are above the screen"
        );
        assert_eq!(lines(&fresh).len(), 501);
    }

    #[test]
    fn a_full_screen_program_and_the_screen_below_it_come_back() {
        let mut screen = Screen::new(30, 5);
        screen.push(b"one\r\ntwo\r\n$ vim\r\n");
        screen.push(b"\x1b[?1049h\x1b[?1h\x1b[?2004h\x1b[?1002h\x1b[2J\x1b[1;1H\x1b[44m~ text \x1b[m\x1b[5;1H-- INSERT --\x1b[2;3H");
        let mut fresh = restored(&screen);
        assert_eq!(shown(&fresh), shown(&screen));
        assert!(fresh.full_screen());
        for terminal in [&mut screen, &mut fresh] {
            terminal.push(b"\x1b[?1049l\x1b[?1l\x1b[?1002l");
        }
        assert_eq!(
            shown(&fresh),
            shown(&screen),
            "also after the program ended"
        );
        assert!(fresh.parser.screen().contents().contains("$ vim"));
    }

    #[test]
    fn a_snapshot_asks_the_terminal_nothing() {
        let mut screen = Screen::new(30, 3);
        screen.push(
            b"a\x1b[c\x1b[6n\x1b]52;c;aGk=\x07\x1b]0;x\x07\x1b]10;?\x07\x1bP$qm\x1b\\\r\n\n\n\n\nb",
        );
        let bytes = screen.snapshot();
        for question in [&b"\x1b[c"[..], b"\x1b[6n", b"\x1b]", b"\x1bP"] {
            assert!(
                !bytes.windows(question.len()).any(|w| w == question),
                "{}",
                question.escape_ascii()
            );
        }
    }

    #[test]
    fn titles_bells_and_notices_are_noted() {
        let mut screen = Screen::new(30, 3);
        screen.push(b"\x1b]2;work\x07\x07\x07\x1b]9;done\x07\x1b]9;4;1;50\x07\x1b]777;notify;Agent;waits\x1b\\");
        let said = screen.said();
        assert_eq!(said.title.as_deref(), Some("work"));
        assert_eq!((said.bells, said.notices), (2, 2));
        assert_eq!(said.notice.as_deref(), Some("Agent: waits"));
    }

    #[test]
    fn history_is_bounded() {
        let mut screen = Screen::new(300, 3);
        screen.push("x".repeat(299).as_bytes());
        for _ in 0..20_000 {
            screen.push("\r\nä".as_bytes());
        }
        assert!(screen.said().history.len() <= HISTORY_LINES);
        assert!(screen.said().history_bytes <= HISTORY);
    }

    #[test]
    fn sizes_are_bounded() {
        let mut screen = Screen::new(0, 0);
        assert_eq!(screen.size(), (2, 2));
        assert_eq!(screen.resize(u16::MAX, 3), (500, 3));
    }
}
