//! What may be a password, after NIST SP 800-63B §3.1.1.2: long enough, and none of those that are tried first. There are
//! no rules of composition, since these make passwords worse.

use parlor_domain::{ErrorCode, Refusal};

/// The fewest characters (§3.1.1.2: at least 8 where, as here, it is one of two factors).
const CHARACTERS_MIN: usize = 8;
/// The most characters (§3.1.1.2 asks for at least 64).
const CHARACTERS_MAX: usize = 128;
/// The most bytes, which bounds what is hashed.
const BYTES_MAX: usize = 512;

/// Passwords that everybody tries first: one a line, in lower case, sorted.
const COMMON: &str = include_str!("common.txt");

/// Checks a password that somebody wants to have. Error: `INVALID_REQUEST`, which says why and never quotes it.
pub(crate) fn check_new(password: &str, address: &str) -> Result<(), Refusal> {
    let characters = password.chars().count();
    if !(CHARACTERS_MIN..=CHARACTERS_MAX).contains(&characters) || password.len() > BYTES_MAX {
        let words = format!("a password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    let lower = password.to_lowercase();
    if is_common(&lower) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "this password is one of the first that are tried",
        ));
    }
    let name = address.split_once('@').map_or(address, |(name, _)| name);
    if lower == address || lower == name {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "the password is the address"));
    }
    Ok(())
}

/// Checks a password that somebody signs in with: imported ones may be shorter than ours. Error: `INVALID_REQUEST`.
pub(crate) fn check_given(password: &str) -> Result<(), Refusal> {
    if password.is_empty() || password.len() > BYTES_MAX {
        let words = format!("a password has 1 to {BYTES_MAX} bytes");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    Ok(())
}

fn is_common(lower: &str) -> bool {
    COMMON.lines().any(|line| line == lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects accounts from the passwords that are tried first, and people from rules that make passwords worse.
    #[test]
    fn long_and_uncommon_is_enough() {
        let address = "ann.lee.smith@example.org";
        for fine in ["correct horse", "aaaabbbz", "пароль-мой-секрет", &"ü".repeat(128), "        x       "]
        {
            assert_eq!(check_new(fine, address), Ok(()), "{fine}");
        }
        for bad in [
            "",
            "seven77",
            "password",
            "PassWord1",
            "12345678",
            "qwertyuiop",
            "ann.lee.smith",
            address,
            "Ann.Lee.Smith@Example.org",
            &"x".repeat(129),
            &"🎉".repeat(129),
        ] {
            let refusal = check_new(bad, address).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidRequest, "{bad}");
            assert!(bad.len() < 9 || !refusal.message.contains(bad), "it is quoted");
        }
        assert_eq!(check_given("short"), Ok(()), "what was imported has other rules");
        assert!(check_given("").is_err() && check_given(&"x".repeat(513)).is_err());
    }

    /// Protects the list: each of its lines can match, and is found once.
    #[test]
    fn the_list_is_sorted_lower_and_long_enough() {
        let lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.len() >= 900, "{}", lines.len());
        assert!(lines.is_sorted_by(|a, b| a < b), "sorted, and each once");
        for line in lines {
            assert!(line.chars().count() >= CHARACTERS_MIN && line.to_lowercase() == line, "{line}");
        }
    }
}
