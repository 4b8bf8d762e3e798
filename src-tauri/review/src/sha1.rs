//! SHA-1, only to print git's object names in a patch. Nothing is trusted because of it.

/// The name git gives to a blob of this content, in hexadecimal.
pub(crate) fn git_blob(content: &[u8]) -> String {
    let mut message = format!("blob {}\0", content.len()).into_bytes();
    message.extend_from_slice(content);
    digest(message)
        .iter()
        .map(|word| format!("{word:08x}"))
        .collect()
}

fn digest(mut message: Vec<u8>) -> [u32; 5] {
    let bits = (message.len() as u64).wrapping_mul(8);
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend_from_slice(&bits.to_be_bytes());
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    for block in message.chunks_exact(64) {
        round(&mut state, block);
    }
    state
}

fn round(state: &mut [u32; 5], block: &[u8]) {
    let mut w = [0_u32; 80];
    for (at, word) in block.chunks_exact(4).enumerate() {
        w[at] = u32::from_be_bytes([word[0], word[1], word[2], word[3]]);
    }
    for at in 16..80 {
        w[at] = (w[at - 3] ^ w[at - 8] ^ w[at - 14] ^ w[at - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, word) in w.iter().enumerate() {
        let (f, k) = match at / 20 {
            0 => ((b & c) | (!b & d), 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(f)
            .wrapping_add(e)
            .wrapping_add(k)
            .wrapping_add(*word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (into, add) in state.iter_mut().zip([a, b, c, d, e]) {
        *into = into.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_gits() {
        assert_eq!(
            super::git_blob(b""),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        );
        assert_eq!(
            super::git_blob(b"hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
    }
}
