//! Which issuer, and where its keys are.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::Url;

/// Publishable keys come with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Another issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfig {
    /// Where it publishes its keys: a JWK Set (RFC 7517 §5).
    pub jwks_url: String,
    /// Its name, as the claim `iss` has it, to the letter.
    pub issuer: String,
    /// Who its tokens must be for, one of these (the claim `aud`); none: whoever. Set it wherever the issuer has other
    /// clients.
    pub audiences: Vec<String>,
}

/// Why there is no such issuer.
#[derive(Debug, thiserror::Error)]
pub enum InvalidIssuer {
    /// The key is none of Clerk's.
    #[error("CLERK_PUBLISHABLE_KEY is pk_live_… or pk_test_…, as Clerk shows it")]
    PublishableKey,
    /// The URL leads nowhere.
    #[error("JWKS_URL is an https:// URL")]
    JwksUrl,
    /// The name is missing.
    #[error("JWT_ISSUER is the issuer's name, as its tokens have it in iss")]
    Issuer,
    /// No HTTP client could be made.
    #[error("no HTTP client for the issuer's keys")]
    Client(#[source] reqwest::Error),
}

impl IssuerConfig {
    /// The issuer behind one of Clerk's publishable keys: `pk_live_` or `pk_test_`, and the host of its Frontend API with
    /// a `$` behind it, in Base64. Its session tokens name no audience. Error: [`InvalidIssuer::PublishableKey`].
    ///
    /// ```
    /// use parlor_accounts::IssuerConfig;
    ///
    /// let config = IssuerConfig::from_clerk("pk_test_Y2xlcmsuZXhhbXBsZS5vcmck").unwrap();
    /// assert_eq!(config.issuer, "https://clerk.example.org");
    /// assert_eq!(config.jwks_url, "https://clerk.example.org/.well-known/jwks.json");
    /// ```
    pub fn from_clerk(publishable_key: &str) -> Result<Self, InvalidIssuer> {
        let host = host_of(publishable_key.trim()).ok_or(InvalidIssuer::PublishableKey)?;
        let issuer = format!("https://{host}");
        Ok(Self { jwks_url: format!("{issuer}/.well-known/jwks.json"), issuer, audiences: Vec::new() })
    }

    pub(super) fn check(&self) -> Result<(), InvalidIssuer> {
        let url = Url::parse(&self.jwks_url).map_err(|_| InvalidIssuer::JwksUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_near(&url) => {}
            "http" => tracing::warn!(
                "JWKS_URL is http://: whoever is on the way to {} can sign in as anybody",
                url.host_str().unwrap_or_default()
            ),
            _ => return Err(InvalidIssuer::JwksUrl),
        }
        if self.issuer.is_empty() { Err(InvalidIssuer::Issuer) } else { Ok(()) }
    }
}

fn is_near(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn host_of(publishable_key: &str) -> Option<String> {
    let encoded = ["pk_live_", "pk_test_"].iter().find_map(|prefix| publishable_key.strip_prefix(prefix))?;
    let decoded = String::from_utf8(LENIENT.decode(encoded).ok()?).ok()?;
    let host = decoded.strip_suffix('$')?;
    let of_host = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '.';
    let named = host.contains('.') && host.chars().all(of_host);
    (named && host.len() <= 253).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects from a key that was cut in copying, and from one that leads to a place of somebody else's choice.
    #[test]
    fn publishable_keys_are_whole_or_refused() {
        let of = |host: &str| format!("pk_live_{}", LENIENT.encode(host));
        for (key, issuer) in [
            (of("clerk.example.org$"), Some("https://clerk.example.org")),
            (of("clerk.example.org$").trim_end_matches('=').to_owned(), Some("https://clerk.example.org")),
            (of("happy-cat-1.clerk.accounts.dev$"), Some("https://happy-cat-1.clerk.accounts.dev")),
            (of("clerk.example.org"), None),
            (of("clerk.example.org/x?$"), None),
            (of("a@clerk.example.org$"), None),
            (of("localhost$"), None),
            (of("$"), None),
            (of("clerk.example.org$").replace("pk_live_", "sk_live_"), None),
            ("pk_test_".to_owned(), None),
            ("pk_test_!!!".to_owned(), None),
        ] {
            assert_eq!(IssuerConfig::from_clerk(&key).ok().map(|it| it.issuer).as_deref(), issuer, "{key}");
        }
    }

    #[test]
    fn an_issuer_has_a_name_and_a_url() {
        let check = |jwks_url: &str, issuer: &str| {
            IssuerConfig { jwks_url: jwks_url.into(), issuer: issuer.into(), audiences: Vec::new() }.check()
        };
        assert!(check("https://example.org/jwks", "https://example.org").is_ok());
        assert!(check("http://127.0.0.1:9/jwks", "x").is_ok());
        assert!(matches!(check("ftp://example.org", "x"), Err(InvalidIssuer::JwksUrl)));
        assert!(matches!(check("", "x"), Err(InvalidIssuer::JwksUrl)));
        assert!(matches!(check("https://example.org/jwks", ""), Err(InvalidIssuer::Issuer)));
    }
}
