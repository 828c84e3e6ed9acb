//! Guests: users without an address or a password, for who wants to try the server.

use super::visitors::household;
use super::{OwnAccounts, internal};
use parlor_domain::ports::{ForeignIdentity, SignedIn};
use parlor_domain::{ErrorCode, Refusal};
use std::net::IpAddr;
use uuid::Uuid;

/// Who vouches for guests, among the issuers of identities: nobody but us.
const ISSUER: &str = "parlor:guests";

impl OwnAccounts {
    /// Makes a user whom nobody can sign in as again, and their first sign-in. Errors: `FORBIDDEN` where guests are not
    /// taken, `RATE_LIMIT`, `INTERNAL`.
    pub(super) async fn welcome(&self, from: Option<IpAddr>) -> Result<SignedIn, Refusal> {
        if !self.settings.guest_access {
            return Err(Refusal::new(ErrorCode::Forbidden, "this server takes no guests"));
        }
        if let Some(from) = from {
            self.limits.guest(household(from)).await?;
        }
        let subject = Uuid::new_v4().simple().to_string();
        let identity = ForeignIdentity {
            issuer: ISSUER.to_owned(),
            email: None,
            // No mail reaches it (RFC 6761 §6.4).
            placeholder: format!("guest-{subject}@guests.invalid"),
            username: Some(format!("Guest {}", &subject[..4])),
            subject,
        };
        let user = self.store.identity_user(identity, self.clock.now()).await.map_err(internal)?;
        self.begin(user).await
    }
}
