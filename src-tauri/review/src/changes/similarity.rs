//! How much of one content is in another, counted the way git counts it for renames.

use std::collections::HashMap;

/// Score of equal contents; git's 100 %.
pub(crate) const MAX_SCORE: u64 = 60_000;

/// How many bytes of which pieces a content has. A piece is a line, or 64 bytes of a longer one.
pub(crate) struct Pieces {
    bytes: HashMap<u64, u64>,
    size: u64,
}

impl Pieces {
    /// Cuts a content. As in git, CR before LF does not count in a text.
    pub(crate) fn of(content: &[u8]) -> Self {
        let text = !crate::text::is_binary(content);
        let mut bytes: HashMap<u64, u64> = HashMap::new();
        let mut piece = Vec::with_capacity(64);
        let mut rest = content.iter().copied().peekable();
        while let Some(byte) = rest.next() {
            if text && byte == b'\r' && rest.peek() == Some(&b'\n') {
                continue;
            }
            piece.push(byte);
            if piece.len() == 64 || byte == b'\n' {
                *bytes.entry(hash(&piece)).or_default() += piece.len() as u64;
                piece.clear();
            }
        }
        if !piece.is_empty() {
            *bytes.entry(hash(&piece)).or_default() += piece.len() as u64;
        }
        Self {
            bytes,
            size: content.len() as u64,
        }
    }

    /// What part of the larger of the two comes from `source`, of [`MAX_SCORE`].
    pub(crate) fn score(&self, source: &Self) -> u64 {
        let larger = self.size.max(source.size);
        if larger == 0 {
            return MAX_SCORE;
        }
        let copied: u64 = source
            .bytes
            .iter()
            .filter_map(|(piece, count)| self.bytes.get(piece).map(|here| (*here).min(*count)))
            .sum();
        copied * MAX_SCORE / larger
    }
}

/// Whether contents of these sizes can reach `least` at all.
pub(crate) fn sizes_allow(a: u64, b: u64, least: u64) -> bool {
    let (small, large) = (a.min(b), a.max(b));
    u128::from(large - small) * u128::from(MAX_SCORE)
        <= u128::from(large) * u128::from(MAX_SCORE - least)
}

fn hash(piece: &[u8]) -> u64 {
    // A forged collision makes two files look more alike than they are; nothing else.
    piece.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_the_shared_bytes() {
        let of = |text: &str| Pieces::of(text.as_bytes());
        assert_eq!(of("a\nb\n").score(&of("a\nb\n")), MAX_SCORE);
        assert_eq!(of("a\nb\n").score(&of("a\r\nb\n")), MAX_SCORE * 4 / 5);
        assert_eq!(of("a\nb\n").score(&of("a\nc\n")), MAX_SCORE / 2);
        assert!(!sizes_allow(10, 100, MAX_SCORE / 2));
        assert!(sizes_allow(50, 100, MAX_SCORE / 2));
    }
}
