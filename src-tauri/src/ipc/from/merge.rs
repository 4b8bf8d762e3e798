//! The merge of a conflict, in pieces.

use sandbox_review::merge::{Merge, Origin};
use sandbox_review::text::{Encoding, Lines};

use crate::ipc::review::{MergePiece, MergeSide};

/// The pieces of a merge, top to bottom; lines without their endings.
pub fn pieces(merge: &Merge) -> Vec<MergePiece> {
    merge
        .pieces()
        .iter()
        .map(|piece| {
            let [base, yours, agents] = merge.lines(piece).map(lines);
            match piece.origin {
                Origin::Same => MergePiece::Same { lines: yours },
                Origin::Yours | Origin::Both => MergePiece::Clean {
                    from: MergeSide::Yours,
                    lines: yours,
                    base,
                },
                Origin::Agents => MergePiece::Clean {
                    from: MergeSide::Agents,
                    lines: agents,
                    base,
                },
                Origin::Conflict => MergePiece::Conflict {
                    yours,
                    agents,
                    base,
                },
            }
        })
        .collect()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let encoding = Encoding::detect(bytes).unwrap_or(Encoding::Utf8);
    let text = |line: &[u8]| {
        encoding
            .decode(line)
            .trim_end_matches(['\n', '\r'])
            .to_owned()
    };
    Lines::new(bytes.to_vec(), encoding)
        .iter()
        .map(text)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_is_named() {
        let merge =
            Merge::of(b"a\nb\nc\nd\ne\n", b"A\nb\nc\nd\nE\n", b"a\nb\nC\nd\nX\n").expect("text");
        let pieces = pieces(&merge);
        let clean = |side| {
            pieces
                .iter()
                .any(|piece| matches!(piece, MergePiece::Clean { from, .. } if *from == side))
        };
        assert!(
            clean(MergeSide::Yours) && clean(MergeSide::Agents),
            "{pieces:?}"
        );
        let conflict = MergePiece::Conflict {
            yours: vec!["E".to_owned()],
            agents: vec!["X".to_owned()],
            base: vec!["e".to_owned()],
        };
        assert!(pieces.contains(&conflict), "{pieces:?}");
    }
}
