#![allow(clippy::unwrap_used)]
use super::*;
use crate::nearly;
use crate::policy::Reach;

fn up() -> Vec<ToGateway> {
    let grant = Grant {
        policy: Policy {
            reach: Reach::Approved,
            allow: vec!["*.crates.io".parse().unwrap()],
            deny: Vec::new(),
        },
        refused: vec![Subnet::parse("172.17.0.0/16").unwrap()],
        services: vec![11434],
        upstream: Some(UpstreamProxy {
            host: "proxy.example.com".to_owned(),
            port: 3128,
            by_computer: true,
            log_in: Secret::new("bWU6c2VjcmV0".to_owned()),
        }),
        tests: vec![Authority::parse(b"[::1]:22").unwrap()],
    };
    vec![
        ToGateway::Hello(Hello::default()),
        ToGateway::Grant(grant),
        ToGateway::Attend {
            since: 7,
            asks: true,
        },
        ToGateway::Answer {
            ask: 3,
            answer: Answer::Once,
        },
        ToGateway::Trust(b"-----BEGIN".to_vec()),
        ToGateway::Routes(Routes::read(
            br#"{"list":[{"id":"x","upstream":{"host":"a.test","port":443,"tls":true},"credential":
               {"header":"authorization","prefix":"Bearer ","key":"sk-canary"}}]}"#,
        )),
    ]
}

fn down() -> Vec<FromGateway> {
    let decided = Decided {
        number: 1,
        time: 2,
        host: "example.com".into(),
        port: 443,
        method: "CONNECT".into(),
        refused: Some(Refusal::Policy(Reason::Blocked)),
        sent: 0,
        received: 0,
        count: 1,
    };
    let ask = Ask {
        id: 3,
        host: "example.com".into(),
        port: 22,
        claim: Some("git/2".into()),
    };
    vec![
        FromGateway::Hello(Hello::default()),
        FromGateway::Granted,
        FromGateway::Decided(decided),
        FromGateway::Ask(ask),
        FromGateway::AskEnded(4),
    ]
}

#[test]
fn messages_come_back_as_they_were_sent() {
    let up = up();
    let mut bytes = Vec::new();
    up.iter().for_each(|message| message.encode(&mut bytes));
    let mut decoder = Decoder::new();
    decoder.push(&bytes);
    for message in &up {
        assert_eq!(
            ToGateway::decode(&mut decoder).unwrap().as_ref(),
            Some(message)
        );
    }
    let down = down();
    let mut bytes = Vec::new();
    down.iter().for_each(|message| message.encode(&mut bytes));
    let mut decoder = Decoder::new();
    decoder.push(&bytes);
    for message in &down {
        assert_eq!(
            FromGateway::decode(&mut decoder).unwrap().as_ref(),
            Some(message)
        );
    }
}

#[test]
fn a_grant_that_does_not_read_denies_all() {
    for text in [
        "",
        "{",
        "{\"policy\":{\"reach\":\"open\"},\"more\":1}",
        "{\"policy\":{\"reach\":\"open\"},\"tests\":[\"no port\"]}",
        "[]",
    ] {
        assert_eq!(Grant::read(text.as_bytes()), Grant::default(), "{text}");
    }
    let open = Grant::read(b"{\"policy\":{\"reach\":\"open\"}}");
    assert_eq!(open.policy.reach, Reach::Open, "the probe can succeed");
}

#[test]
fn a_subnet_holds_its_own_and_no_other() {
    let inside = |subnet: &str, address: &str| {
        Subnet::parse(subnet)
            .unwrap()
            .contains(address.parse().unwrap())
    };
    assert!(inside("172.17.0.0/16", "172.17.255.1"));
    assert!(!inside("172.17.0.0/16", "172.18.0.1"));
    assert!(inside("203.0.113.7", "203.0.113.7"));
    assert!(!inside("203.0.113.7", "203.0.113.8"));
    assert!(inside("0.0.0.0/0", "8.8.8.8"));
    assert!(!inside("0.0.0.0/0", "::1"));
    assert!(inside("fd00::/8", "fdff::1"));
    assert_eq!(Subnet::parse("10.0.0.0/33"), None);
    let subnet = Subnet::parse("10.0.0.0/8").unwrap();
    assert_eq!(Subnet::parse(&subnet.to_string()), Some(subnet));
    let both = |a: &str, b: &str| {
        let (a, b) = (Subnet::parse(a).unwrap(), Subnet::parse(b).unwrap());
        assert_eq!(a.overlaps(&b), b.overlaps(&a), "{a} {b}");
        a.overlaps(&b)
    };
    assert!(both("10.0.0.0/8", "10.200.7.8/29") && both("10.0.0.1", "10.0.0.1"));
    assert!(!both("10.0.0.0/29", "10.0.0.8/29") && !both("10.0.0.0/8", "fd00::/8"));
}

#[test]
fn what_is_nearly_right_is_read_as_it_stands_or_refused() {
    let frame = |encode: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        encode(&mut out);
        out
    };
    let frames: Vec<_> = up().iter().map(|m| frame(&|out| m.encode(out))).collect();
    nearly::try_reader(&frames, |bytes| {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let message = ToGateway::decode(&mut decoder).ok()??;
        Some(frame(&|out| message.encode(out)))
    });
    let frames: Vec<_> = down().iter().map(|m| frame(&|out| m.encode(out))).collect();
    nearly::try_reader(&frames, |bytes| {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let message = FromGateway::decode(&mut decoder).ok()??;
        Some(frame(&|out| message.encode(out)))
    });
}
