//! Whose tokens are taken beside our own.

use super::providers::HttpUrl;
use super::read::{FromText, Visible};
use super::{Key, Problem, Values};
use parlor_accounts::IssuerConfig;

/// The issuer that is not us, if there is one. Errors: two of them, or half of one.
pub(super) fn read(values: &Values) -> Result<Option<IssuerConfig>, Problem> {
    let url = values.find(Key::JwksUrl)?.map(|HttpUrl(url)| url);
    let clerk = values.find(Key::ClerkPublishableKey)?.map(|Clerk(config)| config);
    let name = values.find(Key::JwtIssuer)?.map(|Visible(name)| name);
    let audiences = values.find(Key::JwtAudience)?.map(|Audiences(it)| it);
    match (url, clerk, name) {
        (Some(_), Some(_), _) => {
            let what = "is there beside clerk_publishable_key: one of them is too many";
            Err(values.complaint(Key::JwksUrl, what))
        }
        (Some(_), None, None) => {
            let what = "needs jwt_issuer beside it, so that no other issuer's tokens are taken";
            Err(values.complaint(Key::JwksUrl, what))
        }
        (Some(jwks_url), None, Some(issuer)) => {
            Ok(Some(IssuerConfig { jwks_url, issuer, audiences: audiences.unwrap_or_default() }))
        }
        // Who has a domain of their own before Clerk's may say so.
        (None, Some(config), name) => {
            let issuer = name.unwrap_or(config.issuer);
            Ok(Some(IssuerConfig { issuer, audiences: audiences.unwrap_or_default(), ..config }))
        }
        (None, None, name) => {
            let name = name.map(|_| Key::JwtIssuer);
            let alone = name.or(audiences.as_ref().map(|_| Key::JwtAudience));
            let what = "is of no use without jwks_url or clerk_publishable_key";
            alone.map_or(Ok(None), |key| Err(values.complaint(key, what)))
        }
    }
}

/// The issuer that a publishable key names.
struct Clerk(IssuerConfig);

impl FromText for Clerk {
    fn from_text(text: &str) -> Option<Self> {
        IssuerConfig::from_clerk(text).ok().map(Self)
    }
}

/// Names in `aud`.
struct Audiences(Vec<String>);

impl FromText for Audiences {
    fn from_text(text: &str) -> Option<Self> {
        let audience = |text: &str| {
            let Visible(audience) = Visible::from_text(text)?;
            (!audience.is_empty()).then_some(audience)
        };
        text.split(',').map(|it| audience(it.trim())).collect::<Option<_>>().map(Self)
    }
}
