//! Characters that do not show, or change how others show (Trojan Source, CVE-2021-42574; tag
//! characters, read by the next agent and not by the person), and letters that look like others.

use sandbox_workspace::escape::is_hidden;

use super::content::Added;
use super::{Class, Risk};

/// At most one risk of each of the two kinds, with the first place.
pub(super) fn find(added: &Added<'_>) -> Vec<Risk> {
    let lines: Vec<(usize, String)> = added
        .0
        .iter()
        .filter(|(_, line)| line.iter().any(|b| *b >= 0x7f || *b < 0x20))
        .map(|(number, line)| (*number, String::from_utf8_lossy(line).into_owned()))
        .collect();
    let risk = |reason, found: Option<(usize, char)>| {
        let (line, c) = found?;
        let place = format!("line {line}: U+{:04X}", u32::from(c));
        Some(Risk::new(Class::HiddenCharacters, reason, &place))
    };
    let hidden = lines
        .iter()
        .find_map(|(number, line)| first(line, *number).map(|c| (*number, c)));
    let alike = lines
        .iter()
        .find_map(|(number, line)| look_alike(line).map(|c| (*number, c)))
        .or_else(|| disguised(&lines));
    [
        risk(
            "Has characters that do not show or that change how others are shown.",
            hidden,
        ),
        risk(
            "Has a word in which letters of another script stand for ones that look the same.",
            alike,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Letters of Cyrillic and Greek that are drawn as Latin ones.
const ALIKE: &str = "аесорхуіјѕһԁԛԝАВЕКМНОРСТХУЅІЈԌԜοανρυικχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ";

/// The first such letter in a word that is otherwise Latin. Words with other letters of the same script are
/// writing; so is a single Greek letter beside Latin ones (`Δt`, `αx`), which formulas have.
fn look_alike(line: &str) -> Option<char> {
    line.split(|c: char| !c.is_alphanumeric()).find_map(|word| {
        let mut others = word.chars().filter(|c| !c.is_ascii()).peekable();
        let first = *others.peek()?;
        let latin = word.chars().filter(char::is_ascii_alphabetic).count();
        let greek = ('\u{370}'..='\u{3ff}').contains(&first);
        let written = if greek { 2 } else { 1 };
        (latin >= written && others.all(|c| ALIKE.contains(c))).then_some(first)
    })
}

/// Letters from which on a word wholly of look-alikes is more than a symbol.
const DISGUISED: usize = 3;

/// The first letter of a word that is wholly of such letters of one script, where nothing else that was added
/// is written in that script: writing has its other letters too.
fn disguised(lines: &[(usize, String)]) -> Option<(usize, char)> {
    [('\u{370}', '\u{3ff}'), ('\u{400}', '\u{52f}')]
        .into_iter()
        .find_map(|(from, to)| {
            let of_script = |c: &char| (from..=to).contains(c);
            let letters = || lines.iter().flat_map(|(_, line)| line.chars());
            if letters().any(|c| of_script(&c) && !ALIKE.contains(c)) {
                return None;
            }
            lines.iter().find_map(|(number, line)| {
                line.split(|c: char| !c.is_alphanumeric())
                    .filter(|word| word.chars().all(|c| of_script(&c)))
                    .filter(|word| word.chars().count() >= DISGUISED)
                    .find_map(|word| word.chars().next())
                    .map(|c| (*number, c))
            })
        })
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

    #[test]
    fn a_letter_that_looks_like_another_is_found_and_writing_is_not() {
        for (bad, letter) in [
            ("if is_\u{430}dmin {", '\u{430}'),
            ("p\u{430}ypal.com", '\u{430}'),
            ("let \u{421}onfig = 1", '\u{421}'),
            ("t\u{3bf}ken", '\u{3bf}'),
        ] {
            assert_eq!(look_alike(bad), Some(letter), "{bad:?}");
        }
        for good in [
            "is_admin",
            "кабель USB-кабель",
            "USBкабель",
            "Δt = αx + μs * ν_max",
            "grüße café naïve",
            "日本x",
            "а",
            "οὐρανός",
        ] {
            assert_eq!(look_alike(good), None, "{good:?}");
        }
    }

    #[test]
    fn a_word_wholly_in_disguise_is_found_and_writing_is_not() {
        let found = |text: &str| {
            let lines: Vec<_> = (1..).zip(text.lines().map(str::to_owned)).collect();
            disguised(&lines)
        };
        for (bad, line) in [
            ("import os\nfrom \u{441}\u{43e}\u{440}\u{443} import x", 2),
            ("fn \u{440}\u{430}\u{443}() {}", 1),
            ("\u{3bf}\u{3c1}\u{3c5} = 1", 1),
        ] {
            assert_eq!(found(bad).map(|(line, _)| line), Some(line), "{bad:?}");
        }
        for good in [
            "import os",
            "// хор и рок\n",
            "рос\nвырос большой",
            "α, ρ, ν = 1, 2, 3",
            "Δ = ανα",
        ] {
            assert_eq!(found(good), None, "{good:?}");
        }
    }
}
