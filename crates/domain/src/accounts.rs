//! Accounts as transports see them: each step is done by [`Accounts`], written down in the audit log, and has its
//! consequences for what is open.

use crate::audit::Doer;
use crate::caller::Caller;
use crate::check;
use crate::hub::{Hub, Shared};
use crate::ports::{
    Account, Accounts, AuditAction, Balance, RefreshError, Revocation, SignUp, SignedIn, User, UserChange,
};
use crate::{ErrorCode, Refusal, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest that a token can be good which nobody shows when its sign-in ends: one for sockets.
const LONGEST_UNSEEN: Duration = Duration::from_hours(24);
/// How much longer the end of a sign-in is remembered than the last of its tokens is good: a clock that is set forward and
/// back again, by as much as a wrong time zone, makes no token good.
const CLOCK_ERROR: Duration = Duration::from_hours(24);

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

    /// Whether people without an account may try this server.
    pub fn takes_guests(&self) -> bool {
        self.0.accounts.as_ref().is_some_and(|accounts| accounts.takes_guests())
    }

    /// Our accounts, for one more step of who speaks from there.
    fn admitted(&self, from: Option<IpAddr>) -> Result<Arc<dyn Accounts>, Refusal> {
        let accounts = self.0.accounts.clone().ok_or(Refusal::of(ErrorCode::NotFound))?;
        accounts.admit(from)?;
        Ok(accounts)
    }

    /// Wants an account; a code goes out by mail. Errors: those of [`Accounts`], and `NOT_FOUND` where there are none.
    pub async fn sign_up(&self, who: SignUp, from: Option<IpAddr>) -> Result<(), Refusal> {
        let (accounts, shared) = (self.admitted(from)?, Arc::clone(&self.0));
        let work = async move {
            let doer = Doer::claimed(&who.email, from);
            let outcome = accounts.sign_up(who).await;
            shared.audited(doer, AuditAction::SignUp, None, outcome).await
        };
        self.0.to_its_end(work).await
    }

    /// Brings the code of a sign-up. Errors: as of [`Hub::sign_up`], and `INVALID_CODE`.
    pub async fn verify_email(
        &self,
        email: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Refusal> {
        self.verify(AuditAction::EmailVerify, email, code, from).await
    }

    /// Brings a password; a code goes out by mail. Errors: as of [`Hub::sign_up`], and `INVALID_CREDENTIALS`.
    pub async fn sign_in(&self, email: &str, password: &str, from: Option<IpAddr>) -> Result<(), Refusal> {
        let (accounts, shared) = (self.admitted(from)?, Arc::clone(&self.0));
        let (email, password) = (email.to_owned(), password.to_owned());
        let work = async move {
            let outcome = accounts.sign_in(&email, &password).await;
            shared.audited(Doer::claimed(&email, from), AuditAction::SignIn, None, outcome).await
        };
        self.0.to_its_end(work).await
    }

    /// Brings the code of a sign-in. Errors: as of [`Hub::sign_up`], and `INVALID_CODE`.
    pub async fn verify_sign_in(
        &self,
        email: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Refusal> {
        self.verify(AuditAction::SignInVerify, email, code, from).await
    }

    /// The code of a sign-up, where that is the action; else of a sign-in.
    async fn verify(
        &self,
        action: AuditAction,
        email: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Refusal> {
        let (accounts, shared) = (self.admitted(from)?, Arc::clone(&self.0));
        let (email, code) = (email.to_owned(), code.to_owned());
        let work = async move {
            let outcome = match action {
                AuditAction::EmailVerify => accounts.verify_email(&email, &code).await,
                _ => accounts.verify_sign_in(&email, &code).await,
            };
            let actor = outcome.as_ref().ok().map(|it| it.user.id);
            let doer = Doer { actor, ..Doer::claimed(&email, from) };
            shared.audited(doer, action, None, outcome).await
        };
        self.0.to_its_end(work).await
    }

    /// Makes a user for somebody who wants to try the server, and signs them in. Errors: as of [`Hub::sign_up`], and
    /// `FORBIDDEN` where there are to be no guests.
    pub async fn guest(&self, from: Option<IpAddr>) -> Result<SignedIn, Refusal> {
        let (accounts, shared) = (self.admitted(from)?, Arc::clone(&self.0));
        let work = async move {
            let outcome = accounts.guest(from).await;
            let made = outcome.as_ref().ok().map(|it| &it.user);
            let (actor, account) = (made.map(|it| it.id), made.map(|it| it.email.clone()));
            let doer = Doer { actor, account, address: from };
            shared.audited(doer, AuditAction::GuestSignIn, None, outcome).await
        };
        self.0.to_its_end(work).await
    }

    /// Exchanges a refresh token. One that was used before ends its whole sign-in: whoever has it, one of them stole it.
    /// Errors: as of [`Hub::sign_up`], and `INVALID_TOKEN`.
    pub async fn refresh(&self, refresh_token: &str, from: Option<IpAddr>) -> Result<SignedIn, Refusal> {
        let (accounts, shared) = (self.admitted(from)?, Arc::clone(&self.0));
        let token = refresh_token.to_owned();
        let work = async move {
            let refreshed = accounts.refresh(&token).await;
            shared.refreshed(refreshed, from).await
        };
        self.0.to_its_end(work).await
    }

    /// Ends the caller's sign-in, and that of the refresh token where it is another of theirs: their tokens are refused
    /// from here on, and their sockets close with 4001. Error: `INTERNAL`.
    pub async fn sign_out(&self, caller: &Caller, refresh_token: Option<&str>) -> Result<(), Refusal> {
        let (caller, shared) = (caller.clone(), Arc::clone(&self.0));
        let token = refresh_token.map(ToOwned::to_owned);
        self.0.to_its_end(async move { shared.signed_out(&caller, token.as_deref()).await }).await
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

impl Shared {
    async fn refreshed(
        &self,
        refreshed: Result<SignedIn, RefreshError>,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Refusal> {
        match refreshed {
            Ok(signed_in) if self.grants.is_revoked(signed_in.grant) => {
                Err(Refusal::of(ErrorCode::InvalidToken))
            }
            Ok(signed_in) => Ok(signed_in),
            Err(RefreshError::Refused(refusal)) => Err(refusal),
            Err(RefreshError::Reused { grant, user }) => {
                let (at, code) = (self.clock.now(), ErrorCode::InvalidToken);
                let doer = Doer { actor: Some(user), account: None, address: from };
                let entry = doer.entry(AuditAction::TokenReuse, Some(grant.to_string()), at);
                let end = Revocation { grant, user, at, until: at.plus(LONGEST_UNSEEN).plus(CLOCK_ERROR) };
                self.revoke(end, entry.refused(Some(code))).await?;
                Err(Refusal::of(code))
            }
        }
    }

    async fn signed_out(&self, caller: &Caller, refresh_token: Option<&str>) -> Result<(), Refusal> {
        let (identity, at) = (&caller.identity, self.clock.now());
        let mut grants = vec![identity.grant];
        if let Some(token) = refresh_token
            && let Some(accounts) = &self.accounts
            && let Some((owner, grant)) = accounts.refresh_owner(token).await?
            && owner == identity.user
            && grant != identity.grant
            && !self.grants.is_revoked(grant)
        {
            grants.push(grant);
        }
        let until = identity.expires_at.max(at.plus(LONGEST_UNSEEN)).plus(CLOCK_ERROR);
        for grant in grants {
            let entry = Doer::from(caller).entry(AuditAction::SignOut, Some(grant.to_string()), at);
            self.revoke(Revocation { grant, user: identity.user, at, until }, entry).await?;
        }
        Ok(())
    }
}
