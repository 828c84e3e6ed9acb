//! The HTTP client of a provider, and the headers that it always sends.

use super::api::ApiHeaders;
use super::{InvalidConfig, ProviderConfig};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, redirect};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A client that sends `headers` with every request.
pub(crate) fn new(headers: HeaderMap) -> reqwest::Result<Client> {
    Client::builder()
        .default_headers(headers)
        // A redirected POST would become a GET, and take the key elsewhere.
        .redirect(redirect::Policy::none())
        // Libraries do not read the environment.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .tcp_keepalive(KEEP_ALIVE)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(CONNECT_TIMEOUT)
        .build()
}

/// What the API wants, and over it what the operator wants.
pub(crate) fn headers(config: &ProviderConfig, api: ApiHeaders) -> Result<HeaderMap, InvalidConfig> {
    let mut headers = api.fixed;
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("parlor/", env!("CARGO_PKG_VERSION"))));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if let Some(key) = &config.api_key {
        let mut value =
            HeaderValue::from_str(&format!("{}{key}", api.key_scheme)).map_err(|_| InvalidConfig::ApiKey)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(api.key_name), value);
    }
    headers.extend(config.own_headers()?);
    Ok(headers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::Kind;
    use super::*;

    fn sent(config: &ProviderConfig) -> HeaderMap {
        headers(config, config.kind.api().headers()).unwrap()
    }

    #[test]
    fn each_kind_carries_the_key_in_its_own_header_and_the_operator_may_replace_it() {
        for (kind, name, value) in [
            (Kind::OpenAi, "authorization", "Bearer sk-1"),
            (Kind::Anthropic, "x-api-key", "sk-1"),
            (Kind::Gemini, "x-goog-api-key", "sk-1"),
        ] {
            let plain = ProviderConfig { api_key: Some("sk-1".to_owned()), ..ProviderConfig::new(kind) };
            assert_eq!(sent(&plain)[name], value);
            assert!(!format!("{plain:?} {:?}", sent(&plain)).contains("sk-1"), "it is shown");
            let own = ProviderConfig { headers: vec![(name.to_uppercase(), "mine".to_owned())], ..plain };
            assert_eq!(sent(&own).get_all(name).iter().collect::<Vec<_>>(), ["mine"]);
        }
    }
}
