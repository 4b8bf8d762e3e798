//! What may reach the user's own terminal from a sandbox: text, colours, cursor and modes, and no sequence
//! that sets the clipboard, makes the terminal answer, prints, or carries an odd link.
//!
//! An answer of the terminal that arrives after the sandbox's program ended is typed into the user's own
//! shell; that is why questions are dropped and not only answers.

use sandbox_protocol::plain_text;

/// A longer sequence is dropped whole.
const LONGEST: usize = 4096;
const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Character,
    Escape,
    Sequence,
    /// OSC.
    Command,
    /// DCS, SOS, PM, APC: dropped.
    Foreign,
    /// ESC within one of the two before.
    End {
        foreign: bool,
    },
}

/// Keeps its place between two pieces, so it does not matter where output is cut.
#[derive(Debug)]
pub struct TerminalFilter {
    state: State,
    held: Vec<u8>,
}

impl Default for TerminalFilter {
    fn default() -> Self {
        Self {
            state: State::Text,
            held: Vec::new(),
        }
    }
}

impl TerminalFilter {
    /// A fresh one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What of a piece may be written.
    pub fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len());
        for byte in piece {
            self.take(*byte, &mut out);
        }
        out
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        if matches!(byte, 0x18 | 0x1a) {
            return self.forget(State::Text);
        }
        match self.state {
            State::Text => self.text(byte, out),
            State::Character => self.character(byte, out),
            State::Escape => self.escape(byte, out),
            State::Sequence => self.sequence(byte, out),
            State::Command | State::Foreign => self.string(byte, out),
            State::End { foreign } if byte == b'\\' => self.string_end(foreign, out),
            State::End { .. } => {
                self.forget(State::Escape);
                self.escape(byte, out);
            }
        }
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            ESC => self.forget(State::Escape),
            // Answerback, and shifts into other character sets.
            0x05 | 0x0e | 0x0f => {}
            0x00..=0x7f => out.push(byte),
            _ => {
                self.forget(State::Character);
                self.character(byte, out);
            }
        }
    }

    /// Collects one character; what is none becomes U+FFFD, and an eight-bit control is dropped: some
    /// terminals take U+009B for the beginning of a sequence.
    fn character(&mut self, byte: u8, out: &mut Vec<u8>) {
        if !self.held.is_empty() && !matches!(byte, 0x80..=0xbf) {
            out.extend_from_slice("\u{fffd}".as_bytes());
            self.forget(State::Text);
            return self.text(byte, out);
        }
        self.held.push(byte);
        match std::str::from_utf8(&self.held) {
            Ok(character) => {
                if !character.chars().any(char::is_control) {
                    out.extend_from_slice(character.as_bytes());
                }
                self.forget(State::Text);
            }
            Err(error) if error.error_len().is_some() => {
                out.extend_from_slice("\u{fffd}".as_bytes());
                self.forget(State::Text);
            }
            Err(_) => {}
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            ESC => self.forget(State::Escape),
            b'[' => self.forget(State::Sequence),
            b']' => self.forget(State::Command),
            b'P' | b'X' | b'^' | b'_' => self.forget(State::Foreign),
            // A character set or the like: two bytes follow each other, kept together.
            b'(' | b')' | b'#' | b' ' | b'%' => self.held.push(byte),
            _ => {
                // Save and restore the cursor, keypad, index lines, tab stop, reset; not ESC Z, which asks.
                if !self.held.is_empty()
                    || matches!(
                        byte,
                        b'7' | b'8' | b'=' | b'>' | b'D' | b'E' | b'M' | b'H' | b'c'
                    )
                {
                    out.push(ESC);
                    out.extend_from_slice(&self.held);
                    out.push(byte);
                }
                self.forget(State::Text);
            }
        }
    }

    fn sequence(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            ESC => self.forget(State::Escape),
            0x40..=0x7e => {
                if self.held.len() < LONGEST && harmless(&self.held, byte) {
                    out.extend_from_slice(b"\x1b[");
                    out.extend_from_slice(&self.held);
                    out.push(byte);
                }
                self.forget(State::Text);
            }
            // Line ends within a sequence are carried out at once by terminals.
            0x08..=0x0d => out.push(byte),
            0x20..=0x3f => self.hold(byte),
            _ => self.forget(State::Text),
        }
    }

    fn string(&mut self, byte: u8, out: &mut Vec<u8>) {
        let foreign = self.state == State::Foreign;
        match byte {
            ESC => self.state = State::End { foreign },
            BEL => self.string_end(foreign, out),
            _ if foreign => {}
            _ => self.hold(byte),
        }
    }

    fn string_end(&mut self, foreign: bool, out: &mut Vec<u8>) {
        if !foreign && self.held.len() < LONGEST {
            out.extend_from_slice(&command(&self.held));
        }
        self.forget(State::Text);
    }

    fn hold(&mut self, byte: u8) {
        if self.held.len() < LONGEST {
            self.held.push(byte);
        }
    }

    fn forget(&mut self, next: State) {
        self.held.clear();
        self.state = next;
    }
}

/// A list of what is let through: a new kind of question is dropped without our knowing it.
#[allow(
    clippy::match_same_arms,
    clippy::match_like_matches_macro,
    clippy::unnested_or_patterns
)] // one arm a kind
fn harmless(parameters: &[u8], end: u8) -> bool {
    let (prefix, rest) = match parameters.split_first() {
        Some((prefix @ b'<'..=b'?', rest)) => (Some(*prefix), rest),
        _ => (None, parameters),
    };
    let split = rest
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'))
        .unwrap_or(rest.len());
    match (prefix, &rest[split..], end) {
        (
            None,
            b"",
            b'@'..=b'M' | b'P' | b'S' | b'T' | b'X' | b'Z' | b'`' | b'a' | b'b' | b'd'..=b'h',
        ) => true,
        (None, b"", b'l' | b'm' | b'r' | b's' | b'u') => true,
        (Some(b'?'), b"", b'h' | b'l' | b'J' | b'K' | b's' | b'r') => true,
        (Some(b'>'), b"", b'm' | b'u') | (Some(b'<' | b'='), b"", b'u') => true,
        // Shape of the cursor, soft reset.
        (None, b" ", b'q') | (None, b"!", b'p') => true,
        _ => false,
    }
}

/// A title, cleaned, or a link to a web page; nothing else.
fn command(held: &[u8]) -> Vec<u8> {
    let semicolon = held
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(held.len());
    let rest = held.get(semicolon + 1..).unwrap_or_default();
    match &held[..semicolon] {
        number @ (b"0" | b"1" | b"2") => {
            let title = plain_text(rest);
            [b"\x1b]", number, b";", title.as_bytes(), b"\x07"].concat()
        }
        b"8" => link(rest),
        _ => Vec::new(),
    }
}

/// `parameters;address`. The parameters only group pieces of one link and are left out.
fn link(rest: &[u8]) -> Vec<u8> {
    let start = rest
        .iter()
        .position(|byte| *byte == b';')
        .map_or(rest.len(), |at| at + 1);
    let address = &rest[start..];
    let usual = [&b"https://"[..], b"http://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    let plain = address.iter().all(|byte| matches!(byte, 0x21..=0x7e));
    if address.is_empty() || (usual && plain) {
        return [b"\x1b]8;;", address, b"\x1b\\"].concat();
    }
    // Ends an earlier link, so that the text of this one does not point there.
    b"\x1b]8;;\x1b\\".to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(piece: &[u8]) -> Vec<u8> {
        TerminalFilter::new().pass(piece)
    }

    #[test]
    fn ordinary_output_is_untouched() {
        for text in [
            &b"plain\r\n\ttext\x08\x07"[..],
            "ünï 漢字 🦀 é".as_bytes(),
            b"\x1b[1;38;2;1;2;3mcolour\x1b[0m\x1b[4:3mcurly",
            b"\x1b[?1049h\x1b[2J\x1b[5;7H\x1b[K\x1b[2;20r\x1b[?25l\x1b[?2004h\x1b[?1002;1006h",
            b"\x1b7\x1b8\x1b=\x1b>\x1bM\x1b(B\x1b[3 q\x1b[!p\x1b[s\x1b[u\x1b[>4;1m",
            b"\x1b]2;title\x07",
            b"\x1b]8;;https://example.com/a\x1b\\link\x1b]8;;\x1b\\",
        ] {
            assert_eq!(
                passed(text).escape_ascii().to_string(),
                text.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn what_reaches_beyond_the_screen_is_dropped() {
        for dropped in [
            &b"\x1b]52;c;aGk=\x07"[..], // clipboard
            b"\x1b]52;c;?\x1b\\",
            b"\x1b[c",
            b"\x1b[>c",
            b"\x1b[=c",
            b"\x1b[5n",
            b"\x1b[6n",
            b"\x1b[?6n",
            b"\x1bZ",
            b"\x05", // questions
            b"\x1b[21t",
            b"\x1b[20t",
            b"\x1b[18t",
            b"\x1b[8;1;1t",
            b"\x1b[x",
            b"\x1b[>q",
            b"\x1b[?u",
            b"\x1b[?1$p",
            b"\x1b[1$w",
            b"\x1b[1;1;1;1;1;1*y",
            b"\x1b[i",
            b"\x1b[5i", // printing
            b"\x1bP$qm\x1b\\",
            b"\x1bP+q544e\x1b\\",
            b"\x1b_Gi=1;AAAA\x1b\\",
            b"\x1b^x\x1b\\",
            b"\x1bXx\x1b\\",
            b"\x1b]10;?\x07",
            b"\x1b]11;?\x07",
            b"\x1b]4;1;?\x07",
            b"\x1b]7;file:///etc\x07",
            b"\x1b]9;hi\x07",
            b"\x1b]50;font\x07",
            b"\x1b]777;notify;a;b\x07",
            b"\x1b]1337;File=x:AAAA\x07",
            b"\x1b]133;A\x07",
            "\u{9b}".as_bytes(),
        ] {
            assert_eq!(passed(dropped), b"", "{}", dropped.escape_ascii());
        }
        assert_eq!(
            passed(b"a\x9bc"),
            "a\u{fffd}c".as_bytes(),
            "an eight-bit control is no character"
        );
        assert_eq!(
            passed(b"\x1b]0;a\x1b[31mb\x07"),
            b"\x1b[31mb\x07",
            "a sequence within a title ends it, as terminals do"
        );
    }

    #[test]
    fn links_with_odd_schemes_point_nowhere() {
        for odd in [
            "file:///etc/passwd",
            "javascript:x",
            "data:text/html,x",
            "ssh://x",
            "mailto:a@example.com",
            "vscode://x",
            "HTTPS://x",
            "https:x",
            " https://x",
            "https://a\u{202e}b",
        ] {
            let text = format!("\x1b]8;id=1;{odd}\x1b\\text");
            assert_eq!(passed(text.as_bytes()), b"\x1b]8;;\x1b\\text", "{odd}");
        }
    }

    #[test]
    fn where_the_output_is_cut_does_not_matter() {
        let text =
            "é\x1b[31mx\x1b]52;c;aGk=\x07y\x1b]2;t\x1b\\\u{1f980}\x1b[6nz\x1bPq\x1b\\!".as_bytes();
        let whole = passed(text);
        for cut in 0..text.len() {
            let mut filter = TerminalFilter::new();
            let mut pieces = filter.pass(&text[..cut]);
            pieces.extend(filter.pass(&text[cut..]));
            assert_eq!(pieces, whole, "cut at {cut}");
        }
        assert_eq!(whole, "é\x1b[31mxy\x1b]2;t\x07\u{1f980}z!".as_bytes());
    }

    #[test]
    fn an_endless_sequence_holds_little_and_lets_nothing_through() {
        let mut filter = TerminalFilter::new();
        let mut endless = b"\x1b]2;".to_vec();
        endless.resize(1_000_000, b'x');
        assert!(filter.pass(&endless).is_empty());
        assert!(filter.held.len() <= LONGEST);
        assert_eq!(filter.pass(b"\x07after"), b"after");
    }
}
