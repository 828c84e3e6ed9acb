//! Accounts on a store in memory, with a clock that the test moves and a mailbox that it reads.

use crate::mail::{Mail, MailError, Mailer};
use crate::{AccountSettings, Hashing, MailQueue, OwnAccounts, Tokens};
use async_trait::async_trait;
use parlor_domain::ports::{Accounts, Clock, CredentialStore, RefreshError, SignUp, SignedIn};
use parlor_domain::testing::{ManualClock, MemoryStore};
use parlor_domain::{ErrorCode, Timestamp};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

pub(super) const ANN: &str = "ann@example.org";
pub(super) const BOB: &str = "bob@example.org";
pub(super) const PASSWORD: &str = "correct horse";

pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) tokens: Arc<Tokens>,
    accounts: OwnAccounts,
    queue: MailQueue,
    mails: mpsc::Receiver<Mail>,
    /// Each request comes from somewhere else.
    visitors: AtomicU64,
}

/// A mailbox.
struct Mailbox(mpsc::Sender<Mail>);

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail.clone()).await.map_err(|error| MailError { permanent: true, source: error.into() })
    }
}

/// Fast, with every rule in force.
pub(super) fn settings() -> AccountSettings {
    let hashing = Hashing { memory: 64, passes: 1, at_once: 4, waiting: 64 };
    AccountSettings { answer_floor: Duration::ZERO, hashing, ..AccountSettings::default() }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(settings()).await
    }

    #[expect(clippy::unused_async, reason = "the queue's task needs a runtime")]
    pub(super) async fn with(settings: AccountSettings) -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(MemoryStore::default());
        let tokens = Arc::new(Tokens::new(&[7; 32], Arc::clone(&clock) as Arc<dyn Clock>).unwrap());
        let (sender, mails) = mpsc::channel(1_000);
        let queue = MailQueue::start(Arc::new(Mailbox(sender)));
        let kept = Arc::clone(&store) as Arc<dyn CredentialStore>;
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let accounts = OwnAccounts::new(kept, time, Arc::clone(&tokens), queue.clone(), settings).unwrap();
        Self { clock, store, tokens, accounts, queue, mails, visitors: AtomicU64::new(0) }
    }

    pub(super) fn accounts(&self) -> &dyn Accounts {
        &self.accounts
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where each step is made from anew.
    fn somewhere(&self) -> IpAddr {
        let network = u128::from(self.visitors.fetch_add(1, Ordering::Relaxed));
        Ipv6Addr::from_bits((0x2001_0db8 << 96) | (network << 64)).into()
    }

    fn admitted(&self) -> Result<(), ErrorCode> {
        self.accounts.admit(Some(self.somewhere())).map_err(|it| it.code)
    }

    pub(super) async fn sign_up(&self, email: &str, password: &str) -> Result<(), ErrorCode> {
        self.sign_up_as(email, password, None).await
    }

    pub(super) async fn sign_up_as(
        &self,
        email: &str,
        password: &str,
        username: Option<&str>,
    ) -> Result<(), ErrorCode> {
        let (email, password, username) = (email.into(), password.into(), username.map(str::to_owned));
        self.admitted()?;
        self.accounts.sign_up(SignUp { email, password, username }).await.map_err(|it| it.code)
    }

    pub(super) async fn sign_in(&self, email: &str, password: &str) -> Result<(), ErrorCode> {
        self.admitted()?;
        self.accounts.sign_in(email, password).await.map_err(|it| it.code)
    }

    pub(super) async fn verify_email(&self, email: &str, code: &str) -> Result<SignedIn, ErrorCode> {
        self.admitted()?;
        self.accounts.verify_email(email, code).await.map_err(|it| it.code)
    }

    pub(super) async fn verify_sign_in(&self, email: &str, code: &str) -> Result<SignedIn, ErrorCode> {
        self.admitted()?;
        self.accounts.verify_sign_in(email, code).await.map_err(|it| it.code)
    }

    pub(super) async fn refresh(&self, token: &str) -> Result<SignedIn, RefreshError> {
        self.accounts.admit(Some(self.somewhere())).map_err(RefreshError::Refused)?;
        self.accounts.refresh(token).await
    }

    /// Signs up, with the code from the mail.
    pub(super) async fn enter(&mut self, email: &str) -> SignedIn {
        self.sign_up(email, PASSWORD).await.unwrap();
        let code = self.code().await;
        self.verify_email(email, &code).await.unwrap()
    }

    pub(super) async fn mail(&mut self) -> Mail {
        self.mails.recv().await.unwrap()
    }

    /// The code in the next mail.
    pub(super) async fn code(&mut self) -> String {
        let mail = self.mail().await;
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|it| it.is_ascii_digit());
        mail.text.lines().map(str::trim).find(is_code).unwrap().to_owned()
    }

    /// Whether no mail is there, nor under way.
    pub(super) async fn no_more_mail(&mut self) -> bool {
        self.queue.close(Duration::from_secs(60)).await;
        self.mails.try_recv().is_err()
    }

    /// How many hashes of passwords were made or verified.
    pub(super) fn hashed(&self) -> usize {
        self.accounts.passwords.made.load(Ordering::Relaxed)
    }

    pub(super) async fn hash_of(&self, email: &str) -> String {
        self.store.credential_find(email).await.unwrap().unwrap().password_hash.unwrap()
    }
}
