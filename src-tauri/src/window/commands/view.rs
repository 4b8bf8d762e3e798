//! Contents for the window's viewer. What a file is, its bytes say, never its name.

use agent_sandbox::ipc::sandbox::FileView;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox_review::diff::dimensions;
use sandbox_review::text::{Encoding, is_binary};

/// Bytes of a text that are shown.
const TEXT: usize = 2 << 20;
/// Pictures of more bytes are not shown.
const PICTURE: u64 = 20 << 20;
/// What the page can draw. SVG is text: it could carry a script.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// `bytes` are the beginning of `size` bytes, or all of them.
pub fn of_bytes(bytes: &[u8], size: u64) -> FileView {
    let kind = infer::get(bytes).map(|kind| kind.mime_type());
    if let Some(mime) = kind.filter(|mime| PICTURES.contains(mime)) {
        if size > PICTURE {
            return FileView::TooLarge { size };
        }
        let (width, height) = dimensions(bytes).unzip();
        return FileView::Image {
            mime: mime.to_owned(),
            base64: STANDARD.encode(bytes),
            size,
            width,
            height,
        };
    }
    if is_binary(bytes) {
        return FileView::Binary {
            size,
            description: kind.unwrap_or("Binary file").to_owned(),
        };
    }
    let shown = &bytes[..bytes.len().min(TEXT)];
    let encoding = Encoding::detect(shown).unwrap_or(Encoding::Utf8);
    FileView::Text {
        text: encoding.decode(shown),
        size,
        encoding: encoding.name().to_owned(),
        cut: size > shown.len() as u64,
    }
}
