//! What a provider answers: its head read strictly, its body taken out of its framing, so that it can be
//! searched, and framed anew.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::mask::Mask;
use crate::egress::request::HOP_BY_HOP;

/// Longest head, and longest line between two chunks.
const MAX_HEAD: usize = 64 * 1024;
const MAX_LINE: usize = 4096;
const MAX_HEADERS: usize = 128;
/// Words such as `103 Early Hints` before the answer.
const MAX_INTERIM: usize = 8;
const PIECE: usize = 32 * 1024;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// In chunks: bytes that are left of the present one, and whether there was one.
    Chunked {
        /// See above.
        left: u64,
        /// See above.
        begun: bool,
    },
    /// With the connection.
    Close,
}

/// An answer's head.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// To be sent on, masked, with the framing's own headers.
    pub bytes: Vec<u8>,
    /// How the body ends.
    pub framing: Framing,
}

/// Reads from a provider, with what was read too far kept.
pub struct Answer<R> {
    from: R,
    read: Vec<u8>,
    start: usize,
}

impl<R: AsyncRead + Unpin> Answer<R> {
    /// Nothing read yet.
    pub fn new(from: R) -> Self {
        Self {
            from,
            read: Vec::new(),
            start: 0,
        }
    }

    /// The head, masked.
    ///
    /// # Errors
    /// One that does not read, is too long, or says that the body is packed.
    pub async fn head(&mut self, method: &str, mask: &Mask) -> io::Result<Head> {
        for _ in 0..MAX_INTERIM {
            let head = self.head_bytes().await?;
            if let Some(head) = parse(&head, method, mask)? {
                return Ok(head);
            }
        }
        Err(wrong("too many words before its answer"))
    }

    async fn head_bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut seen = self.start;
        loop {
            let from = seen.max(self.start + 3) - 3;
            let end = self.read[from..]
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            if let Some(at) = end {
                let end = from + at + 4;
                let head = self.read[self.start..end].to_vec();
                self.start = end;
                return Ok(head);
            }
            seen = self.read.len();
            if self.read.len() - self.start >= MAX_HEAD {
                return Err(wrong("a head without an end"));
            }
            self.more().await?;
        }
    }

    /// The next piece of a body; empty at its end.
    ///
    /// # Errors
    /// A body that ends too early, or chunks that do not read: what came so far may be passed on, an end may not.
    pub async fn piece(&mut self, framing: &mut Framing) -> io::Result<Vec<u8>> {
        match framing {
            Framing::Length(0) => Ok(Vec::new()),
            Framing::Length(left) => self.some(left).await,
            Framing::Close => {
                if self.start == self.read.len() && !self.fill().await? {
                    return Ok(Vec::new());
                }
                self.some(&mut { u64::MAX }).await
            }
            Framing::Chunked { left, begun } => {
                if *left == 0 {
                    *left = self.chunk_size(*begun).await?;
                    *begun = true;
                }
                if *left == 0 {
                    self.trailers().await?;
                    *framing = Framing::Length(0);
                    return Ok(Vec::new());
                }
                self.some(left).await
            }
        }
    }

    /// Between two chunks there is one end of line, before the first there is none.
    async fn chunk_size(&mut self, begun: bool) -> io::Result<u64> {
        if begun && !self.line().await?.is_empty() {
            return Err(wrong("a chunk that is longer than it says"));
        }
        let line = self.line().await?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let digits = digits.trim_ascii_end();
        let hex = digits.len() <= 8 && digits.iter().all(u8::is_ascii_hexdigit);
        std::str::from_utf8(digits)
            .ok()
            .filter(|_| hex)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or_else(|| wrong("a chunk without a length"))
    }

    async fn trailers(&mut self) -> io::Result<()> {
        for _ in 0..MAX_HEADERS {
            if self.line().await?.is_empty() {
                return Ok(());
            }
        }
        Err(wrong("trailers without an end"))
    }

    /// At most `left` bytes, at least one; counts them off.
    async fn some(&mut self, left: &mut u64) -> io::Result<Vec<u8>> {
        if self.start == self.read.len() && !self.fill().await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let there = (self.read.len() - self.start).min(PIECE);
        let count = usize::try_from(*left).map_or(there, |left| left.min(there));
        let piece = self.read[self.start..self.start + count].to_vec();
        self.start += count;
        *left -= count as u64;
        Ok(piece)
    }

    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let held = &self.read[self.start..];
            if let Some(at) = held.windows(2).position(|two| two == b"\r\n") {
                let line = held[..at].to_vec();
                self.start += at + 2;
                return Ok(line);
            }
            if held.len() > MAX_LINE {
                return Err(wrong("a line without an end"));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.fill().await? {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// False: the other end has ended.
    async fn fill(&mut self) -> io::Result<bool> {
        self.read.drain(..self.start);
        self.start = 0;
        self.read.reserve(PIECE);
        Ok(self.from.read_buf(&mut self.read).await? > 0)
    }
}

/// `None`: a word before the answer.
fn parse(head: &[u8], method: &str, mask: &Mask) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        _ => return Err(wrong("an answer that does not read")),
    }
    let code = parsed.code.unwrap_or(0);
    match code {
        101 => return Err(wrong("another protocol")),
        100..=199 => return Ok(None),
        200..=599 => {}
        _ => return Err(wrong("an answer without a number")),
    }
    let headers: &[httparse::Header<'_>] = parsed.headers;
    let packed = values(headers, "content-encoding")
        .any(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"));
    let framing = if method == "HEAD" || code == 204 || code == 304 {
        Framing::Length(0)
    } else if packed {
        return Err(wrong(
            "a packed answer, which cannot be searched for the key",
        ));
    } else {
        framing(headers)?
    };
    let mut bytes = format!("HTTP/1.1 {code} ").into_bytes();
    let mut reason = parsed.reason.unwrap_or_default().as_bytes().to_vec();
    mask.cover(&mut reason);
    bytes.extend_from_slice(&reason);
    bytes.extend_from_slice(b"\r\n");
    let no_body = framing == Framing::Length(0);
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        // The length of what a HEAD asks about is not a frame.
        let stays = name == "content-length" && (no_body || matches!(framing, Framing::Length(_)));
        if !stays
            && (name == "content-length"
                || DROPPED.contains(&name.as_str())
                || HOP_BY_HOP.contains(&name.as_str()))
        {
            continue;
        }
        let mut line = [header.name.as_bytes(), b": ", header.value, b"\r\n"].concat();
        mask.cover(&mut line);
        bytes.extend_from_slice(&line);
    }
    if matches!(framing, Framing::Chunked { .. }) {
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    Ok(Some(Head { bytes, framing }))
}

/// A session that the key began is as good as the key; the others would speak of another host than the
/// program knows.
const DROPPED: [&str; 4] = [
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
];

fn values<'a>(
    headers: &'a [httparse::Header<'a>],
    name: &'static str,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.trim_ascii())
}

fn framing(headers: &[httparse::Header<'_>]) -> io::Result<Framing> {
    let encodings: Vec<&[u8]> = values(headers, "transfer-encoding").collect();
    let lengths: Vec<&[u8]> = values(headers, "content-length").collect();
    match (encodings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Framing::Close),
        ([one], []) if one.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked {
            left: 0,
            begun: false,
        }),
        ([], [one]) if !one.is_empty() && one.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(one)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Framing::Length)
                .ok_or_else(|| wrong("a length that is none"))
        }
        _ => Err(wrong("an answer whose end can be read in two ways")),
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "sk-canary-0123";

    async fn read(answer: &[u8], method: &str) -> io::Result<(String, Vec<u8>)> {
        let mask = Mask::new(Some(KEY));
        let mut answer = Answer::new(answer);
        let Head { bytes, mut framing } = answer.head(method, &mask).await?;
        let mut body = Vec::new();
        loop {
            let piece = answer.piece(&mut framing).await?;
            if piece.is_empty() {
                return Ok((String::from_utf8(bytes).unwrap(), body));
            }
            body.extend(piece);
        }
    }

    #[tokio::test]
    async fn each_framing_gives_its_body() {
        for (rest, body) in [
            ("Content-Length: 5\r\n\r\nhello", "hello"),
            (
                "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n",
                "hello!",
            ),
            ("\r\nhello", "hello"),
            ("Content-Length: 0\r\n\r\n", ""),
        ] {
            let answer =
                format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n{rest}");
            let (head, found) = read(answer.as_bytes(), "POST").await.unwrap();
            assert_eq!(found, body.as_bytes(), "{rest}");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        }
        let (head, body) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD")
            .await
            .unwrap();
        assert!(head.contains("Content-Length: 9") && body.is_empty());
    }

    #[tokio::test]
    async fn a_head_loses_the_key_and_sessions() {
        let answer = format!(
            "HTTP/1.1 401 no {KEY}\r\nX-Echo: {KEY}\r\nSet-Cookie: s=1\r\nAlt-Svc: h3\r\nConnection: x-a\r\nContent-Length: 0\r\n\r\n"
        );
        let (head, _) = read(answer.as_bytes(), "GET").await.unwrap();
        assert!(
            !head.contains(KEY) && head.contains("X-Echo: ****"),
            "{head}"
        );
        assert!(
            !head.contains("Set-Cookie") && !head.contains("h3"),
            "{head}"
        );
    }

    #[tokio::test]
    async fn what_cannot_be_searched_or_read_in_one_way_is_refused() {
        for rest in [
            "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "Content-Length: 5\r\n\r\nhell",
            "Content-Length: +5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
        ] {
            let answer = format!("HTTP/1.1 200 OK\r\n{rest}");
            assert!(read(answer.as_bytes(), "GET").await.is_err(), "{rest}");
        }
        for answer in [
            "",
            "HTTP/1.1 101 Switching\r\n\r\n",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(read(answer.as_bytes(), "GET").await.is_err(), "{answer}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..600), chunked in any::<bool>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let head: &[u8] = if chunked { b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" } else { b"" };
            let _ = runtime.block_on(read(&[head, &noise].concat(), "GET"));
        }
    }
}
