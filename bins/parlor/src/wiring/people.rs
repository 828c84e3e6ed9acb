//! What tells people apart: tokens, accounts, another issuer, and the mail that goes with them.

use crate::failure::Failure;
use crate::settings::{Mail, Settings};
use parlor_accounts::{
    AccountSettings, Door, InvalidIssuer, Issuer, MailQueue, Mailer, Outbox, OwnAccounts, ServiceKeys, Smtp,
    Tokens, secret,
};
use parlor_domain::ports::{Accounts, Authenticator, Clock, CredentialStore, LinkSigner};
use parlor_store::Database;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The folder in the data folder where mail goes that no server sends.
const OUTBOX: &str = "outbox";
/// How long mail that waits may still take when the server stops: whoever waits for a code can ask for another.
const LAST_MAILS: Duration = Duration::from_secs(10);

/// The parts of a server that know people.
pub(crate) struct People {
    tokens: Arc<Tokens>,
    issuer: Option<Arc<Issuer>>,
    accounts: Arc<OwnAccounts>,
    mail: MailQueue,
}

impl People {
    /// All of them, on `store`. Mail has a task of its own, until [`People::close`].
    pub(crate) fn start(
        settings: &Settings,
        store: &Database,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let store: Arc<dyn CredentialStore> = Arc::new(store.clone());
        let tokens = Arc::new(tokens(settings, Arc::clone(clock))?);
        let issuer = issuer(settings, &store, clock)?;
        let mailer = mailer(&settings.mail, &settings.server.data_dir, clock)?;
        let mail = MailQueue::start(mailer);
        let (signer, figures) = (Arc::clone(&tokens), account_settings(settings));
        let accounts = OwnAccounts::new(store, Arc::clone(clock), signer, mail.clone(), figures);
        let accounts = accounts.map_err(|error| Failure::while_doing("accounts", &error))?;
        Ok(Self { tokens, issuer, accounts: Arc::new(accounts), mail })
    }

    /// Whose a credential is.
    pub(crate) fn authenticator(&self) -> Arc<dyn Authenticator> {
        Arc::new(Door::new(Arc::clone(&self.tokens), self.issuer.clone()))
    }

    /// Who vouches for links to files.
    pub(crate) fn links(&self) -> Arc<dyn LinkSigner> {
        Arc::clone(&self.tokens) as _
    }

    /// How people come to have one.
    pub(crate) fn accounts(&self) -> Arc<dyn Accounts> {
        Arc::clone(&self.accounts) as _
    }

    /// Sends the mail that waits, as far as that is quick, and ends the tasks.
    pub(crate) async fn close(&self) {
        self.mail.close(LAST_MAILS).await;
        if let Some(issuer) = &self.issuer {
            issuer.close().await;
        }
    }
}

/// Who issues and checks tokens. Makes the secret if there is none.
pub(crate) fn tokens(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Tokens, Failure> {
    let cannot = |error: &dyn std::error::Error| Failure::while_doing("the signing secret", error);
    let tokens = match &settings.accounts.secret {
        Some(secret) => Tokens::new(&secret.0, clock),
        None => {
            Tokens::new(&secret::load_or_create(&settings.server.data_dir).map_err(|it| cannot(&it))?, clock)
        }
    };
    let tokens = tokens.map_err(|error| cannot(&error))?;
    let keys = settings.accounts.service_keys.0.iter().map(String::as_str);
    let keys =
        ServiceKeys::new(keys).map_err(|error| Failure::Configuration(format!("ai_service_key: {error}")))?;
    Ok(tokens.with_service_keys(keys))
}

fn issuer(
    settings: &Settings,
    store: &Arc<dyn CredentialStore>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<Issuer>>, Failure> {
    let Some(config) = settings.issuer.clone() else { return Ok(None) };
    match Issuer::new(config, Arc::clone(store), Arc::clone(clock)) {
        Ok(issuer) => Ok(Some(Arc::new(issuer))),
        Err(error @ InvalidIssuer::Client(_)) => Err(Failure::while_doing("the other issuer", &error)),
        Err(error) => Err(Failure::Configuration(error.to_string())),
    }
}

fn mailer(mail: &Mail, data_dir: &Path, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Mailer>, Failure> {
    let from = mail.from.0.as_str();
    let mailer: Result<Arc<dyn Mailer>, _> = match &mail.smtp {
        Some(url) => Smtp::new(&url.0, from).map(|it| Arc::new(it) as _),
        None => Outbox::new(data_dir.join(OUTBOX), from, Arc::clone(clock)).map(|it| Arc::new(it) as _),
    };
    mailer.map_err(|error| Failure::while_doing("mail", &error))
}

/// The figures of accounts; those that nobody can choose are their own.
pub(crate) fn account_settings(settings: &Settings) -> AccountSettings {
    let accounts = &settings.accounts;
    AccountSettings {
        access_token: accounts.access_token,
        refresh_token: accounts.refresh_token,
        requests: accounts.requests,
        guest_access: accounts.guests,
        answer_floor: accounts.minimum_time,
        ..AccountSettings::default()
    }
}
