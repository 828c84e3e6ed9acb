//! Addresses of e-mail, in the one form in which they are kept and compared.

use parlor_domain::{ErrorCode, Refusal};

/// The longest address, in bytes (RFC 5321 §4.5.3.1.3, less the two brackets).
const ADDRESS_MAX: usize = 254;
/// The longest part before `@`, in bytes (RFC 5321 §4.5.3.1.1).
const LOCAL_MAX: usize = 64;

/// The text can be no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this can be no e-mail address")]
pub struct InvalidAddress;

impl From<InvalidAddress> for Refusal {
    fn from(error: InvalidAddress) -> Self {
        Self::new(ErrorCode::InvalidRequest, error.to_string())
    }
}

/// An address as it is kept: without the spaces around it, in lower case.
///
/// It is stricter than RFC 5321 about the part before `@`, which may be quoted there and tell capitals apart: nobody has
/// such an address, and two accounts that differ in a capital would be a trap. A domain that is not ASCII is written in
/// its ASCII form (RFC 5890). Error: [`InvalidAddress`], also for whatever could end a line of a mail.
///
/// ```
/// use parlor_accounts::normalise_address;
///
/// assert_eq!(normalise_address(" Ann.Lee@Example.ORG ").unwrap(), "ann.lee@example.org");
/// assert!(normalise_address("ann@example.org\r\nBcc: all@example.org").is_err());
/// ```
pub fn normalise_address(text: &str) -> Result<String, InvalidAddress> {
    let address = text.trim_matches(' ');
    let (local, domain) = address.split_once('@').ok_or(InvalidAddress)?;
    let fits = address.len() <= ADDRESS_MAX && (1..=LOCAL_MAX).contains(&local.len());
    if !fits || !local.split('.').all(is_atom) || !domain.split('.').all(is_label) {
        return Err(InvalidAddress);
    }
    let address = address.to_ascii_lowercase();
    // What the mail's own library refuses could never get a code.
    address.parse::<lettre::Address>().map_err(|_| InvalidAddress)?;
    Ok(address)
}

/// A piece of the part before `@` (RFC 5321 §4.1.2, Atom).
fn is_atom(piece: &str) -> bool {
    let of_atom = |it: char| it.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(it);
    !piece.is_empty() && piece.chars().all(of_atom)
}

/// A piece of a domain (RFC 5321 §4.1.2, sub-domain; RFC 1035 §2.3.4).
fn is_label(piece: &str) -> bool {
    let of_label = |it: char| it.is_ascii_alphanumeric() || it == '-';
    (1..=63).contains(&piece.len())
        && piece.chars().all(of_label)
        && !piece.starts_with('-')
        && !piece.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects accounts from having two spellings, and mails from lines that an address brings.
    #[test]
    fn an_address_has_one_form_or_none() {
        let label = "b".repeat(60);
        let long = |local, more: &str| format!("{}@{label}.{label}.{label}{more}.org", "a".repeat(local));
        for (text, wanted) in [
            ("ann@example.org", "ann@example.org"),
            ("  ANN+tag@Example.Org ", "ann+tag@example.org"),
            ("o'neil@xn--bcher-kva.example", "o'neil@xn--bcher-kva.example"),
            ("root@localhost", "root@localhost"),
        ] {
            assert_eq!(normalise_address(text).as_deref(), Ok(wanted), "{text}");
        }
        assert!(normalise_address(&long(64, "")).is_ok());
        let too_long = [long(65, ""), long(64, ".cccccccccccccccccccc")];
        for text in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.org",
            "a@b@c",
            "a nn@example.org",
            "ann@exa mple.org",
            "ann@-a.org",
            "ann@a-.org",
            "ann@.org",
            "ann@org.",
            ".ann@a.org",
            "a..b@a.org",
            "\"a b\"@a.org",
            "ann@[127.0.0.1]",
            "ann@example.org\n",
            "ann@example.org\r\nBcc: b@example.org",
            "ann\0@example.org",
            "änn@example.org",
            "ann@bücher.example",
            "Ann <ann@example.org>",
            "ann@example.org,b@example.org",
            "\tann@example.org",
            &too_long[0],
            &too_long[1],
        ] {
            assert_eq!(normalise_address(text), Err(InvalidAddress), "{text:?}");
        }
    }
}
