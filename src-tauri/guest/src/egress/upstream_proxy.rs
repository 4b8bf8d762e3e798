//! A proxy of the computer's own network, which everybody there must use: the gateway asks it for a tunnel.

use std::net::IpAddr;
use std::time::Duration;

use sandbox_protocol::egress::Refusal;
use sandbox_protocol::policy::{Authority, is_public};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the proxy may take: it connects meanwhile.
const ANSWER: Duration = Duration::from_secs(30);
/// Longest head of its answer, in bytes.
const MOST: usize = 16 * 1024;
const HEADERS: usize = 64;

/// Whether a proxy can be at an address: the user's network, or a public one; never this gateway itself, everybody
/// at once, or what clouds keep at link-local addresses.
pub fn may_be(address: IpAddr) -> bool {
    match address.to_canonical() {
        // Some offices use the range of carriers.
        IpAddr::V4(v4) => {
            v4.is_private() || matches!(v4.octets(), [100, 64..=127, ..]) || is_public(v4.into())
        }
        IpAddr::V6(v6) => v6.is_unique_local() || is_public(address),
    }
}

/// Asks for a tunnel. Not a byte of what comes behind the answer is read.
pub async fn tunnel(mut stream: TcpStream, target: &Authority) -> Result<TcpStream, Refusal> {
    let asked = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let opened = async {
        stream.write_all(asked.as_bytes()).await.ok()?;
        let head = head(&mut stream).await?;
        status(&head)
    };
    match tokio::time::timeout(ANSWER, opened).await {
        Ok(Some(200..=299)) => Ok(stream),
        Ok(Some(_)) => Err(Refusal::UpstreamSaidNo),
        Ok(None) | Err(_) => Err(Refusal::NoUpstream),
    }
}

async fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MOST {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    Some(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => response.code,
        _ => None,
    }
}

/// A plain request's head with the whole address in its first line, as proxies are asked.
pub fn whole_address(head: &[u8], target: &Authority) -> Vec<u8> {
    let space = head.iter().position(|byte| *byte == b' ').unwrap_or(0);
    let (method, rest) = head.split_at(space);
    let address = match target.port {
        80 => format!(" http://{}", target.host),
        _ => format!(" http://{target}"),
    };
    [method, address.as_bytes(), rest.trim_ascii_start()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io;
    use std::net::SocketAddr;
    use std::sync::{Arc, Mutex};

    use sandbox_protocol::egress::{Grant, Subnet, UpstreamProxy};
    use sandbox_protocol::policy::{Policy, Reach};
    use tokio::net::{TcpListener, UnixStream};

    use crate::egress::connection::serve;
    use crate::egress::outside::{Outside, Soon};
    use crate::egress::state::Gateway;
    use crate::egress::tests::{greeting, piece};

    /// A network whose only way out is its proxy.
    struct Office {
        proxy: SocketAddr,
        lookups: Mutex<Vec<String>>,
        dialled: Mutex<Vec<SocketAddr>>,
    }

    impl Outside for Office {
        fn resolve(&self, name: String) -> Soon<'_, Vec<IpAddr>> {
            self.lookups.lock().unwrap().push(name.clone());
            let found = match name.as_str() {
                "proxy.office" => Ok(vec!["10.1.2.3".parse().unwrap()]),
                "loop.office" => Ok(vec!["127.0.0.1".parse().unwrap()]),
                _ => Err(io::Error::other("nobody outside is known here")),
            };
            Box::pin(async move { found })
        }

        fn connect(&self, to: SocketAddr) -> Soon<'_, TcpStream> {
            self.dialled.lock().unwrap().push(to);
            Box::pin(TcpStream::connect(self.proxy))
        }
    }

    struct Stage {
        gateway: Arc<Gateway>,
        office: Arc<Office>,
        /// First lines that the proxy was asked.
        asked: Arc<Mutex<Vec<String>>>,
    }

    /// The proxy answers a tunnel as it is told, then `pong` to every piece.
    async fn stage(host: &str, answer: &'static str) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = head(&mut stream).await.unwrap_or_default();
                let head = String::from_utf8_lossy(&head).into_owned();
                let first = head.lines().next().unwrap_or_default().to_owned();
                let is_tunnel = first.starts_with("CONNECT");
                lines.lock().unwrap().push(first);
                let plain = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsaid";
                let said = if is_tunnel { answer } else { plain };
                let _ = stream.write_all(said.as_bytes()).await;
                tokio::spawn(async move {
                    let mut piece = [0; 4096];
                    while let Ok(1..) = stream.read(&mut piece).await {
                        let _ = stream.write_all(b"pong").await;
                    }
                });
            }
        });
        let office = Arc::new(Office {
            proxy,
            lookups: Mutex::default(),
            dialled: Mutex::default(),
        });
        let gateway = Gateway::new(office.clone());
        gateway.set_grant(Grant {
            policy: Policy {
                reach: Reach::Approved,
                allow: ["good.test", "*.wide.test"]
                    .map(|rule| rule.parse().unwrap())
                    .into(),
                deny: vec!["bad.wide.test".parse().unwrap()],
            },
            refused: vec![Subnet::parse("203.0.113.99").unwrap()],
            services: Vec::new(),
            upstream: Some(UpstreamProxy {
                host: host.to_owned(),
                port: 3128,
            }),
        });
        Stage {
            gateway,
            office,
            asked,
        }
    }

    impl Stage {
        async fn ask(&self, request: &str) -> (UnixStream, String) {
            let (mut client, server) = UnixStream::pair().unwrap();
            let gateway = self.gateway.clone();
            tokio::spawn(async move { serve(&gateway, server).await });
            client.write_all(request.as_bytes()).await.unwrap();
            let answer = piece(&mut client).await;
            (client, answer)
        }
    }

    const YES: &str = "HTTP/1.1 200 Connection established\r\nVia: office\r\n\r\n";

    #[tokio::test]
    async fn approved_names_go_by_the_proxy_and_are_not_looked_up_here() {
        let stage = stage("proxy.office", YES).await;
        let (mut client, answer) = stage.ask("CONNECT good.test:443 HTTP/1.1\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            !answer.contains("office"),
            "the proxy's own words stay outside: {answer}"
        );
        client
            .write_all(&greeting(Some("good.test")))
            .await
            .unwrap();
        assert_eq!(piece(&mut client).await, "pong", "both ways");
        let plain = "GET http://good.test/a?b HTTP/1.1\r\nHost: good.test\r\n\r\n";
        let (_, answer) = stage.ask(plain).await;
        assert!(answer.ends_with("said"), "{answer}");
        let asked = [
            "CONNECT good.test:443 HTTP/1.1",
            "GET http://good.test/a?b HTTP/1.1",
        ];
        assert_eq!(*stage.asked.lock().unwrap(), asked);
        assert_eq!(
            *stage.office.lookups.lock().unwrap(),
            ["proxy.office", "proxy.office"]
        );
        let proxy: SocketAddr = "10.1.2.3:3128".parse().unwrap();
        assert_eq!(*stage.office.dialled.lock().unwrap(), [proxy, proxy]);
    }

    #[tokio::test]
    async fn the_rules_about_names_stay() {
        let stage = stage("10.1.2.3", YES).await;
        for (target, why) in [
            ("other.test:443", "nobody approved it"),
            ("bad.wide.test:443", "it is blocked"),
            ("good.test:8443", "another port"),
            ("10.0.0.1:443", "a private address"),
            ("169.254.169.254:443", "metadata"),
            ("203.0.113.99:443", "this computer"),
            ("proxy.office:3128", "the proxy itself"),
        ] {
            let (_, answer) = stage
                .ask(&format!("CONNECT {target} HTTP/1.1\r\n\r\n"))
                .await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{why}: {answer}");
        }
        assert_eq!(
            *stage.asked.lock().unwrap(),
            Vec::<String>::new(),
            "the proxy heard of none"
        );
        assert_eq!(*stage.office.lookups.lock().unwrap(), Vec::<String>::new());
        // A tunnel is still for the site that it was asked for.
        let (mut client, _) = stage.ask("CONNECT a.wide.test:443 HTTP/1.1\r\n\r\n").await;
        client
            .write_all(&greeting(Some("b.wide.test")))
            .await
            .unwrap();
        assert_eq!(piece(&mut client).await, "", "cut");
    }

    #[tokio::test]
    async fn what_the_proxy_refuses_or_mumbles_is_said_and_nothing_else_is_tried() {
        for (answer, status, words) in [
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "502", "refused it"),
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                "502",
                "refused it",
            ),
            ("nonsense\r\n\r\n", "502", "does not answer"),
        ] {
            let stage = stage("proxy.office", answer).await;
            let (_, said) = stage.ask("CONNECT good.test:443 HTTP/1.1\r\n\r\n").await;
            assert!(
                said.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}: {said}"
            );
            assert!(said.contains(words), "{answer}: {said}");
            assert_eq!(stage.office.dialled.lock().unwrap().len(), 1, "{answer}");
        }
        for nowhere in [
            "loop.office",
            "127.0.0.1",
            "169.254.169.254",
            "[::1]",
            "0.0.0.0",
            "gone.office",
        ] {
            let stage = stage(nowhere, YES).await;
            let (_, said) = stage.ask("CONNECT good.test:443 HTTP/1.1\r\n\r\n").await;
            assert!(said.starts_with("HTTP/1.1 502"), "{nowhere}: {said}");
            assert_eq!(stage.office.dialled.lock().unwrap().len(), 0, "{nowhere}");
        }
    }
}
