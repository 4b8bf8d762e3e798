//! What a terminal shows: the screen, the lines that left it at the top, title and bell.
//!
//! The model is fed by the agent, so a panic in it is caught and the model begun anew.

use std::num::NonZeroU16;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sandbox_protocol::plain_text;
use vt100::capture::{BasicFormattedCaptureRange, BasicFormattedCaptureState};

/// Lines kept above the screen. A cell takes 32 bytes: 2.5 MB for a terminal of the usual width.
const HISTORY: usize = 1000;
/// Most bytes of lines in a snapshot; the oldest go.
const LINES: usize = 2 * 1024 * 1024;
/// Columns or rows beyond these are a mistake or an attack on memory.
const COLS: RangeInclusive<u16> = 2..=500;
const ROWS: RangeInclusive<u16> = 2..=300;

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
                bounded(rows, &ROWS),
                bounded(cols, &COLS),
                HISTORY,
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
        self.guarded(|parser| parser.set_size(bounded(rows, &ROWS), bounded(cols, &COLS)));
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
        Self::write_lines(&below, &mut out);
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
    fn write_lines(below: &vt100::Screen, out: &mut Vec<u8>) {
        let mut rest = String::new();
        let range = BasicFormattedCaptureRange::Full(&mut BasicFormattedCaptureState::new());
        let _ = below.write_contents_formatted_basic(&mut rest, range);
        let newest = rest.len().saturating_sub(LINES);
        let from = rest.as_bytes()[newest..]
            .iter()
            .position(|byte| *byte == b'\n' || newest == 0);
        let kept = rest
            .get(from.map_or(rest.len(), |at| newest + at)..)
            .unwrap_or_default();
        out.extend_from_slice(b"\x1b[m");
        out.extend_from_slice(kept.replace('\n', "\r\n").as_bytes());
        out.extend_from_slice(b"\x1b[m");
    }

    /// The ordinary screen that comes back when a full-screen program ends.
    fn screen_below(&self) -> vt100::Screen {
        if !self.parser.screen().alternate_screen() {
            return self.parser.screen().clone();
        }
        let (rows, cols) = self.parser.screen().size();
        let mut below = vt100::Parser::new(rows, cols, HISTORY);
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

fn bounded(wanted: u16, range: &RangeInclusive<u16>) -> NonZeroU16 {
    NonZeroU16::new(wanted.clamp(*range.start(), *range.end())).unwrap_or(NonZeroU16::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(screen.parser.screen().scrollback_len(), HISTORY);
    }

    #[test]
    fn a_cleared_history_stays_cleared() {
        let mut screen = Screen::new(30, 3);
        screen.push(b"secret\r\n\n\n\n\n");
        assert!(lines(&screen).contains(&"secret".to_owned()));
        screen.push(b"\x1b[H\x1b[2J\x1b[3J");
        assert!(!lines(&restored(&screen)).contains(&"secret".to_owned()));
    }

    #[test]
    fn the_largest_snapshot_is_bounded_and_shows_the_newest_lines() {
        let mut screen = Screen::new(500, 300);
        for line in 0..1500 {
            for cell in 0..490 {
                screen.push(
                    format!(
                        "\x1b[38;2;{};{};7;48;2;1;2;{}me\u{301}",
                        cell % 256,
                        line % 256,
                        cell % 256
                    )
                    .as_bytes(),
                );
            }
            screen.push(b"\r\n");
        }
        screen.push(b"\x1b[mlast");
        assert!(
            screen.snapshot().len() < 8 * 1024 * 1024,
            "{}",
            screen.snapshot().len()
        );
        assert_eq!(shown(&restored(&screen)), shown(&screen));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_output_and_no_size_gets_a_panic_out_of_it(
            steps in prop::collection::vec(("(\\x1b[\\[\\](]?[0-9;?]{0,6}[a-zA-Z@`]|\\PC|[\\r\\n\\t\\x08]){0,40}", any::<(u16, u16)>(), any::<bool>()), 0..20),
        ) {
            let mut screen = Screen::new(80, 24);
            for (output, (cols, rows), resize) in steps {
                screen.push(output.as_bytes());
                if resize {
                    screen.resize(cols % 600, rows % 40);
                }
                restored(&screen);
            }
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let mut screen = Screen::new(0, 0);
        assert_eq!(screen.size(), (2, 2));
        assert_eq!(screen.resize(u16::MAX, 3), (500, 3));
    }
}
