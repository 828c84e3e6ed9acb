//! Which server, as whom, and how much at once.

use http::Uri;
use http::uri::Scheme;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// How a worker reaches its server and what it tells it. Its `Debug` form does not show the key.
#[derive(Clone)]
pub struct WorkerConfig {
    /// Where the server's workers connect: `ws://HOST:PORT/ws`, or `wss://…` with TLS.
    pub url: String,
    /// One of the server's service keys. Over `ws://` everybody on the way can read it.
    pub service_key: String,
    /// What the worker is called in the server's logs and books; several may have one name.
    pub name: String,
    /// The models that it serves, each a name or, with `*` at its end, the beginning of names; none serves every one.
    pub models: Vec<String>,
    /// How many replies it makes at once.
    pub capacity: NonZeroU32,
    /// How many more may wait for their place. The server is told of what finds none, with the status 429.
    pub queue: usize,
    /// How long replies under way may go on when the worker is told to stop.
    pub drain: Duration,
}

impl WorkerConfig {
    /// A worker that serves every model, 16 replies at once.
    pub fn new(url: impl Into<String>, service_key: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            service_key: service_key.into(),
            name: "parlor-worker".to_owned(),
            models: Vec::new(),
            capacity: NonZeroU32::MIN.saturating_add(15),
            queue: 16,
            drain: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for WorkerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, name, models, capacity, .. } = self;
        write!(f, "WorkerConfig({name} at {url}, {models:?}, {capacity} at once, …)")
    }
}

/// Why a worker cannot be made. It never quotes the key.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// The URL is not an absolute `ws` or `wss` URL.
    #[error("the URL is not a ws or wss URL such as ws://127.0.0.1:8000/ws")]
    Url,
    /// There is no key.
    #[error("the service key is empty")]
    ServiceKey,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// As the `Host` header has it.
    pub(crate) authority: String,
    /// The path and what may stand behind it.
    pub(crate) path: String,
}

impl Target {
    /// Error: [`InvalidConfig::Url`].
    pub(crate) fn parse(url: &str) -> Result<Self, InvalidConfig> {
        let uri: Uri = url.parse().map_err(|_| InvalidConfig::Url)?;
        let tls = match uri.scheme().map(Scheme::as_str) {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(InvalidConfig::Url),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or(InvalidConfig::Url)?;
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            host: bare.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            authority: authority.as_str().to_owned(),
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the way to the server: every form of its URL leads to the right port, and no other URL to any.
    #[test]
    fn urls_lead_to_a_server() {
        let check = |url: &str, host: &str, port: u16, tls: bool, path: &str| {
            let target = Target::parse(url).unwrap();
            let found = (target.host.as_str(), target.port, target.tls, target.path.as_str());
            assert_eq!(found, (host, port, tls, path), "{url}");
        };
        check("ws://127.0.0.1:8000/ws", "127.0.0.1", 8000, false, "/ws");
        check("wss://chat.example.org/ws?a=b", "chat.example.org", 443, true, "/ws?a=b");
        check("ws://[::1]:81/ws", "::1", 81, false, "/ws");
        check("ws://localhost", "localhost", 80, false, "/");
        for wrong in ["", "127.0.0.1:8000", "http://a/ws", "/ws", "ws://", "ws://a:b@c/ws", "ws://a b/ws"] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        assert!(!format!("{:?}", WorkerConfig::new("ws://a/ws", "hunter2")).contains("hunter2"));
    }
}
