//! What only the bytes show.

use super::{Class, Risk, hidden, manifest, pattern, secrets};
use crate::Change;

/// Risks that the contents before and after show. A deletion has none.
pub fn by_content(change: &Change, old: Option<&[u8]>, new: Option<&[u8]>) -> Vec<Risk> {
    let Some(new) = new else {
        return Vec::new();
    };
    // Under its old name it may have meant nothing.
    let known = old.filter(|_| change.old_path.is_none());
    let mut risks: Vec<Risk> = pattern::matches(&change.path)
        .filter(|rule| rule.by_content)
        .filter_map(|rule| {
            let at = manifest::danger(change.path.file_name(), known, new)?;
            Some(Risk::new(rule.class, rule.reason, &at))
        })
        .collect();
    risks.extend(program(change, old, new));
    if crate::text::is_binary(new) {
        return risks;
    }
    let added = Added::of(old, new);
    risks.extend(hidden::find(&added));
    risks.extend(secrets::find(&added));
    risks
}

/// The risk that the first bytes of a file show which is too large to be read whole.
pub fn by_beginning(change: &Change, old: Option<&[u8]>, new: &[u8]) -> Option<Risk> {
    program(change, old, new)
}

/// Lines of the new content that the old one does not have, with their numbers from 1.
pub(super) struct Added<'a>(pub(super) Vec<(usize, &'a [u8])>);

impl<'a> Added<'a> {
    pub(super) fn of(old: Option<&[u8]>, new: &'a [u8]) -> Self {
        let before: std::collections::HashSet<&[u8]> =
            old.unwrap_or_default().split(|b| *b == b'\n').collect();
        Self(
            new.split(|b| *b == b'\n')
                .enumerate()
                .filter(|(_, line)| !before.contains(line))
                .map(|(at, line)| (at + 1, line))
                .collect(),
        )
    }
}

fn program(change: &Change, old: Option<&[u8]>, new: &[u8]) -> Option<Risk> {
    let risk = |reason, pattern| Some(Risk::new(Class::Executable, reason, pattern));
    let interpreter = |bytes: &[u8]| bytes.starts_with(b"#!") && !bytes.starts_with(b"#![");
    if interpreter(new) && !old.is_some_and(interpreter) {
        let marked = change
            .risks
            .iter()
            .any(|risk| risk.class == Class::Executable);
        if !marked {
            return risk("Begins like a program that a shell can start.", "#!");
        }
        return None;
    }
    match new {
        [0x7f, b'E', b'L', b'F', ..] => risk("Is a program for Linux.", "ELF"),
        [b'M', b'Z', ..] if new.len() > 64 && crate::text::is_binary(new) => {
            risk("Is a program for Windows.", "PE")
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..]
        | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xca, 0xfe, 0xba, 0xbe, ..] => risk("Is a program for macOS or Java.", "Mach-O"),
        _ => None,
    }
}
