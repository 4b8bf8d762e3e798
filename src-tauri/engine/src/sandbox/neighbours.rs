//! Who is next to this computer may change while sandboxes run: a laptop goes to another network. Gateways were told who
//! it was when they were handed their rules, and are told again.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;

use sandbox_protocol::egress::Subnet;
use sandbox_protocol::policy::is_public;

use super::{Engine, locked};
use crate::Result;

/// Who was next to this computer at the last look; `None`: there was none.
pub(super) type Neighbours = Mutex<Option<BTreeSet<(IpAddr, u8)>>>;

impl Engine {
    /// Hands all gateways their rules again where others are next to this computer than at the last look, so that they
    /// refuse these too. The first look finds none; costs some system calls. Gives whether others were.
    ///
    /// # Errors
    /// [`crate::Error::NotInForce`], with the sandboxes that stand still because their gateways cannot be told.
    pub async fn guard_neighbours(&self) -> Result<bool> {
        let now = public((self.config().near)());
        let moved = {
            let mut known = locked(&self.0.neighbours);
            let before = known.replace(now);
            before.is_some_and(|before| Some(before) != *known)
        };
        if moved {
            self.put_in_force_everywhere().await?;
        }
        Ok(moved)
    }
}

/// Ranges in which something is public: the rest is refused in every mode anyway, and comes and goes with every bridge
/// of a container engine.
fn public(near: Vec<Subnet>) -> BTreeSet<(IpAddr, u8)> {
    let ranges = near.into_iter().map(|near| (first(near), near.bits));
    ranges.filter(|(first, _)| is_public(*first)).collect()
}

/// The same for all addresses of a range: which one of them this computer has does not matter.
fn first(range: Subnet) -> IpAddr {
    let off = |width: u32| width - u32::from(range.bits).min(width);
    match range.address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(off(32)).unwrap_or(0);
            Ipv4Addr::from(u32::from(address) & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(off(128)).unwrap_or(0);
            Ipv6Addr::from(u128::from(address) & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(near: &[&str]) -> BTreeSet<(IpAddr, u8)> {
        public(
            near.iter()
                .map(|text| Subnet::parse(text).unwrap())
                .collect(),
        )
    }

    #[test]
    fn only_another_public_range_is_another_place() {
        let home = of(&["192.168.1.20/24", "2001:db8:1:2::20/64", "203.0.113.9/24"]);
        assert_eq!(home.len(), 2);
        for same in [
            &["10.1.2.3/8", "2001:db8:1:2::77/64", "203.0.113.200/24"][..],
            &[
                "203.0.113.9/24",
                "172.17.0.1/16",
                "fe80::1/64",
                "2001:db8:1:2::20/64",
            ],
        ] {
            assert_eq!(of(same), home, "{same:?}");
        }
        for other in [
            &["2001:db8:1:2::20/64"][..],
            &["2001:db8:1:3::20/64", "203.0.113.9/24"],
            &["2001:db8:1:2::20/64", "203.0.113.9/25"],
            &["2001:db8:1:2::20/64", "203.0.113.9/24", "198.51.100.1/32"],
        ] {
            assert_ne!(of(other), home, "{other:?}");
        }
        assert_eq!(
            first(Subnet::parse("203.0.113.9/0").unwrap()),
            Ipv4Addr::UNSPECIFIED
        );
        assert_eq!(
            first(Subnet::parse("2001:db8::9/128").unwrap()).to_string(),
            "2001:db8::9"
        );
    }
}
