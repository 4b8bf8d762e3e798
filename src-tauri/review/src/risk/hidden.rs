//! Characters that do not show, or change how others show (Trojan Source, CVE-2021-42574; tag
//! characters, read by the next agent and not by the person).

use sandbox_workspace::escape::is_hidden;

use super::content::Added;
use super::{Class, Risk};

pub(super) fn find(added: &Added<'_>) -> Option<Risk> {
    let (line, c) = added
        .0
        .iter()
        .filter(|(_, line)| line.iter().any(|b| *b >= 0x7f || *b < 0x20))
        .find_map(|(number, line)| {
            first(&String::from_utf8_lossy(line), *number).map(|c| (*number, c))
        })?;
    Some(Risk::new(
        Class::HiddenCharacters,
        "Has characters that do not show or that change how others are shown.",
        &format!("line {line}: U+{:04X}", u32::from(c)),
    ))
}

/// The first character that hides something; what ordinary writing needs is let through.
fn first(line: &str, number: usize) -> Option<char> {
    let chars: Vec<char> = line.chars().collect();
    let mut flag = false;
    chars.iter().enumerate().find_map(|(at, c)| {
        let neighbour = |near: Option<&char>| near.is_some_and(|c| !c.is_ascii());
        let beside_writing = neighbour(at.checked_sub(1).and_then(|before| chars.get(before)))
            && neighbour(chars.get(at + 1));
        let fine = match c {
            '\t' | '\u{c}' => true,
            '\r' => at + 1 == chars.len(),
            '\u{feff}' => at == 0 && number == 1,
            // Joiners between letters of scripts that need them, and in emoji.
            '\u{200c}' | '\u{200d}' | '\u{200e}' | '\u{200f}' => beside_writing,
            '\u{ad}' => true,
            // Flags of regions are a black flag and tags.
            '\u{e0020}'..='\u{e007f}' => flag,
            _ => !is_hidden(*c),
        };
        flag = *c == '\u{1f3f4}' || (flag && matches!(c, '\u{e0020}'..='\u{e007e}'));
        (!fine).then_some(*c)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_found_and_writing_is_not() {
        for bad in [
            "if x\u{202e} {",
            "a\u{200b}b",
            "\u{e0041}\u{e0042}",
            "x\u{2066}y",
            "a\u{1b}[2J",
            "a\rb",
        ] {
            assert!(first(bad, 1).is_some(), "{bad:?}");
        }
        for good in [
            "plain\r",
            "\tx",
            "grüße",
            "👩\u{200d}💻",
            "می\u{200c}خواهم",
            "🏴\u{e0067}\u{e0062}\u{e007f}",
            "\u{feff}x",
        ] {
            assert_eq!(first(good, 1), None, "{good:?}");
        }
    }
}
