//! What counts as one address.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address itself, an IPv6 address by its /64: a subscriber holds at least that.
pub fn prefix_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbors_in_one_ipv6_subnet_are_one_address() {
        let one: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let other: IpAddr = "2001:db8:1:2:ffff::9".parse().unwrap();
        let elsewhere: IpAddr = "2001:db8:1:3::1".parse().unwrap();

        assert_eq!(prefix_of(one), prefix_of(other));
        assert_ne!(prefix_of(one), prefix_of(elsewhere));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(prefix_of(mapped), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
