//! The computer's certificates in the only form that the JVM takes them in: its own key store, of the old kind, which is
//! simple.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
/// An entry that is a certificate to be trusted.
const TRUSTED: u32 = 2;
/// At the end: a hash over a password and everything before. The JVM looks at it only where it was given a password.
const NO_HASH: [u8; 20] = [0; 20];

/// A key store with every certificate of the bundle. What does not read in it is left out, as other programs do.
pub fn trust_store(pem: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(pem);
    let certificates: Vec<Vec<u8>> = text
        .split(BEGIN)
        .skip(1)
        .filter_map(|rest| rest.split_once(END))
        .filter_map(|(body, _)| {
            let body: String = body.split_whitespace().collect();
            STANDARD.decode(body).ok()
        })
        .collect();
    let mut out = Vec::with_capacity(pem.len());
    out.extend(MAGIC.to_be_bytes());
    out.extend(VERSION.to_be_bytes());
    out.extend(length(certificates.len()));
    for (at, certificate) in certificates.iter().enumerate() {
        out.extend(TRUSTED.to_be_bytes());
        text_of(&mut out, &at.to_string());
        // When it was put in: the same bundle gives the same bytes.
        out.extend(0u64.to_be_bytes());
        text_of(&mut out, "X.509");
        out.extend(length(certificate.len()));
        out.extend(certificate);
    }
    out.extend(NO_HASH);
    out
}

fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes()
}

/// A short name in ASCII.
fn text_of(out: &mut Vec<u8>, text: &str) {
    let count = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(count.to_be_bytes());
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_that_reads_is_in_it() {
        let pem = format!(
            "# a comment\n{BEGIN}\nAQID\nBA==\n{END}\n{BEGIN}\nnot base64!\n{END}\n{BEGIN}\r\nBQ==\r\n{END}"
        );
        let store = trust_store(pem.as_bytes());
        let entry = |alias: u8, body: &[u8]| {
            let head = [0, 0, 0, 2, 0, 1, alias, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
            let length = [0, 0, 0, u8::try_from(body.len()).unwrap_or(0)];
            [&head[..], b"X.509", &length, body].concat()
        };
        let wanted = [
            &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 2][..],
            &entry(b'0', &[1, 2, 3, 4]),
            &entry(b'1', &[5]),
            &NO_HASH,
        ];
        assert_eq!(store, wanted.concat());
    }
}
