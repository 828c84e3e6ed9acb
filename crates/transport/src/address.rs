//! From where a client speaks. The other end of a connection may be a proxy, which says so in a header that anybody can
//! write: it is believed of proxies that the operator has named, and of nobody else.

use axum::http::{Extensions, HeaderMap, HeaderName};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Where proxies add the address of whom they speak for, each at its right end.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection, among what belongs to a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Neighbouring addresses, written as one address or as CIDR (RFC 4632 §3.1, RFC 4291 §2.3): `10.0.0.0/8`, `::1`.
///
/// ```
/// use parlor_transport::Network;
///
/// let network: Network = "10.0.0.0/8".parse().unwrap();
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(!network.contains("11.1.2.3".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits from the left are the same in all of them.
    prefix: u32,
}

/// The text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a network: for example 10.0.0.0/8 or ::1")]
pub struct InvalidNetwork;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= most).ok_or(InvalidNetwork)?,
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Network {
    /// Whether it holds `address`; an IPv4 address that is written as IPv6 (RFC 4291 §2.5.5.2) counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Who speaks: the other end of the connection or, where that is a trusted proxy, the right-most address in
/// `X-Forwarded-For` that is none. None where nobody knows the other end.
pub(crate) fn client(extensions: &Extensions, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let mut client = extensions.get::<Peer>()?.0.to_canonical();
    let named = headers
        .get_all(FORWARDED)
        .into_iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|it| *it == b','));
    for address in named {
        if !is_trusted(client) {
            break;
        }
        // What is no address was written by nobody whom we trust to tell of whom it speaks.
        let Some(address) = std::str::from_utf8(address).ok().and_then(|it| parse(it.trim())) else { break };
        client = address.to_canonical();
    }
    Some(client)
}

/// An address, with a port behind it or without.
fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn networks_hold_their_neighbours() {
        let check = |network: &str, address: &str, holds: bool| {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), holds, "{network} {address}");
        };
        check("10.1.2.3", "10.1.2.3", true);
        check("10.1.2.3", "10.1.2.2", false);
        check("10.1.2.3/24", "10.1.2.255", true);
        check("10.1.2.0/24", "10.1.3.0", false);
        check("0.0.0.0/0", "255.1.1.1", true);
        check("0.0.0.0/0", "::1", false);
        check("10.0.0.0/8", "::ffff:10.9.9.9", true);
        check("fd00::/8", "fdff::1", true);
        check("fd00::/8", "fe00::1", false);
        check("::/0", "fe00::1", true);
        for bad in
            ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "example.org", " ::1"]
        {
            assert_eq!(bad.parse::<Network>(), Err(InvalidNetwork), "{bad}");
        }
    }

    /// Protects limits by address, and the audit log: nobody but a named proxy says for whom it speaks, and what stands
    /// left of the last one that we know was written by a stranger.
    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        let check = |peer: &str, headers: &[&str], expect: &str| {
            let mut extensions = Extensions::new();
            extensions.insert(Peer(peer.parse().unwrap()));
            let headers = headers.iter().map(|it| (FORWARDED, HeaderValue::from_str(it).unwrap())).collect();
            let expect = expect.parse().unwrap();
            assert_eq!(client(&extensions, &headers, &trusted), Some(expect), "{peer} {headers:?}");
        };
        check("198.51.100.7", &[], "198.51.100.7");
        check("198.51.100.7", &["203.0.113.9"], "198.51.100.7");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["1.1.1.1", "203.0.113.9 , 10.0.0.2"], "203.0.113.9");
        check("10.0.0.1", &["10.0.0.3,10.0.0.2"], "10.0.0.3");
        check("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2");
        check("::ffff:10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("::1", &["203.0.113.9:1234"], "203.0.113.9");
        assert_eq!(client(&Extensions::new(), &HeaderMap::new(), &trusted), None);
    }
}
