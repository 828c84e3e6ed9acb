//! The settings for people: the table as help, and the values in force as a TOML file.

use super::provider_tables::{FIELDS, ProviderTable};
use super::table::{Entry, Fallback, Secrecy, TABLE};
use super::values::{DEFAULT, Setting, Values};
use std::fmt::Write as _;

const MASK: &str = "********";

const HELP_HEAD: &str = "\
Settings: each is an environment variable, and in lower case a key of the TOML file. A flag wins over the
environment, that over the file (--config, else parlor.toml in the data folder), that over the default.
`parlor config` prints those in force and where each comes from.
";

const HELP_PROVIDERS: &str = "
Providers: each [[providers]] table of the TOML file is an LLM API. They are asked before those that the environment
turns on; one of the file stands in place of the environment's that has its name. Its fields, of which it needs name
and kind:
";

/// The table of settings, for `--help`.
pub(crate) fn help() -> String {
    let mut text = HELP_HEAD.to_owned();
    for entry in TABLE {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {}\n      {}\n", entry.variable(), entry.meaning);
        let _ = writeln!(text, "      {}; {}", entry.form, instead(entry));
    }
    text.push_str(HELP_PROVIDERS);
    for field in FIELDS {
        let _ = write!(text, "\n  {}\n      {}\n      {}\n", field.name, field.meaning, field.form);
    }
    text
}

/// The values in force, as a TOML file that can be used as one: what is secret or unset stands in comments.
pub(crate) fn toml(values: &Values) -> String {
    let mut text = "# Parlor's settings in force, each with where it comes from.\n".to_owned();
    for (entry, setting) in values.iter() {
        let _ = writeln!(text, "{}", line(entry, setting));
    }
    // Last of all, since what follows a table is in it.
    values.providers().iter().for_each(|table| provider(&mut text, table));
    text
}

fn line(entry: &Entry, Setting { text, origin }: &Setting) -> String {
    let name = entry.name;
    let Some(text) = text else { return format!("# {name} is {}", instead(entry)) };
    if let Some(masked) = masked(entry.secrecy, text) {
        return format!("# {name} = {}  # {origin}", quoted(&masked));
    }
    // Written down as a value, it would no longer depend on what it depends on.
    let derived = origin == DEFAULT && matches!(entry.default, Fallback::Unset(_));
    let (comment, origin) = if derived { ("# ", instead(entry)) } else { ("", origin.clone()) };
    format!("{comment}{name} = {}  # {origin}", value(text))
}

fn provider(text: &mut String, table: &ProviderTable) {
    let _ = writeln!(text, "\n[[providers]]  # {}", table.origin);
    for field in FIELDS {
        let Some(found) = table.text(field.name) else { continue };
        let _ = match masked(field.secrecy, found) {
            Some(masked) => writeln!(text, "# {} = {}", field.name, quoted(&masked)),
            None => writeln!(text, "{} = {}", field.name, value(found)),
        };
    }
    for name in table.headers.keys() {
        let _ = writeln!(text, "# headers.{} = {}", quoted(name), quoted(MASK));
    }
}

/// What stands in for a value that nobody gave.
fn instead(entry: &Entry) -> String {
    match entry.default {
        Fallback::Is(value) => format!("default: {value}"),
        Fallback::Unset(instead) => format!("unset: {instead}"),
    }
}

/// What may be shown of a value; none where all may.
fn masked(secrecy: Secrecy, text: &str) -> Option<String> {
    match secrecy {
        Secrecy::Open => None,
        Secrecy::Secret => Some(MASK.to_owned()),
        Secrecy::Url => without_password(text),
    }
}

/// A URL that holds a password, without it; parameters may be one. None where it holds none.
fn without_password(url: &str) -> Option<String> {
    let (start, rest) = url.split_once("://")?;
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    // A password may hold a slash that should have been escaped: the last @ ends it.
    let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    if user.is_none() && !query.is_some_and(|query| query.to_ascii_lowercase().contains("password")) {
        return None;
    }
    let user = user.map(|user| format!("{}:{MASK}@", user.split(':').next().unwrap_or_default()));
    let query = query.map(|_| format!("?{MASK}"));
    Some(format!("{start}://{}{host}{}", user.unwrap_or_default(), query.unwrap_or_default()))
}

/// A TOML value: bare where it is a number or a truth value that reads back as the same text.
fn value(text: &str) -> String {
    let whole = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    let decimal = text.contains('.') && text.parse::<f64>().is_ok_and(|number| number.to_string() == text);
    if whole || decimal || matches!(text, "true" | "false") { text.to_owned() } else { quoted(text) }
}

/// A basic string (TOML 1.0, String).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_not_shown() {
        let check = |url: &str, expect: Option<&str>| assert_eq!(without_password(url).as_deref(), expect);
        check("postgres://ada:s3cret@db/parlor", Some("postgres://ada:********@db/parlor"));
        check("postgres://ada:s3/cr@t@db/parlor", Some("postgres://ada:********@db/parlor"));
        check("postgres://token@db/parlor", Some("postgres://token:********@db/parlor"));
        check("postgres://db/parlor?user=ada&password=s3cret", Some("postgres://db/parlor?********"));
        check("sqlite://./parlor-data/parlor.db", None);
        check("http://127.0.0.1:11434/v1", None);
    }

    #[test]
    fn values_are_bare_only_where_they_read_back_the_same() {
        let check = |text: &str, expect: &str| assert_eq!(value(text), expect);
        check("8000", "8000");
        check("0.7", "0.7");
        check("true", "true");
        check("007", "\"007\"");
        check("1.10", "\"1.10\"");
        check("30s", "\"30s\"");
        check("a \"b\" \\ \n\u{1}é", "\"a \\\"b\\\" \\\\ \\n\\u0001é\"");
    }
}
