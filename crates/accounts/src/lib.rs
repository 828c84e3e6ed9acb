//! Who somebody is: accounts of our own, tokens, other issuers' tokens, and the secret that signs ours.
//!
//! Where it stands in a message's way: before it. A transport hands a credential to the domain, which asks its
//! [`Authenticator`](parlor_domain::ports::Authenticator) whose it is, and sends whoever wants an account to its
//! [`Accounts`](parlor_domain::ports::Accounts). Those traits are all that others see.
//!
//! - [`Tokens`] issues and verifies Parlor's own tokens: access tokens, and those that open sockets alone.
//! - [`Issuer`] verifies the tokens of one other issuer (`OpenID` Connect, Clerk) by the keys that it publishes.
//! - [`Door`] is the authenticator of a server that has both.
//! - [`OwnAccounts`] is sign-up, sign-in and refresh: passwords, codes by mail, and the limits of all that.
//! - [`Mailer`] sends mail: [`Smtp`], or the [`Outbox`] of a server that was given none. [`MailQueue`] stands before it.
//! - [`ServiceKeys`] lets AI workers in.
//! - [`secret`] keeps the secret of a server that was given none.
//!
//! To send mail in another way, implement [`Mailer`] in a file beside `mail/smtp.rs` and hand it to
//! [`MailQueue::start`].
//!
//! ```
//! use parlor_accounts::Tokens;
//! use parlor_domain::UserId;
//! use parlor_domain::ports::{Authenticator, Clock, Role, SystemClock};
//! use std::{sync::Arc, time::Duration};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let tokens = Tokens::new(b"a secret that has at least 32 bytes", Arc::new(SystemClock)).unwrap();
//! let user = UserId::new();
//! let token = tokens.issue(user, Role::Admin, Duration::from_mins(5), SystemClock.now()).unwrap();
//! let identity = tokens.authenticate(&token).await.unwrap();
//! assert_eq!((identity.user, identity.role), (user, Role::Admin));
//! # });
//! ```

mod accounts;
mod address;
mod digest;
mod door;
mod issuer;
mod mail;
mod passwords;
pub mod secret;
pub mod service_keys;
mod settings;
pub mod tokens;

pub use accounts::OwnAccounts;
pub use address::{InvalidAddress, normalise_address};
pub use door::Door;
pub use issuer::{InvalidIssuer, Issuer, IssuerConfig};
pub use mail::{Mail, MailError, MailQueue, MailSetupError, Mailer, Outbox, Smtp};
pub use passwords::{InvalidHashing, is_password_hash};
pub use secret::SecretError;
pub use service_keys::{ServiceKeys, WeakServiceKey};
pub use settings::{AccountSettings, Allowance, Hashing};
pub use tokens::{TokenError, Tokens};
