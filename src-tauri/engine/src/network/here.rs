//! Where this computer is on its network: its own addresses, and who is next to it. Nothing is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use sandbox_protocol::egress::Subnet;

/// Linux' table of routes.
const ROUTES: &str = "/proc/net/route";

/// The addresses by which this computer reaches others: at most one of each kind.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    // Addresses kept for documentation: any that is not near would do.
    let by = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_unspecified() && !address.is_loopback()).then_some(address)
    };
    let four = by(
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::new(203, 0, 113, 1).into(),
    );
    let six = by(
        Ipv6Addr::UNSPECIFIED.into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    );
    four.into_iter().chain(six).collect()
}

/// Who is next to this computer, and itself: what a gateway must not lead to though its address may be public.
pub fn near() -> Vec<Subnet> {
    // The latter also where the interfaces could not be listed.
    let own = own_addresses().into_iter().map(Subnet::one);
    on_link().into_iter().chain(own).collect()
}

/// The subnets that this computer's interfaces are on: whoever has an address there is a neighbour. Interfaces
/// that have none, as some tunnels, count with their own address.
pub(crate) fn on_link() -> Vec<Subnet> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces
        .into_iter()
        .filter(|interface| !interface.is_loopback())
        .map(|interface| {
            let (bits, most) = match &interface.addr {
                if_addrs::IfAddr::V4(address) => (address.prefixlen, 32),
                if_addrs::IfAddr::V6(address) => (address.prefixlen, 128),
            };
            // No bits would be everybody.
            let bits = if bits == 0 { most } else { bits };
            Subnet {
                address: interface.ip(),
                bits,
            }
        })
        .collect()
}

/// Somebody else on the network next to this computer: its router where that is known, else whoever has the first
/// address there. `None`: it is on no network.
pub(crate) fn neighbour() -> Option<IpAddr> {
    let table = std::fs::read_to_string(ROUTES).unwrap_or_default();
    router(&table).map(IpAddr::V4).or_else(|| {
        let own = own_addresses().into_iter().find(IpAddr::is_ipv4)?;
        let near = on_link().into_iter().find(|net| net.address == own)?;
        first_beside(&near).map(IpAddr::V4)
    })
}

/// Where this computer has a way to, beyond its own subnets: a company's network, by a tunnel for instance. Only Linux
/// needs to know: elsewhere the engine's networks lie in a virtual machine with routes of its own, and take none from
/// this computer.
pub(crate) fn routes() -> Vec<Subnet> {
    let table = std::fs::read_to_string(ROUTES).unwrap_or_default();
    table.lines().skip(1).filter_map(route).collect()
}

fn route(line: &str) -> Option<Subnet> {
    let mut fields = line.split_whitespace();
    let mut number = |at| {
        let text = fields.nth(at)?;
        u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes)
    };
    let (to, mask) = (number(1)?, number(5)?);
    Some(Subnet {
        address: Ipv4Addr::from(to).into(),
        bits: u8::try_from(u32::from_be_bytes(mask).count_ones()).ok()?,
    })
}

/// The router of the usual route.
fn router(table: &str) -> Option<Ipv4Addr> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (to, by) = (fields.next()?, fields.next()?);
        let by = u32::from_str_radix(by, 16).ok()?;
        // As the kernel has it in memory.
        let by = Ipv4Addr::from(by.to_ne_bytes());
        (to == "00000000" && !by.is_unspecified()).then_some(by)
    })
}

/// The first address of a subnet that is not the one that it was stated by.
fn first_beside(subnet: &Subnet) -> Option<Ipv4Addr> {
    let IpAddr::V4(own) = subnet.address else {
        return None;
    };
    let size = 32u32.checked_sub(u32::from(subnet.bits))?;
    let net = u32::from(own) & u32::MAX.checked_shl(size).unwrap_or(0);
    [1, 2]
        .into_iter()
        .map(|number| Ipv4Addr::from(net.wrapping_add(number)))
        .find(|address| *address != own && size > 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_router_is_read_from_the_table_of_routes() {
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n";
        let near = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n";
        let usual = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n";
        let tunnel = "wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n";
        let read = |rows: &[&str]| router(&format!("{head}{}", rows.concat()));
        #[cfg(target_endian = "little")]
        assert_eq!(read(&[near, usual]), Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(read(&[near, tunnel]), None, "nobody is named");
        #[cfg(target_endian = "little")]
        assert_eq!(route(near), Subnet::parse("192.0.2.0/24"));
        assert_eq!(route(usual), Subnet::parse("0.0.0.0/0"));
        assert_eq!(route(head), None);
        assert_eq!(router(""), None);
        assert_eq!(router("x\nx x"), None);
    }

    #[test]
    fn the_first_beside_is_never_the_own_address() {
        let beside = |text: &str| first_beside(&Subnet::parse(text).unwrap());
        let is = |text: &str| Some(text.parse().unwrap());
        assert_eq!(beside("192.168.1.20/24"), is("192.168.1.1"));
        assert_eq!(beside("192.168.1.1/24"), is("192.168.1.2"));
        assert_eq!(beside("10.1.2.3/8"), is("10.0.0.1"));
        assert_eq!(beside("10.1.2.3/32"), None, "there is nobody");
        assert_eq!(beside("10.1.2.2/31"), None);
        assert_eq!(beside("fd00::1/64"), None);
    }

    #[test]
    fn the_own_addresses_are_on_the_own_subnets() {
        let near = on_link();
        for own in own_addresses() {
            assert!(near.iter().any(|net| net.contains(own)), "{own}: {near:?}");
        }
        assert!(near.iter().all(|net| net.bits > 0), "{near:?}");
    }
}
