//! Names as git writes them in a diff (`core.quotePath` on).

/// A name with its prefix, in quotes with escapes where it has bytes that are not plain ASCII.
pub fn quoted(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    let plain = |b: &u8| (0x20..0x7f).contains(b) && !matches!(b, b'"' | b'\\');
    if name.iter().all(plain) {
        return [prefix, name].concat();
    }
    let mut out = vec![b'"'];
    out.extend_from_slice(prefix);
    for byte in name {
        match byte {
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0b => out.extend_from_slice(b"\\v"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b if plain(b) => out.push(*b),
            b => out.extend_from_slice(format!("\\{b:03o}").as_bytes()),
        }
    }
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_quoted_as_git_does() {
        let of = |name: &[u8]| String::from_utf8(super::quoted(b"a/", name)).expect("ASCII");
        assert_eq!(of(b"x y"), "a/x y");
        assert_eq!(of("ä".as_bytes()), "\"a/\\303\\244\"");
        assert_eq!(of(b"a\nb\"c\\"), "\"a/a\\nb\\\"c\\\\\"");
        assert_eq!(of(b"\x1b\xff"), "\"a/\\033\\377\"");
    }
}
