//! How passwords are kept: argon2id (RFC 9106), made on threads of their own and never too many at once. Hashes of bcrypt
//! that were imported are good too, until their user signs in and we know the password.

use crate::settings::Hashing;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parlor_domain::{ErrorCode, Refusal};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The highest cost of a bcrypt hash that is verified: beyond it one sign-in takes seconds of a core.
const BCRYPT_COST_MAX: u32 = 14;
/// The most memory, in KiB, and the most passes of an argon2 hash that is verified.
const ARGON2_MAX: (u32, u32) = (256 * 1024, 16);

/// The parameters make no hash.
#[derive(Debug, thiserror::Error)]
#[error("passwords cannot be hashed with these parameters: {0}")]
pub struct InvalidHashing(String);

/// What a password is to a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another one's.
    Wrong,
    /// Its own.
    Right,
    /// Its own; and the hash is weaker than those that we make.
    Weak,
}

/// Makes and verifies hashes.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// Of no password: verified where there is no account, so that it takes the same time.
    dummy: Arc<str>,
    /// A place among those that wait or work.
    places: Arc<Semaphore>,
    /// A place among those that work.
    threads: Arc<Semaphore>,
    #[cfg(test)]
    pub(crate) made: std::sync::atomic::AtomicUsize,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("argon2", &self.argon2).finish_non_exhaustive()
    }
}

impl Passwords {
    /// Hashes at this cost. Error: [`InvalidHashing`].
    pub(crate) fn new(cost: Hashing) -> Result<Self, InvalidHashing> {
        let params = Params::new(cost.memory, cost.passes, 1, None);
        let params = params.map_err(|error| InvalidHashing(error.to_string()))?;
        let dummy = dummy(&params).map_err(|error| InvalidHashing(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let at_once = cost.at_once.max(1);
        Ok(Self {
            argon2,
            dummy: dummy.into(),
            places: Arc::new(Semaphore::new(
                at_once.saturating_add(cost.waiting).min(Semaphore::MAX_PERMITS),
            )),
            threads: Arc::new(Semaphore::new(at_once)),
            #[cfg(test)]
            made: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    /// The hash of a password (a PHC string), with a salt of its own. Errors: `RATE_LIMIT` where too many wait, `INTERNAL`.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Refusal> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        let made =
            self.work(move || argon2.hash_password(password.as_bytes()).map(|it| it.to_string())).await?;
        made.map_err(|error| Refusal::internal(&error))
    }

    /// What a password is to a hash; without a hash it is wrong, after the time of one. Errors: as of [`Passwords::hash`].
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<Verdict, Refusal> {
        let (argon2, password, known) = (self.argon2.clone(), password.to_owned(), hash.is_some());
        let hash = hash.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        let verdict = self.work(move || verify(&argon2, password.as_bytes(), &hash)).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// Does this on a thread of its own. The places go with it: who goes away meanwhile does not make room.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let busy = || Refusal::retry_after(ErrorCode::RateLimit, Duration::from_secs(1));
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| busy())?;
        #[cfg(test)]
        self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let _held: [OwnedSemaphorePermit; 2] = [place, thread];
            work()
        })
        .await
        .map_err(|error| Refusal::internal(&error))
    }
}

/// A hash of this cost that no password is known for: none was hashed for it, which would take memory at every start.
fn dummy(params: &Params) -> Result<String, getrandom::Error> {
    let (mut salt, mut hash) = ([0; 16], [0; Params::DEFAULT_OUTPUT_LEN]);
    getrandom::fill(&mut salt)?;
    getrandom::fill(&mut hash)?;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

/// A hash that we can verify.
enum Known {
    Argon2(Box<PasswordHash>, Params),
    Bcrypt,
}

fn known(hash: &str) -> Option<Known> {
    if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix)) {
        let parts: bcrypt::HashParts = hash.parse().ok()?;
        return (parts.get_cost() <= BCRYPT_COST_MAX).then_some(Known::Bcrypt);
    }
    let hash = PasswordHash::new(hash).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let whole = hash.hash.is_some() && hash.salt.is_some() && hash.algorithm.as_str() == "argon2id";
    let bearable = params.m_cost() <= ARGON2_MAX.0 && params.t_cost() <= ARGON2_MAX.1;
    (whole && bearable).then(|| Known::Argon2(Box::new(hash), params))
}

/// Whether this is a password's hash that users can sign in with: argon2id as a PHC string (at most 256 MiB and 16
/// passes), or bcrypt (`$2a$`, `$2b$` or `$2y$`, at most cost 14).
///
/// ```
/// use parlor_accounts::is_password_hash;
///
/// assert!(is_password_hash("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"));
/// assert!(!is_password_hash("5f4dcc3b5aa765d61d8327deb882cf99"));
/// ```
pub fn is_password_hash(text: &str) -> bool {
    known(text).is_some()
}

fn verify(argon2: &Argon2<'_>, password: &[u8], hash: &str) -> Verdict {
    let (right, weak) = match known(hash) {
        // bcrypt knows the first 72 bytes alone, as everywhere.
        Some(Known::Bcrypt) => (bcrypt::verify(password, hash).unwrap_or(false), true),
        Some(Known::Argon2(hash, params)) => {
            let ours = argon2.params();
            let weak = params.m_cost() < ours.m_cost() || params.t_cost() < ours.t_cost();
            (argon2.verify_password(password, hash.as_ref()).is_ok(), weak)
        }
        None => {
            tracing::error!("a password's hash is of no kind that we know");
            (false, false)
        }
    };
    match (right, weak) {
        (false, _) => Verdict::Wrong,
        (true, false) => Verdict::Right,
        (true, true) => Verdict::Weak,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const CHEAP: Hashing = Hashing { memory: 64, passes: 1, at_once: 1, waiting: 1 };

    /// Protects stored passwords: hashes are salted, say what they cost, and are replaced when they are weak.
    #[tokio::test]
    async fn a_hash_is_right_for_its_password_alone() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse").await.unwrap());
        let check = async |password, hash| passwords.verify(password, hash).await.unwrap();
        assert_eq!(check("correct horse", Some(hash.as_str())).await, Verdict::Right);
        assert_eq!(check("Correct horse", Some(hash.as_str())).await, Verdict::Wrong);
        assert_eq!(check("correct horse", None).await, Verdict::Wrong);
        assert!(is_password_hash(&passwords.dummy), "{}", passwords.dummy);
        assert_eq!(passwords.dummy.len(), hash.len());
        let cost = "$argon2id$v=19$m=64,t=1,p=1$".len();
        assert_eq!(passwords.dummy[..cost], hash[..cost], "the same work");
        assert_eq!(check("x", Some("x")).await, Verdict::Wrong);
        let stronger = Passwords::new(Hashing { memory: 128, ..CHEAP }).unwrap();
        assert_eq!(stronger.verify("correct horse", Some(&hash)).await, Ok(Verdict::Weak));
    }

    /// Protects those who come from elsewhere: what PHP, Python and Ruby made of bcrypt is good here, and is replaced.
    #[tokio::test]
    async fn bcrypt_hashes_are_good_and_weak() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let hash = bcrypt::hash_with_result("correct horse", 4).unwrap();
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            let hash = hash.format_for_version(version);
            assert_eq!(passwords.verify("correct horse", Some(&hash)).await, Ok(Verdict::Weak));
            assert_eq!(passwords.verify("battery staple", Some(&hash)).await, Ok(Verdict::Wrong));
            assert!(is_password_hash(&hash));
        }
    }

    /// Protects the server from hashes that would take all its memory or time, and operators from importing them.
    #[test]
    fn hashes_that_cost_too_much_or_are_unknown_are_refused() {
        let bcrypt = bcrypt::hash("x", 4).unwrap();
        let salt = "c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
        for bad in [
            String::new(),
            "password".to_owned(),
            bcrypt.replace("$04$", "$31$"),
            bcrypt.replace("$2b$", "$2x$"),
            bcrypt[..40].to_owned(),
            format!("$argon2id$v=19$m=4000000,t=1,p=1${salt}"),
            format!("$argon2id$v=19$m=64,t=1000,p=1${salt}"),
            format!("$argon2i$v=19$m=64,t=1,p=1${salt}"),
            "$argon2id$v=19$m=64,t=1,p=1".to_owned(),
        ] {
            assert!(!is_password_hash(&bad), "{bad}");
        }
        assert!(is_password_hash(&format!("$argon2id$v=19$m=64,t=1,p=1${salt}")));
    }

    /// Protects cores and memory from a flood of sign-ins: who finds no place is told at once.
    #[tokio::test]
    async fn too_many_at_once_are_refused() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = passwords.work(move || wait.recv());
        let second = passwords.work(|| ());
        tokio::pin!(first, second);
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        let refusal = passwords.hash("x").await.unwrap_err();
        assert_eq!((refusal.code, refusal.retry_after), (ErrorCode::RateLimit, Some(1)));
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap();
        assert!(passwords.hash("x").await.is_ok());
    }

    #[test]
    fn parameters_that_make_no_hash_are_refused() {
        assert!(Passwords::new(Hashing { memory: 1, ..CHEAP }).is_err());
        assert!(Passwords::new(Hashing { passes: 0, ..CHEAP }).is_err());
    }
}
