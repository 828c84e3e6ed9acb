//! Where to listen, to whom, and until when.

use super::read::FromText;
use super::{Key, Problem, Values};
use parlor_transport::Network;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The server's own settings.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) data_dir: PathBuf,
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// Whether the page is served.
    pub(crate) web_page: bool,
    /// None: as the transport has it where nobody said; `*` is any.
    pub(crate) origins: Option<Vec<String>>,
    /// None: no limit.
    pub(crate) drain: Option<Duration>,
    /// None: no heartbeats.
    pub(crate) heartbeat: Option<Duration>,
    /// Who is believed in from where a request comes.
    pub(crate) trusted_proxies: Vec<Network>,
}

impl Server {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            data_dir: values.get(Key::DataDir)?,
            host: values.get(Key::Host)?,
            port: values.get(Key::Port)?,
            web_page: values.get(Key::WebPage)?,
            origins: values.find(Key::CorsOrigin)?.map(|Origins(origins)| origins),
            drain: values.limit(Key::DrainTimeout)?,
            heartbeat: values.limit(Key::WebsocketHeartbeatInterval)?,
            trusted_proxies: values.find(Key::TrustedProxies)?.map_or_else(Vec::new, |Networks(it)| it),
        })
    }
}

/// An address, without brackets, or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host(pub(crate) String);

impl Host {
    /// Whether only this machine reaches it.
    pub(crate) fn is_loopback(&self) -> bool {
        let address = self.0.parse().map(|address: IpAddr| address.to_canonical().is_loopback());
        address.unwrap_or_else(|_| self.0.eq_ignore_ascii_case("localhost"))
    }
}

impl FromText for Host {
    fn from_text(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let is_name =
            bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        (bare.parse::<IpAddr>().is_ok() || is_name).then(|| Self(bare.to_owned()))
    }
}

/// Networks, of which an address is the smallest.
struct Networks(Vec<Network>);

impl FromText for Networks {
    fn from_text(text: &str) -> Option<Self> {
        text.split(',').map(|it| it.trim().parse().ok()).collect::<Option<_>>().map(Self)
    }
}

/// The origins of web pages, or `*` alone where any will do.
struct Origins(Vec<String>);

impl FromText for Origins {
    fn from_text(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self(vec!["*".to_owned()]));
        }
        text.split(',').map(|origin| origin_of(origin.trim())).collect::<Option<_>>().map(Self)
    }
}

/// An origin as browsers write it: in lower case, without a path (RFC 6454 §6.2).
fn origin_of(text: &str) -> Option<String> {
    let origin = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let (scheme, host) = origin.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
    (is_scheme && is_host && !host.contains(['/', '?', '#', '@', '*'])).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_names() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(Host::from_text(text).map(|host| host.0).as_deref(), expect);
        };
        check("127.0.0.1", Some("127.0.0.1"));
        check("::", Some("::"));
        check("[::1]", Some("::1"));
        check("localhost", Some("localhost"));
        check("http://localhost", None);
        check("127.0.0.1:8000", None);
        check("a b", None);
    }

    /// Protects servers that others reach from guests whom nobody asked in.
    #[test]
    fn loopback_is_what_only_this_machine_reaches() {
        for (host, loopback) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("localhost", true),
            ("0.0.0.0", false),
            ("::", false),
            ("192.0.2.1", false),
            ("localhost.example.org", false),
        ] {
            assert_eq!(Host(host.to_owned()).is_loopback(), loopback, "{host}");
        }
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        let check = |text: &str, expect: Option<&[&str]>| {
            let origins = Origins::from_text(text).map(|origins| origins.0);
            assert_eq!(
                origins.as_ref().map(|it| it.iter().map(String::as_str).collect()),
                expect.map(<[_]>::to_vec)
            );
        };
        check("https://chat.example.org", Some(&["https://chat.example.org"]));
        check(
            "https://Chat.Example.org/, http://localhost:5173",
            Some(&["https://chat.example.org", "http://localhost:5173"]),
        );
        check("*", Some(&["*"]));
        for wrong in
            ["chat.example.org", "https://", "https://a/path", "https://*.a", "https://a,", "a b://c"]
        {
            check(wrong, None);
        }
    }
}
