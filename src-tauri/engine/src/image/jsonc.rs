//! JSON with comments and trailing commas, as people write it in devcontainer.json.

/// The same document as plain JSON: comments become blanks, a comma before a closing bracket goes.
pub fn plain(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = &text[at..];
        let taken = match byte {
            b'"' => {
                let length = string(rest);
                out.extend_from_slice(&rest[..length]);
                length
            }
            b'/' if rest.starts_with(b"//") => {
                rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
            }
            b'/' if rest.starts_with(b"/*") => rest[2..]
                .windows(2)
                .position(|pair| pair == b"*/")
                .map_or(rest.len(), |end| end + 4),
            b'}' | b']' => {
                drop_comma(&mut out);
                out.push(byte);
                1
            }
            _ => {
                out.push(byte);
                1
            }
        };
        at += taken;
    }
    out
}

/// Length of the string that begins here, with its quotes.
fn string(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn drop_comma(out: &mut Vec<u8>) {
    let end = out.trim_ascii_end().len();
    if out[..end].ends_with(b",") {
        out.truncate(end - 1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::plain;
    use serde_json::{Value, json};

    #[test]
    fn comments_and_commas_go_and_strings_stay() {
        let text = br#"{
            // one
            "a": "http://x // not a comment", /* two
            lines */ "b": [1, 2, ], "c": "a\"/*b*/", "d": ", ]",
        }"#;
        let read: Value = serde_json::from_slice(&plain(text)).unwrap();
        let wanted =
            json!({ "a": "http://x // not a comment", "b": [1, 2], "c": "a\"/*b*/", "d": ", ]" });
        assert_eq!(read, wanted);
    }

    #[test]
    fn what_is_cut_off_ends() {
        for text in [&b"/*"[..], b"//", b"\"abc", b"\"\\", b"/", b"]"] {
            let _ = plain(text);
        }
    }
}
