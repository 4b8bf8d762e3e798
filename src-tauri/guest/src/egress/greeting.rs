//! The TLS greeting at the start of a tunnel: whom the program really speaks to.

use std::time::Duration;

use rustls::server::Acceptor;
use sandbox_protocol::policy::{Authority, Host, HostName};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest greeting, in bytes: what a thousand of them take fits into the gateway's memory.
const MAX_GREETING: usize = 32 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a tunnel began with.
#[derive(Debug, PartialEq, Eq)]
pub enum Greeting {
    /// TLS for its host: all bytes that were read, to be sent on.
    Right(Vec<u8>),
    /// It was closed, and nothing had come.
    Nothing,
    /// Not TLS, another name, no name, or not in time.
    Wrong,
}

/// Reads the greeting and holds its server name against the tunnel's host.
pub async fn check(
    from: &mut (impl AsyncRead + Unpin),
    already: Vec<u8>,
    target: &Authority,
) -> Greeting {
    let mut acceptor = Acceptor::default();
    let mut bytes = already;
    let mut fed = 0;
    let mut closed = false;
    let read = async {
        loop {
            while fed < bytes.len() {
                let mut rest = &bytes[fed..];
                let before = rest.len();
                acceptor.read_tls(&mut rest).ok()?;
                fed += before - rest.len();
                match acceptor.accept() {
                    Ok(Some(accepted)) => {
                        let hello = accepted.client_hello();
                        return names(hello.server_name(), &target.host).then_some(());
                    }
                    Ok(None) if before > rest.len() => {}
                    _ => return None,
                }
            }
            let room = MAX_GREETING.saturating_sub(bytes.len());
            if room == 0 {
                return None;
            }
            let mut some = (&mut *from).take(room as u64);
            if some.read_buf(&mut bytes).await.ok()? == 0 {
                closed = true;
                return None;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Some(())) => Greeting::Right(bytes),
        Ok(None) if closed && bytes.is_empty() => Greeting::Nothing,
        _ => Greeting::Wrong,
    }
}

fn names(stated: Option<&str>, host: &Host) -> bool {
    match (host, stated) {
        (Host::Name(name), Some(stated)) => {
            HostName::parse(stated.as_bytes()).is_ok_and(|stated| stated == *name)
        }
        // Greetings to a bare address carry no name.
        (Host::Address(_), None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::egress::tests::greeting;
    use proptest::prelude::*;

    /// The server name of a greeting, by a second reader that knows nothing but where it lies.
    fn name_of(bytes: &[u8]) -> Option<String> {
        let (mut message, mut rest) = (Vec::new(), bytes);
        while let [22, _, _, high, low, more @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            message.extend_from_slice(more.get(..length)?);
            rest = &more[length..];
        }
        // Kind and length, version and random.
        let mut rest = message.get(4 + 2 + 32..)?;
        let mut skip = |width: usize| {
            let (length, more) = rest.split_at_checked(width)?;
            let length = length
                .iter()
                .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
            let (part, more) = more.split_at_checked(length)?;
            rest = more;
            Some(part.to_vec())
        };
        // Session, suites, compressions.
        for width in [1, 2, 1] {
            skip(width)?;
        }
        let extensions = skip(2)?;
        let mut rest = extensions.as_slice();
        while let [kind_high, kind_low, high, low, more @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let body = more.get(..length)?;
            if (*kind_high, *kind_low) == (0, 0) {
                return Some(String::from_utf8_lossy(body.get(5..)?).into_owned());
            }
            rest = &more[length..];
        }
        None
    }

    #[test]
    fn what_is_nearly_a_greeting_is_for_its_host_or_wrong() {
        let target = Authority::parse(b"good.test:443").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let greet = |bytes: &[u8], at: usize| {
            let at = at.min(bytes.len());
            let (already, mut from) = (bytes[..at].to_vec(), &bytes[at..]);
            runtime.block_on(check(&mut from, already, &target))
        };
        let right = greeting(Some("good.test"));
        assert_eq!(name_of(&right).as_deref(), Some("good.test"));
        assert_eq!(greet(&right, 0), Greeting::Right(right.clone()));
        let change = (0..right.len(), 0..4_usize, any::<u8>(), any::<bool>());
        let changes = prop::collection::vec(change, 1..3);
        let taken = std::cell::Cell::new(0);
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(4000));
        let tried = runner.run(&(changes, 0..right.len()), |(changes, at)| {
            let mut bytes = right.clone();
            for (at, count, byte, replaces) in changes {
                let at = at.min(bytes.len());
                let end = (at + count).min(bytes.len());
                match replaces {
                    true => bytes[at..end].fill(byte),
                    false => drop(bytes.splice(at..at, vec![byte; count])),
                }
            }
            if let Greeting::Right(first) = greet(&bytes, at) {
                taken.set(taken.get() + 1);
                prop_assert!(bytes.starts_with(&first), "nothing but what came");
                let name = name_of(&bytes).unwrap_or_default().to_ascii_lowercase();
                prop_assert_eq!(name.strip_suffix('.').unwrap_or(&name), "good.test");
            }
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{error}"));
        // Most of a greeting is random numbers.
        let taken = taken.get();
        assert!((100..3900).contains(&taken), "{taken} of 4000");
    }
}
