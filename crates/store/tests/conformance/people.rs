//! People for the tests of accounts, in as few words as possible.

use crate::subject::Subject;
use crate::write::at;
use parlor_domain::Timestamp;
use parlor_domain::ports::{
    AuditAction, AuditEntry, CodeGuess, CodePurpose, Digest, GrantId, NewCode, NewRefreshToken, User,
};
use uuid::Uuid;

pub const ANN: &str = "ann@example.org";

/// A hash that nobody else has.
pub fn hash() -> Digest {
    let half = *Uuid::new_v4().as_bytes();
    let mut hash = [7; 32];
    hash[..16].copy_from_slice(&half);
    hash
}

/// A code of a sign-up, good from second 0 to 600.
pub fn sign_up(email: &str, hash: Digest) -> NewCode {
    NewCode {
        email: email.to_owned(),
        purpose: CodePurpose::SignUp,
        hash,
        at: at(0),
        expires_at: at(600),
        password_hash: Some("$argon2id$ann".to_owned()),
        username: Some("Ann".to_owned()),
    }
}

/// A code of a sign-in, good from second 0 to 600.
pub fn sign_in(email: &str, hash: Digest) -> NewCode {
    NewCode { purpose: CodePurpose::SignIn, password_hash: None, username: None, ..sign_up(email, hash) }
}

/// A guess at the code's address and purpose in second 1, of a code that bears five.
pub fn guess(code: &NewCode, hash: Digest) -> CodeGuess {
    CodeGuess { email: code.email.clone(), purpose: code.purpose, hash, tries: 5, at: at(1) }
}

/// An entry of the audit log, of second 0.
pub fn audit_entry(action: AuditAction) -> AuditEntry {
    AuditEntry::new(action, at(0))
}

/// A user with this address.
pub async fn user(subject: &Subject, email: &str) -> User {
    subject.store.user_ensure(email, None, at(0)).await.unwrap()
}

/// The first refresh token of a new sign-in of the user, good from second 0 to 600.
pub fn token(user: &User) -> NewRefreshToken {
    NewRefreshToken {
        hash: hash(),
        grant: GrantId(Uuid::now_v7()),
        user: user.id,
        at: at(0),
        expires_at: at(600),
    }
}

/// When what is made in the tests is over.
pub fn later() -> Timestamp {
    at(600)
}
