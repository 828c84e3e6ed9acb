//! Accounts as transports see them: each step is done by [`Accounts`], written down in the audit log, and has its
//! consequences for what is open.

use crate::audit::Doer;
use crate::caller::Caller;
use crate::check;
use crate::hub::Hub;
use crate::ports::{
    Account, Accounts, AuditAction, Balance, RefreshError, Revocation, SignUp, SignedIn, User, UserChange,
};
use crate::{ErrorCode, Refusal, Timestamp};
use std::net::IpAddr;
use std::time::Duration;

/// The longest that a token can be good which nobody shows when its sign-in ends: one for sockets.
const LONGEST_UNSEEN: Duration = Duration::from_hours(24);

/// What a user sees of themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// They.
    pub user: User,
    /// Tokens of all time, and how many there may be.
    pub total: (Balance, Option<u64>),
    /// Tokens of this day (UTC), and how many there may be.
    pub today: (Balance, Option<u64>),
}

impl Hub {
    /// Whether this server has accounts of its own.
    pub fn has_accounts(&self) -> bool {
        self.0.accounts.is_some()
    }

    fn accounts(&self) -> Result<&dyn Accounts, Refusal> {
        self.0.accounts.as_deref().ok_or(Refusal::of(ErrorCode::NotFound))
    }

    /// Our accounts, for one more step of who speaks from there.
    fn admitted(&self, from: Option<IpAddr>) -> Result<&dyn Accounts, Refusal> {
        let accounts = self.accounts()?;
        accounts.admit(from)?;
        Ok(accounts)
    }

    /// Wants an account; a code goes out by mail. Errors: those of [`Accounts`], and `NOT_FOUND` where there are none.
    pub async fn sign_up(&self, who: SignUp, from: Option<IpAddr>) -> Result<(), Refusal> {
        let doer = Doer::claimed(&who.email, from);
        let outcome = self.admitted(from)?.sign_up(who).await;
        self.0.audited(doer, AuditAction::SignUp, None, outcome).await
    }

    /// Brings the code of a sign-up. Errors: as of [`Hub::sign_up`], and `INVALID_CODE`.
    pub async fn verify_email(
        &self,
        email: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Refusal> {
        let outcome = self.admitted(from)?.verify_email(email, code).await;
        self.signed_in(email, from, AuditAction::EmailVerify, outcome).await
    }

    /// Brings a password; a code goes out by mail. Errors: as of [`Hub::sign_up`], and `INVALID_CREDENTIALS`.
    pub async fn sign_in(&self, email: &str, password: &str, from: Option<IpAddr>) -> Result<(), Refusal> {
        let outcome = self.admitted(from)?.sign_in(email, password).await;
        self.0.audited(Doer::claimed(email, from), AuditAction::SignIn, None, outcome).await
    }

    /// Brings the code of a sign-in. Errors: as of [`Hub::sign_up`], and `INVALID_CODE`.
    pub async fn verify_sign_in(
        &self,
        email: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Refusal> {
        let outcome = self.admitted(from)?.verify_sign_in(email, code).await;
        self.signed_in(email, from, AuditAction::SignInVerify, outcome).await
    }

    async fn signed_in(
        &self,
        email: &str,
        from: Option<IpAddr>,
        action: AuditAction,
        outcome: Result<SignedIn, Refusal>,
    ) -> Result<SignedIn, Refusal> {
        let actor = outcome.as_ref().ok().map(|it| it.user.id);
        let doer = Doer { actor, ..Doer::claimed(email, from) };
        self.0.audited(doer, action, None, outcome).await
    }

    /// Exchanges a refresh token. One that was used before ends its whole sign-in: whoever has it, one of them stole it.
    /// Errors: as of [`Hub::sign_up`], and `INVALID_TOKEN`.
    pub async fn refresh(&self, refresh_token: &str, from: Option<IpAddr>) -> Result<SignedIn, Refusal> {
        match self.admitted(from)?.refresh(refresh_token).await {
            Ok(signed_in) if self.0.grants.is_revoked(signed_in.grant) => {
                Err(Refusal::of(ErrorCode::InvalidToken))
            }
            Ok(signed_in) => Ok(signed_in),
            Err(RefreshError::Refused(refusal)) => Err(refusal),
            Err(RefreshError::Reused { grant, user }) => {
                let at = self.now();
                self.0.revoke(Revocation { grant, user, at, until: at.plus(LONGEST_UNSEEN) }).await?;
                let doer = Doer { actor: Some(user), account: None, address: from };
                let subject = Some(grant.to_string());
                self.0.audit(doer, AuditAction::TokenReuse, subject, Some(ErrorCode::InvalidToken)).await?;
                Err(Refusal::of(ErrorCode::InvalidToken))
            }
        }
    }

    /// Ends the caller's sign-in, and that of the refresh token where it is another of theirs: their tokens are refused
    /// from here on, and their sockets close with 4001. Error: `INTERNAL`.
    pub async fn sign_out(&self, caller: &Caller, refresh_token: Option<&str>) -> Result<(), Refusal> {
        let (identity, at) = (&caller.identity, self.now());
        let mut grants = vec![identity.grant];
        if let Some(token) = refresh_token
            && let Some(accounts) = &self.0.accounts
            && let Some((owner, grant)) = accounts.refresh_owner(token).await?
            && owner == identity.user
            && grant != identity.grant
            && !self.0.grants.is_revoked(grant)
        {
            grants.push(grant);
        }
        let until = identity.expires_at.max(at.plus(LONGEST_UNSEEN));
        for grant in grants {
            self.0.revoke(Revocation { grant, user: identity.user, at, until }).await?;
            self.0.audit(caller.into(), AuditAction::SignOut, Some(grant.to_string()), None).await?;
        }
        Ok(())
    }

    /// The caller. Errors: `INVALID_TOKEN` where their account is gone, `INTERNAL`.
    pub async fn me(&self, caller: &Caller) -> Result<Me, Refusal> {
        let user = self.0.store.user_get(caller.identity.user).await;
        self.about(user.map_err(|error| Refusal::internal(&error))?).await
    }

    /// Changes the caller. Errors: `INVALID_REQUEST`, and those of [`Hub::me`].
    pub async fn user_update(&self, caller: &Caller, change: UserChange) -> Result<Me, Refusal> {
        check::user(&change)?;
        let user = self.0.store.user_update(caller.identity.user, change).await;
        let user = user.map_err(|error| Refusal::internal(&error))?;
        if let Some(user) = &user {
            self.remember(user.id, user.username().into());
        }
        self.about(user).await
    }

    async fn about(&self, user: Option<User>) -> Result<Me, Refusal> {
        let user = user.ok_or(Refusal::of(ErrorCode::InvalidToken))?;
        let budgets = &self.0.settings.turns.budgets;
        let total = (self.balance(Account::User(user.id)).await?, budgets.user);
        let today = Account::UserDay(user.id, Timestamp::into(self.now()));
        let today = (self.balance(today).await?, budgets.user_day);
        Ok(Me { user, total, today })
    }

    async fn balance(&self, account: Account) -> Result<Balance, Refusal> {
        self.0.store.usage_balance(&account).await.map_err(|error| Refusal::internal(&error))
    }
}
