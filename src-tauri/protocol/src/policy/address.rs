//! Which addresses are public. Everything that is not is refused in every mode.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address can lead to a public host and nowhere else. Documentation ranges lead nowhere
/// private and are let through; tests and build machines use them.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_4(address),
        IpAddr::V6(address) => is_public_6(address),
    }
}

#[allow(
    clippy::match_same_arms,
    clippy::match_like_matches_macro,
    clippy::unnested_or_patterns
)] // one arm a reason
fn is_public_4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // This network, private, loopback; multicast, reserved, broadcast.
        (0 | 10 | 127 | 224..=255, _, _) => false,
        // Private.
        (172, 16..=31, _) | (192, 168, _) => false,
        // Link-local and cloud metadata; carrier-grade translation.
        (169, 254, _) | (100, 64..=127, _) => false,
        // Protocol assignments, 6to4 relays, benchmarks.
        (192, 0, 0) | (192, 88, 99) | (198, 18..=19, _) => false,
        _ => true,
    }
}

fn is_public_6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    if address.to_ipv4_mapped().is_some() {
        // No honest resolver answers with one; the mapped address may be refused while this form connects.
        return false;
    }
    let global = (s[0] & 0xe000) == 0x2000;
    let tunnels = s[0] == 0x2002 // 6to4
        || (s[0] == 0x2001 && s[1] == 0) // Teredo
        || (s[0] == 0x2001 && (s[1] & 0xfff0) == 0x20) // ORCHID
        || (s[0] == 0x2001 && s[1] == 2 && s[2] == 0); // benchmarks
    // NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), unique local, link-local, multicast: all outside of 2000::/3.
    global && !tunnels
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn public_and_not() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "169.253.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:db8::1",
            "2a00:1450:4001::1",
        ];
        let not = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.17.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:10.0.0.1",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:2::1",
            "2002:a00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in not {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }
}
