//! Takes a key out of what comes back, also where it is split over pieces. Each byte of it becomes a `*`, so
//! lengths stay as they are.

use zeroize::Zeroizing;

/// What a masked byte becomes.
const MASK: u8 = b'*';

/// See the module. One for each direction of each answer.
pub struct Mask {
    /// The key in the ways in which it can be written, none of them empty.
    forms: Vec<Zeroizing<Vec<u8>>>,
    /// The end of what came, if it could be the beginning of a key.
    held: Vec<u8>,
}

impl Mask {
    /// For a key; `None` masks nothing.
    pub fn new(key: Option<&str>) -> Self {
        let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for form in key.into_iter().flat_map(written) {
            if !form.is_empty() && !forms.contains(&form) {
                forms.push(form);
            }
        }
        Self {
            forms,
            held: Vec::new(),
        }
    }

    /// Takes a piece and gives what can be passed on by now.
    pub fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(piece);
        self.cover(&mut bytes);
        let keep = self.begun(&bytes);
        self.held = bytes.split_off(bytes.len() - keep);
        bytes
    }

    /// What was held back, at the end.
    pub fn end(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Masks what is there as a whole.
    pub fn cover(&self, bytes: &mut [u8]) {
        for form in &self.forms {
            let mut at = 0;
            while let Some(found) = find(&bytes[at..], form) {
                bytes[at + found..at + found + form.len()].fill(MASK);
                at += found + form.len();
            }
        }
    }

    /// How many bytes at the end could be the beginning of a key.
    fn begun(&self, bytes: &[u8]) -> usize {
        let longest = |form: &Zeroizing<Vec<u8>>| {
            (1..form.len().min(bytes.len() + 1))
                .rev()
                .find(|length| bytes.ends_with(&form[..*length]))
                .unwrap_or(0)
        };
        self.forms.iter().map(longest).max().unwrap_or(0)
    }
}

/// The key as it is, as an address writes it, as JSON may write it, and in the alphabets of base64: whole
/// groups of three bytes at each of the three places at which they can begin.
fn written(key: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let wrap = |text: String| Zeroizing::new(text.into_bytes());
    let mut percent = [String::new(), String::new()];
    for byte in key.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let (great, small) = match plain {
            true => (char::from(byte).to_string(), char::from(byte).to_string()),
            false => (format!("%{byte:02X}"), format!("%{byte:02x}")),
        };
        percent[0].push_str(&great);
        percent[1].push_str(&small);
    }
    let json = key.replace('\\', "\\\\").replace('"', "\\\"");
    let mut forms = vec![wrap(key.to_owned())];
    forms.extend(percent.map(wrap));
    forms.push(wrap(json.replace('/', "\\/")));
    forms.push(wrap(json));
    for skip in 0..3 {
        let bytes = &key.as_bytes()[skip.min(key.len())..];
        let whole = &bytes[..bytes.len() / 3 * 3];
        // Shorter is found in ordinary text.
        if whole.len() >= 6 {
            forms.push(wrap(base64(whole, b'+', b'/')));
            forms.push(wrap(base64(whole, b'-', b'_')));
        }
    }
    forms
}

fn base64(bytes: &[u8], plus: u8, slash: u8) -> String {
    let letter = |six: u8| match six {
        0..=25 => b'A' + six,
        26..=51 => b'a' + six - 26,
        52..=61 => b'0' + six - 52,
        62 => plus,
        _ => slash,
    };
    bytes
        .chunks_exact(3)
        .flat_map(|three| {
            [
                three[0] >> 2,
                (three[0] & 3) << 4 | three[1] >> 4,
                (three[1] & 15) << 2 | three[2] >> 6,
                three[2] & 63,
            ]
        })
        .map(|six| char::from(letter(six)))
        .collect()
}

fn find(bytes: &[u8], form: &[u8]) -> Option<usize> {
    let first = *form.first()?;
    let mut at = 0;
    while bytes.len() - at >= form.len() {
        let last = bytes.len() - form.len();
        at += bytes[at..=last].iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(form) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "sk-ca/na+ry-0123";

    fn masked(pieces: &[&[u8]]) -> Vec<u8> {
        let mut mask = Mask::new(Some(KEY));
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(mask.pass(piece));
        }
        out.extend(mask.end());
        out
    }

    #[test]
    fn a_key_is_covered_however_it_is_written() {
        for (text, left) in [
            (KEY.to_owned(), 0),
            (KEY.replace('/', "%2F").replace('+', "%2B"), 0),
            (KEY.replace('/', "%2f").replace('+', "%2b"), 0),
            (KEY.replace('/', "\\/"), 0),
            ("c2stY2EvbmErcnktMDEyMw==".to_owned(), 4),
            ("QmVhcmVyIHNrLWNhL25hK3J5LTAxMjM=".to_owned(), 16),
        ] {
            let line = format!("data: {text} end");
            let out = String::from_utf8(masked(&[line.as_bytes()])).unwrap();
            let stars = out.bytes().filter(|byte| *byte == b'*').count();
            assert_eq!(stars, text.len() - left, "{text} became {out}");
            assert_eq!(out.len(), line.len());
        }
        assert_eq!(
            Mask::new(None).pass(KEY.as_bytes()),
            KEY.as_bytes(),
            "the probe can succeed"
        );
    }

    #[test]
    fn an_event_of_a_stream_is_never_held_back() {
        let mut mask = Mask::new(Some(KEY));
        assert_eq!(mask.pass(b"data: {}\n\n"), b"data: {}\n\n");
        assert_eq!(
            mask.pass(b"as sk-c"),
            b"as ",
            "only what could be its beginning"
        );
        assert_eq!(mask.pass(b"ool"), b"sk-cool");
    }

    proptest! {
        #[test]
        fn wherever_it_is_split(before in "[a-z-]{0,40}", after in "[a-z-]{0,40}", cuts in prop::collection::vec(0_usize..96, 0..6)) {
            let text = format!("{before}{KEY}{after}{KEY}");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|two| &text.as_bytes()[two[0]..two[1]]).collect();
            let stars = "*".repeat(KEY.len());
            prop_assert_eq!(String::from_utf8(masked(&pieces)).unwrap(), format!("{before}{stars}{after}{stars}"));
        }
    }
}
