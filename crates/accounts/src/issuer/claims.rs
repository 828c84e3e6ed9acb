//! What another issuer's token says (RFC 7519 §4.1), and whether that is good here and now.

use super::IssuerConfig;
use parlor_domain::{ErrorCode, Timestamp};
use serde::Deserialize;
use serde_json::Value;

/// How far the issuer's clock may be ahead of ours, in seconds. It is for the beginning of a token alone: a token that has
/// just been made must be good. Its end is its end.
const SKEW: i64 = 5;
/// The longest subject, in bytes (`OpenID` Connect Core 1.0 §2).
const SUBJECT_MAX: usize = 255;
/// The last second that a token can name: the year 5138, far inside of what every type here can hold.
const SECOND_MAX: f64 = 1e11;

/// A token's claims. Those that decide must have their form; the others are taken where they have it.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    aud: Option<Audience>,
    pub(super) sid: Option<String>,
    pub(super) jti: Option<String>,
    #[serde(default)]
    email: Value,
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    preferred_username: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Claims {
    /// Whether the token is of this issuer, for us, and good now. Errors: `INVALID_TOKEN`, `TOKEN_EXPIRED`.
    pub(super) fn check(&self, config: &IssuerConfig, now: Timestamp) -> Result<(), ErrorCode> {
        let now = now.as_second();
        let begun =
            |time: Option<f64>| time.is_none_or(|it| is_second(it) && second(it.ceil()) <= now + SKEW);
        let subject = &self.sub;
        let good = self.iss == config.issuer
            && self.is_for(&config.audiences)
            && (1..=SUBJECT_MAX).contains(&subject.len())
            && !subject.chars().any(char::is_control)
            && is_second(self.exp)
            && begun(self.nbf)
            && begun(self.iat);
        if !good {
            return Err(ErrorCode::InvalidToken);
        }
        if now >= self.expires_at() { Err(ErrorCode::TokenExpired) } else { Ok(()) }
    }

    fn is_for(&self, wanted: &[String]) -> bool {
        let named = match &self.aud {
            Some(Audience::One(one)) => std::slice::from_ref(one),
            Some(Audience::Many(many)) => many,
            None => &[],
        };
        wanted.is_empty() || named.iter().any(|it| wanted.contains(it))
    }

    /// When the token ends, in seconds.
    pub(super) fn expires_at(&self) -> i64 {
        second(self.exp.floor())
    }

    /// The subject's address, where the issuer says, as `true` and not as a text, that it has verified it.
    pub(super) fn verified_email(&self) -> Option<&str> {
        self.email.as_str().filter(|_| self.email_verified == Value::Bool(true))
    }

    /// What the subject is called.
    pub(super) fn username(&self) -> Option<&str> {
        self.name.as_str().or(self.preferred_username.as_str())
    }
}

fn is_second(time: f64) -> bool {
    (-SECOND_MAX..=SECOND_MAX).contains(&time)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked by `is_second`; beyond it, it is the nearest end"
)]
const fn second(time: f64) -> i64 {
    time as i64
}
