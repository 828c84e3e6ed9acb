//! Who somebody is: tokens, and the secret that signs them.
//!
//! Where it stands in a message's way: before it. A transport hands a credential to the domain, which asks its
//! [`Authenticator`](parlor_domain::ports::Authenticator) whose it is. That trait is all that others see of
//! verification, so that tokens of other issuers can stand beside our own.
//!
//! - [`Tokens`] issues and verifies Parlor's own tokens: access tokens, and those that open sockets alone.
//! - [`ServiceKeys`] lets AI workers in.
//! - [`secret`] keeps the secret of a server that was given none.
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

pub mod secret;
pub mod service_keys;
pub mod tokens;

pub use secret::SecretError;
pub use service_keys::{ServiceKeys, WeakServiceKey};
pub use tokens::{TokenError, Tokens};
