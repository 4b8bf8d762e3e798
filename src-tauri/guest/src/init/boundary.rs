//! Where a terminal's output can be cut: not within an escape sequence and not within a character.

/// A sequence longer than this is taken for noise: an endless one must not move the cut back for ever.
const LONGEST: u64 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    Character { missing: u8 },
    Escape,
    Sequence,
    Text,
    TextEscape,
}

/// Follows the output and remembers the last place where nothing was half done.
#[derive(Debug)]
pub struct Boundary {
    state: State,
    place: u64,
    cut: u64,
}

impl Default for Boundary {
    fn default() -> Self {
        Self {
            state: State::Ground,
            place: 0,
            cut: 0,
        }
    }
}

impl Boundary {
    /// Takes the next output.
    pub fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            self.state = next(self.state, *byte);
            self.place += 1;
            if self.state == State::Ground {
                self.cut = self.place;
            }
        }
        if self.place - self.cut > LONGEST {
            self.cut = self.place;
        }
    }

    /// Everything before it is whole.
    pub fn cut(&self) -> u64 {
        self.cut
    }
}

fn next(state: State, byte: u8) -> State {
    match (state, byte) {
        (State::Text | State::TextEscape, 0x18 | 0x1a) | (State::Text, 0x07) => State::Ground,
        (State::Text, 0x1b) => State::TextEscape,
        (State::Text, _) => State::Text,
        // ESC \ ends a text; any other byte begins a new sequence, as terminals read it.
        (State::TextEscape, b'\\') => State::Ground,
        (_, 0x1b) => State::Escape,
        (_, 0x18 | 0x1a) => State::Ground,
        (State::Escape | State::TextEscape, b'[') => State::Sequence,
        (State::Escape | State::TextEscape, b']' | b'P' | b'X' | b'^' | b'_') => State::Text,
        (State::Escape | State::TextEscape, 0x00..=0x2f) => State::Escape,
        (State::Escape | State::TextEscape, _) | (State::Sequence, 0x40..=0x7e) => State::Ground,
        (State::Sequence, _) => State::Sequence,
        (State::Character { missing }, 0x80..=0xbf) if missing > 1 => State::Character {
            missing: missing - 1,
        },
        (_, 0xc2..=0xdf) => State::Character { missing: 1 },
        (_, 0xe0..=0xef) => State::Character { missing: 2 },
        (_, 0xf0..=0xf4) => State::Character { missing: 3 },
        (State::Ground | State::Character { .. }, _) => State::Ground,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(output: &[u8]) -> u64 {
        let mut boundary = Boundary::default();
        boundary.push(output);
        boundary.cut()
    }

    #[test]
    fn a_cut_is_never_within_something() {
        for (output, expected) in [
            (&b"plain"[..], 5),
            (b"ab\xc3", 2),
            (b"ab\xc3\xa4", 4),
            (b"ab\xf0\x9f\x98", 2),
            (b"ab\x1b", 2),
            (b"ab\x1b[31", 2),
            (b"ab\x1b[31m", 7),
            (b"ab\x1b]2;title", 2),
            (b"ab\x1b]2;title\x07", 12),
            (b"ab\x1b]2;title\x1b", 2),
            (b"ab\x1b]2;title\x1b\\", 13),
            (b"ab\x1bP1;2q...", 2),
            (b"ab\x1b(", 2),
            (b"ab\x1b(B", 5),
            (b"ab\x1b[3\x18", 6),
        ] {
            assert_eq!(cut(output), expected, "{}", output.escape_ascii());
        }
    }

    #[test]
    fn an_endless_sequence_does_not_hold_the_cut() {
        let mut endless = b"\x1b]2;".to_vec();
        endless.resize(100_000, b'x');
        assert_eq!(cut(&endless), 100_000);
    }
}
