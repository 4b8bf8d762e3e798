//! Untrusted bytes as text that cannot act on a terminal or mislead a reader.

use std::fmt::{self, Write};

/// Writes `bytes` with control, format and bidirectional characters and invalid UTF-8 made visible.
pub fn write_escaped(bytes: &[u8], out: &mut impl Write) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_hidden(c) {
                write!(out, "{}", c.escape_unicode())?;
            } else {
                out.write_char(c)?;
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// As [`write_escaped`], into a new string.
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    // Writing into a String cannot fail.
    let _ = write_escaped(bytes, &mut out);
    out
}

/// Whether a character acts or misleads instead of showing: controls, bidirectional overrides,
/// zero-width characters, tag characters (Trojan Source, CVE-2021-42574).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_shown_and_what_shows_is_kept() {
        assert_eq!(escaped("grüße 日本".as_bytes()), "grüße 日本");
        assert_eq!(escaped(b"a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escaped("x\u{202e}gpj".as_bytes()), "x\\u{202e}gpj");
        assert_eq!(escaped(b"a\xffb"), "a\\xffb");
    }
}
