//! What our mails say. The words stand in files of their own beside this one, as text and as HTML.
//!
//! Nothing that a stranger chose stands in a mail, a username least of all: whoever signs somebody else up would have our
//! server send them what they like.

use super::Mail;
use std::time::Duration;
use uuid::Uuid;

/// What we write.
#[derive(Clone)]
pub(crate) enum Letter {
    /// The code of a sign-up, and for how long it is good.
    SignUp(String, Duration),
    /// The code of a sign-in, and for how long it is good.
    SignIn(String, Duration),
    /// Somebody signed up with an address that has an account.
    AccountExists,
}

/// A letter's words, with `{{code}}` and `{{minutes}}` in them.
struct Template {
    subject: &'static str,
    text: &'static str,
    html: &'static str,
}

const SIGN_UP: Template = Template {
    subject: "Your code to confirm your address",
    text: include_str!("sign_up.txt"),
    html: include_str!("sign_up.html"),
};
const SIGN_IN: Template = Template {
    subject: "Your code to sign in",
    text: include_str!("sign_in.txt"),
    html: include_str!("sign_in.html"),
};
const ACCOUNT_EXISTS: Template = Template {
    subject: "You already have an account",
    text: include_str!("account_exists.txt"),
    html: include_str!("account_exists.html"),
};

impl Letter {
    /// The letter as a mail to this address.
    pub(crate) fn to(&self, address: &str) -> Mail {
        let (template, code, minutes) = match self {
            Self::SignUp(code, good) => (SIGN_UP, code.as_str(), good.as_secs() / 60),
            Self::SignIn(code, good) => (SIGN_IN, code.as_str(), good.as_secs() / 60),
            Self::AccountExists => (ACCOUNT_EXISTS, "", 0),
        };
        let values = [("{{code}}", code.to_owned()), ("{{minutes}}", minutes.to_string())];
        Mail {
            id: Uuid::new_v4(),
            to: address.to_owned(),
            subject: template.subject,
            text: fill(template.text, &values, str::to_owned),
            html: fill(template.html, &values, escape),
        }
    }
}

fn fill(template: &str, values: &[(&str, String)], write: fn(&str) -> String) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, &write(value)))
}

/// A text as HTML shows it, also inside of an attribute.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the reader: both parts have the code and its time, the subject does not, and no gap stays open.
    #[test]
    fn letters_say_the_code_in_both_parts_and_not_in_the_subject() {
        let good = Duration::from_secs(600);
        let codes = [Letter::SignUp("123456".into(), good), Letter::SignIn("123456".into(), good)];
        for letter in &codes {
            let mail = letter.to("ann@example.org");
            for part in [&mail.text, &mail.html] {
                assert!(
                    part.contains("123456") && part.contains("10 minutes") && !part.contains("{{"),
                    "{part}"
                );
            }
            assert!(!mail.subject.contains("123456"));
            assert!(!format!("{mail:?}").contains("123456"), "it is shown");
        }
        let mail = Letter::AccountExists.to("ann@example.org");
        assert!(!mail.text.contains("{{") && !mail.html.contains("{{") && mail.text.contains("already"));
    }

    /// Protects readers of HTML from what a value could be one day.
    #[test]
    fn values_are_escaped_in_html_alone() {
        let mail = Letter::SignIn("<b a='\"'>&".into(), Duration::ZERO).to("ann@example.org");
        assert!(mail.text.contains("<b a='\"'>&"));
        assert!(mail.html.contains("&lt;b a=&#39;&quot;&#39;&gt;&amp;"));
    }
}
