//! What we give away and keep the hashes of: codes by mail, and refresh tokens.

use crate::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlor_domain::ports::{CodePurpose, Digest};

/// How many codes there are.
const CODES: u32 = 1_000_000;
/// The length of a code, in digits.
const DIGITS: usize = 6;
/// The length of a refresh token, in bytes: nobody guesses 256 bits, so that a plain hash keeps it.
const REFRESH: usize = 32;

/// A code by mail: six digits.
pub(super) struct Code(String);

impl Code {
    /// Any code, each as likely as the others. Error: the system gave no random bytes.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        loop {
            if let Some(code) = Self::of_number(getrandom::u32()?) {
                return Ok(code);
            }
        }
    }

    /// The code that a random number is; none where it lies beyond the last whole million: of these, the low codes would
    /// be likelier than the others.
    fn of_number(number: u32) -> Option<Self> {
        let fair = u32::MAX - u32::MAX % CODES;
        (number < fair).then(|| Self(format!("{:0DIGITS$}", number % CODES)))
    }

    /// A code as a person typed it, perhaps with spaces.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > 4 * DIGITS {
            return None;
        }
        let digits: String = text.chars().filter(|it| *it != ' ').collect();
        (digits.len() == DIGITS && digits.bytes().all(|it| it.is_ascii_digit())).then_some(Self(digits))
    }

    /// What is kept of it. There are few codes: without the key, a copy of the database would give them all.
    pub(super) fn hash(&self, key: &digest::Key, purpose: CodePurpose, email: &str) -> Digest {
        digest::hmac_sha256(key, &[purpose.as_str().as_bytes(), email.as_bytes(), self.0.as_bytes()])
    }

    /// The digits, for the mail.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// What gets the next access token, once.
pub(super) struct RefreshToken([u8; REFRESH]);

impl RefreshToken {
    /// A new one. Error: the system gave no random bytes.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; REFRESH];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// One that somebody brings; none where it can be none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > 2 * REFRESH {
            return None;
        }
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> Digest {
        digest::sha256(&[&self.0])
    }

    /// The text, for its owner.
    pub(super) fn into_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Protects codes from being guessed: all of six digits, none likelier than another.
    #[test]
    fn codes_are_six_digits_and_fair() {
        assert_eq!(Code::of_number(7).unwrap().0, "000007");
        assert_eq!(Code::of_number(4_293_999_999).unwrap().0, "999999");
        assert!(Code::of_number(4_294_000_000).is_none() && Code::of_number(u32::MAX).is_none());
        assert_eq!(Code::random().unwrap().0.len(), 6);
    }

    #[test]
    fn a_code_is_read_with_spaces_and_in_no_other_form() {
        for text in ["123456", " 123 456 ", "123456  "] {
            assert_eq!(Code::parse(text).unwrap().0, "123456", "{text}");
        }
        for text in
            ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "+12345", "-12345", "123\n456", &" ".repeat(9_999)]
        {
            assert!(Code::parse(text).is_none(), "{text}");
        }
    }

    /// Protects a code of one person and purpose from opening another's door.
    #[test]
    fn a_code_is_hashed_for_its_purpose_address_and_server() {
        let hash = |key: u8, purpose, email| Code("123456".into()).hash(&[key; 32], purpose, email);
        let code = hash(1, CodePurpose::SignIn, "ann@example.org");
        assert_eq!(code, hash(1, CodePurpose::SignIn, "ann@example.org"));
        assert_ne!(code, hash(2, CodePurpose::SignIn, "ann@example.org"));
        assert_ne!(code, hash(1, CodePurpose::SignUp, "ann@example.org"));
        assert_ne!(code, hash(1, CodePurpose::SignIn, "bob@example.org"));
    }

    #[test]
    fn a_refresh_token_comes_back_as_it_went() {
        let token = RefreshToken::random().unwrap();
        let (hash, text) = (token.hash(), token.into_text());
        assert_eq!(text.len(), 43);
        assert_eq!(RefreshToken::parse(&text).unwrap().hash(), hash);
        for text in
            ["", "x", &text[1..], &format!("{text}="), &text.replace(&text[..1], "!"), &"A".repeat(1 << 20)]
        {
            assert!(RefreshToken::parse(text).is_none(), "{text:.50}");
        }
    }
}
