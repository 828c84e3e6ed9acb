//! Accounts of our own: from an address and a password to a pair of tokens.
//!
//! Each step here has the same shape. The visitor has been counted; what they gave is brought into its form or refused, the
//! address is counted; only then is anything looked up. From there on nothing may differ between an address that is known
//! and one that is not, save what its owner reads in their mail: the same work, the same answer, after the same time.

mod guests;
mod limits;
mod secrets;
#[cfg(test)]
mod tests;
mod visitors;

use self::limits::Limits;
use self::secrets::{Code, RefreshToken};
use self::visitors::Visitors;
use crate::mail::{Letter, MailQueue};
use crate::passwords::{self, InvalidHashing, Passwords, Verdict};
use crate::{AccountSettings, Tokens, normalise_address};
use async_trait::async_trait;
use parlor_domain::ports::{
    Accounts, Clock, CodeGuess, CodePurpose, CredentialStore, GrantId, NewCode, NewRefreshToken,
    RefreshError, Rotated, SignUp, SignedIn, StoreError, User,
};
use parlor_domain::{ErrorCode, Refusal, UserId};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

/// The longest name that others see, in bytes.
const USERNAME_MAX: usize = 64;

/// Sign-up, sign-in and refresh on a [`CredentialStore`]. It has no state of its own but what it counts of visitors'
/// addresses: nodes that share a database are one.
pub struct OwnAccounts {
    store: Arc<dyn CredentialStore>,
    clock: Arc<dyn Clock>,
    tokens: Arc<Tokens>,
    mail: MailQueue,
    passwords: Passwords,
    limits: Limits,
    visitors: Visitors,
    settings: AccountSettings,
}

impl fmt::Debug for OwnAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnAccounts").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl OwnAccounts {
    /// Accounts in `store`, whose tokens `tokens` signs and whose codes go out by `mail`. Error: [`InvalidHashing`].
    pub fn new(
        store: Arc<dyn CredentialStore>,
        clock: Arc<dyn Clock>,
        tokens: Arc<Tokens>,
        mail: MailQueue,
        settings: AccountSettings,
    ) -> Result<Self, InvalidHashing> {
        let passwords = Passwords::new(settings.hashing)?;
        let limits = Limits::new(Arc::clone(&store), Arc::clone(&clock), &settings);
        let visitors = Visitors::new(Arc::clone(&clock), settings.requests);
        Ok(Self { store, clock, tokens, mail, passwords, limits, visitors, settings })
    }

    /// Gives what `work` gives, and never earlier than the floor: less time than that would tell what was found.
    async fn evenly<T>(&self, work: impl Future<Output = T>) -> T {
        let until = Instant::now() + self.settings.answer_floor;
        let outcome = work.await;
        // A sleep of no time at all takes up to a millisecond.
        if Instant::now() < until {
            tokio::time::sleep_until(until).await;
        }
        outcome
    }

    /// The account is made of what the code's row holds, so that nothing of it counts before the address is proved.
    async fn want_account(&self, email: String, who: SignUp) -> Result<(), Refusal> {
        self.limits.mail(CodePurpose::SignUp, &email).await?;
        let hash = self.passwords.hash(&who.password).await?;
        let known = self.store.credential_find(&email).await.map_err(internal)?;
        if known.is_some_and(|account| account.password_hash.is_some()) {
            self.mail.send(Letter::AccountExists.to(&email));
            return Ok(());
        }
        self.send_code(CodePurpose::SignUp, email, Some(hash), who.username).await
    }

    async fn prove_password(&self, email: String, password: &str) -> Result<(), Refusal> {
        self.limits.password(&email).await?;
        let account = self.store.credential_find(&email).await.map_err(internal)?;
        let hash = account.as_ref().and_then(|it| it.password_hash.as_deref());
        let verdict = self.passwords.verify(password, hash).await?;
        let (Some(account), Verdict::Right | Verdict::Weak) = (&account, verdict) else {
            return Err(Refusal::of(ErrorCode::InvalidCredentials));
        };
        self.limits.password_was_right(&email).await?;
        if let (Verdict::Weak, Some(old)) = (verdict, hash) {
            self.strengthen(account.user.id, old, password).await;
        }
        self.limits.mail(CodePurpose::SignIn, &email).await?;
        self.send_code(CodePurpose::SignIn, email, None, None).await
    }

    /// Puts a hash of ours in the place of a weak one. It may fail: the next sign-in tries again.
    async fn strengthen(&self, user: UserId, old: &str, password: &str) {
        let Ok(new) = self.passwords.hash(password).await else { return };
        match self.store.credential_replace(user, old, &new).await {
            Ok(replaced) => tracing::info!(%user, replaced, "a weak password hash was replaced"),
            Err(error) => tracing::error!(%user, %error, "a weak password hash was not replaced"),
        }
    }

    async fn send_code(
        &self,
        purpose: CodePurpose,
        email: String,
        password_hash: Option<String>,
        username: Option<String>,
    ) -> Result<(), Refusal> {
        let (code, good) = (Code::random().map_err(|error| Refusal::internal(&error))?, self.settings.code);
        let hash = code.hash(self.tokens.code_key(), purpose, &email);
        let letter = match purpose {
            CodePurpose::SignUp => Letter::SignUp(code.into_text(), good),
            CodePurpose::SignIn => Letter::SignIn(code.into_text(), good),
        };
        let (mail, at) = (letter.to(&email), self.clock.now());
        let code = NewCode { email, purpose, hash, at, expires_at: at.plus(good), password_hash, username };
        self.store.code_create(code, self.settings.live_codes).await.map_err(internal)?;
        self.mail.send(mail);
        Ok(())
    }

    async fn verify(&self, purpose: CodePurpose, email: &str, code: &str) -> Result<SignedIn, Refusal> {
        let email = normalise_address(email)?;
        // What can be no code is no guess at one either: nobody burns a code by a slip of the keyboard.
        let code = Code::parse(code).ok_or(Refusal::of(ErrorCode::InvalidCode))?;
        self.evenly(self.prove_code(purpose, email, code)).await
    }

    async fn prove_code(&self, purpose: CodePurpose, email: String, code: Code) -> Result<SignedIn, Refusal> {
        self.limits.guess(purpose, &email).await?;
        let hash = code.hash(self.tokens.code_key(), purpose, &email);
        let (at, tries) = (self.clock.now(), self.settings.code_tries);
        let guess = CodeGuess { email: email.clone(), purpose, hash, tries, at };
        let user = self.store.code_guess(guess).await.map_err(internal)?;
        let user = user.ok_or(Refusal::of(ErrorCode::InvalidCode))?;
        self.limits.guess_was_right(purpose, &email).await?;
        self.begin(user).await
    }

    /// A new sign-in.
    async fn begin(&self, user: User) -> Result<SignedIn, Refusal> {
        let (grant, at) = (GrantId(Uuid::new_v4()), self.clock.now());
        let refresh = RefreshToken::random().map_err(|error| Refusal::internal(&error))?;
        let expires_at = at.plus(self.settings.refresh_token);
        let kept = NewRefreshToken { hash: refresh.hash(), grant, user: user.id, at, expires_at };
        self.store.refresh_create(kept).await.map_err(internal)?;
        self.signed_in(user, grant, refresh)
    }

    fn signed_in(&self, user: User, grant: GrantId, refresh: RefreshToken) -> Result<SignedIn, Refusal> {
        let expires_in = self.settings.access_token;
        let access_token = self.tokens.issue_for(grant, user.id, user.role, expires_in, self.clock.now());
        let access_token = access_token.map_err(|error| Refusal::internal(&error))?;
        Ok(SignedIn { user, grant, access_token, expires_in, refresh_token: refresh.into_text() })
    }

    async fn exchange(&self, old: &RefreshToken) -> Result<Result<SignedIn, RefreshError>, Refusal> {
        let next = RefreshToken::random().map_err(|error| Refusal::internal(&error))?;
        let at = self.clock.now();
        let expires_at = at.plus(self.settings.refresh_token);
        let rotated = self.store.refresh_rotate(old.hash(), next.hash(), expires_at, at).await;
        Ok(match rotated.map_err(internal)? {
            Rotated::Fresh { user, grant } => Ok(self.signed_in(user, grant, next)?),
            Rotated::Reused { user, grant } => Err(RefreshError::Reused { grant, user }),
            Rotated::Unknown => Err(RefreshError::Refused(Refusal::of(ErrorCode::InvalidToken))),
        })
    }
}

#[async_trait]
impl Accounts for OwnAccounts {
    fn admit(&self, from: Option<IpAddr>) -> Result<(), Refusal> {
        self.visitors.check(from)
    }

    async fn sign_up(&self, who: SignUp) -> Result<(), Refusal> {
        let email = normalise_address(&who.email)?;
        passwords::check_new(&who.password, &email)?;
        check_username(who.username.as_deref())?;
        self.evenly(self.want_account(email, who)).await
    }

    async fn verify_email(&self, email: &str, code: &str) -> Result<SignedIn, Refusal> {
        self.verify(CodePurpose::SignUp, email, code).await
    }

    async fn sign_in(&self, email: &str, password: &str) -> Result<(), Refusal> {
        let email = normalise_address(email)?;
        passwords::check_given(password)?;
        self.evenly(self.prove_password(email, password)).await
    }

    async fn verify_sign_in(&self, email: &str, code: &str) -> Result<SignedIn, Refusal> {
        self.verify(CodePurpose::SignIn, email, code).await
    }

    fn takes_guests(&self) -> bool {
        self.settings.guest_access
    }

    async fn guest(&self, from: Option<IpAddr>) -> Result<SignedIn, Refusal> {
        self.welcome(from).await
    }

    async fn refresh(&self, refresh_token: &str) -> Result<SignedIn, RefreshError> {
        let Some(token) = RefreshToken::parse(refresh_token) else {
            return Err(RefreshError::Refused(Refusal::of(ErrorCode::InvalidToken)));
        };
        self.exchange(&token).await.map_err(RefreshError::Refused).flatten()
    }

    async fn refresh_owner(&self, refresh_token: &str) -> Result<Option<(UserId, GrantId)>, Refusal> {
        let Some(token) = RefreshToken::parse(refresh_token) else { return Ok(None) };
        self.store.refresh_owner(token.hash(), self.clock.now()).await.map_err(internal)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn internal(error: StoreError) -> Refusal {
    Refusal::internal(&error)
}

/// Checks what others are to see of somebody: the same as where they change it later.
fn check_username(name: Option<&str>) -> Result<(), Refusal> {
    let fits = |name: &str| {
        (1..=USERNAME_MAX).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control)
    };
    if name.is_none_or(fits) {
        return Ok(());
    }
    let words =
        format!("a username has 1 to {USERNAME_MAX} bytes, no control characters, and no spaces around it");
    Err(Refusal::new(ErrorCode::InvalidRequest, words))
}
