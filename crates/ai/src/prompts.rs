//! Templates of instructions, in the language of Jinja: [`Jinja`] fills them in.
//!
//! Whoever may make an assistant writes them, and their server must not suffer: of the language only that is taken which
//! cannot grow (`allowed`), with limits on work, depth and length. There are no includes, no files, no macros and no
//! variables of a template's own. What is filled in is data: a name that looks like a template stays a name.

mod allowed;
mod filters;

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use parlor_domain::ports::{PromptError, PromptFacts, PromptPlace, Prompts};
use serde::Serialize;
use std::io::{self, Write};

/// How much work a template may be: about an instruction each. Texts are counted apart (`filters`).
const FUEL: u64 = 10_000;
/// The longest text that a template may become, in bytes.
const TEXT_MAX: usize = 64 * 1024;
/// How deep expressions may stand in each other while they are filled in.
const DEPTH: usize = 64;

/// Templates in the language of Jinja.
///
/// ```
/// use parlor_ai::prompts::Jinja;
/// use parlor_domain::Timestamp;
/// use parlor_domain::ports::{PromptFacts, PromptPlace, Prompts};
///
/// let facts = PromptFacts {
///     username: "{{ now }}".into(),
///     profile: Some(r#"{"goals":["run","swim"]}"#.into()),
///     place: PromptPlace::Nowhere,
///     now: Timestamp::from_microsecond(0),
/// };
/// let template = "You help {{ user.username }}{% if user.profile.goals %} to {{ user.profile.goals|join(' and ') }}{% endif %}.";
/// Jinja.check(template).unwrap();
/// assert_eq!(Jinja.render(template, &facts).unwrap(), "You help {{ now }} to run and swim.");
/// assert_eq!(Jinja.check("{{ secrets }}").unwrap_err().to_string(), "line 1: there is no variable `secrets`");
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct Jinja;

impl Prompts for Jinja {
    /// Whether it is one, speaks of nothing unknown, and can be filled in everywhere for somebody of whom little is known.
    fn check(&self, template: &str) -> Result<(), PromptError> {
        allowed::check(template)?;
        for place in places() {
            for profile in [None, Some("{}".into())] {
                let now = parlor_domain::Timestamp::from_microsecond(0);
                let facts = PromptFacts { username: "user".into(), profile, place: place.clone(), now };
                fill_in(template, &facts)?;
            }
        }
        Ok(())
    }

    fn render(&self, template: &str, facts: &PromptFacts) -> Result<String, PromptError> {
        // What was saved by an earlier version may not be allowed any more.
        allowed::check(template)?;
        fill_in(template, facts)
    }
}

/// Every kind of place, with nothing in particular in it.
fn places() -> [PromptPlace; 3] {
    let id = parlor_domain::ConversationId::new();
    let room = "room".parse().map(|id| PromptPlace::Room {
        id,
        name: "room".to_owned(),
        kind: parlor_domain::room::RoomKind::Private,
    });
    [
        room.unwrap_or(PromptPlace::Nowhere),
        PromptPlace::Conversation { id, title: "conversation".to_owned() },
        PromptPlace::Nowhere,
    ]
}

fn fill_in(template: &str, facts: &PromptFacts) -> Result<String, PromptError> {
    let environment = environment();
    let compiled = environment.template_from_str(template).map_err(|error| told(&error))?;
    let mut text = Bounded::default();
    compiled.render_captured_to(Context::of(facts), &mut text).map_err(|error| told(&error))?;
    text.into_text().map_err(|_| PromptError("the text is no UTF-8".to_owned()))
}

/// What a template can see. Names that are not there are nothing: people have said different things of themselves.
fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    filters::add_to(&mut environment);
    environment
}

#[derive(Serialize)]
struct Context<'a> {
    user: User<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<Room<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<Conversation<'a>>,
    /// RFC 3339, in UTC.
    now: String,
    /// `2026-11-29`
    date: String,
}

#[derive(Serialize)]
struct User<'a> {
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Room<'a> {
    id: &'a str,
    name: &'a str,
    kind: &'a str,
}

#[derive(Serialize)]
struct Conversation<'a> {
    id: String,
    title: &'a str,
}

impl<'a> Context<'a> {
    fn of(facts: &'a PromptFacts) -> Self {
        let now = facts.now.to_string();
        let (room, conversation) = match &facts.place {
            PromptPlace::Room { id, name, kind } => {
                (Some(Room { id: id.as_str(), name, kind: kind.as_str() }), None)
            }
            PromptPlace::Conversation { id, title } => {
                (None, Some(Conversation { id: id.to_string(), title }))
            }
            PromptPlace::Nowhere => (None, None),
        };
        Self {
            user: User {
                username: &facts.username,
                profile: facts.profile.as_deref().and_then(|profile| serde_json::from_str(profile).ok()),
            },
            room,
            conversation,
            date: now.get(..10).unwrap_or_default().to_owned(),
            now,
        }
    }
}

/// A text that does not grow beyond its limit.
#[derive(Default)]
struct Bounded(Vec<u8>);

impl Bounded {
    fn into_text(self) -> Result<String, std::string::FromUtf8Error> {
        String::from_utf8(self.0)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > TEXT_MAX {
            return Err(io::Error::other("the text is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line and the reason. A reason may name what the template names; it never has a value in it.
fn told(error: &minijinja::Error) -> PromptError {
    let reason = match error.kind() {
        ErrorKind::SyntaxError => error.detail().unwrap_or("the syntax is wrong").to_owned(),
        ErrorKind::OutOfFuel => "it is too much work".to_owned(),
        ErrorKind::WriteFailure => format!("the text is longer than {TEXT_MAX} bytes"),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest => error.to_string(),
        other => other.to_string(),
    };
    PromptError(match error.line() {
        Some(line) => format!("line {line}: {reason}"),
        None => reason,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::Timestamp;
    use parlor_domain::room::RoomKind;

    fn facts(username: &str, profile: Option<&str>, place: PromptPlace) -> PromptFacts {
        let now = Timestamp::from_microsecond(1_795_953_600_000_000);
        PromptFacts { username: username.into(), profile: profile.map(Into::into), place, now }
    }

    fn room(name: &str) -> PromptPlace {
        PromptPlace::Room { id: "team".parse().unwrap(), name: name.to_owned(), kind: RoomKind::Group }
    }

    /// Protects what assistants are told: each fact stands where the template says.
    #[test]
    fn facts_stand_where_the_template_says() {
        let check = |template: &str, facts: &PromptFacts, expect: &str| {
            Jinja.check(template).unwrap();
            assert_eq!(Jinja.render(template, facts).unwrap(), expect, "{template}");
        };
        let ann = facts("ann", Some(r#"{"age":7,"likes":["tea",{"x":1}],"n":null}"#), room("The team"));
        check("plain {text} 100%", &ann, "plain {text} 100%");
        check(
            "{{ room.id }} {{ room.name }} {{ room.kind }} {{ date }}",
            &ann,
            "team The team group 2026-11-29",
        );
        check("{{ now }}", &ann, "2026-11-29T12:00:00.000Z");
        check("{{ user.profile.age }} {{ user.profile['likes'][0]|upper }}", &ann, "7 TEA");
        check("{{ user.profile|tojson }}", &ann, r#"{"age":7,"likes":["tea",{"x":1}],"n":null}"#);
        check("{{ user.profile.none.at.all|default('-') }}", &ann, "-");
        check("{% for it in user.profile.likes %}{{ loop.index }}{% endfor %}", &ann, "12");
        check(
            "{% if conversation %}c{% elif room.kind == 'group' and not x is defined %}g{% endif %}"
                .replace("not x is defined", "user.profile.age > 6")
                .as_str(),
            &ann,
            "g",
        );
        check("{{ 'a' if 'tea' in user.profile.likes else 'b' }}{# nothing #}", &ann, "a");
        check("{% raw %}{{ user }}{% endraw %}", &ann, "{{ user }}");
        check("{{ user.username|trim|title|length }}", &facts(" ann ", None, PromptPlace::Nowhere), "3");
    }

    /// Protects instructions from those of whom they speak: a name, a room or a profile that looks like a template is data.
    #[test]
    fn no_value_becomes_a_template() {
        let evil = "{{ 7*7 }}{% for a in [1] %}{% endfor %}{# #}{{ user.profile|tojson }}";
        let profile = serde_json::json!({"evil": evil, "}}": "{{ now }}"}).to_string();
        let ann = facts(evil, Some(&profile), room(evil));
        let template = "{{ user.username }}|{{ room.name }}|{{ user.profile.evil }}|{{ user.profile['}}'] }}";
        assert_eq!(Jinja.render(template, &ann).unwrap(), format!("{evil}|{evil}|{evil}|{{{{ now }}}}"));
    }

    /// Protects the server from who writes templates: what could grow, reach out or run for long is refused when it is
    /// saved, by its line, and nothing panics.
    #[test]
    fn hostile_templates_are_refused() {
        let check = |template: &str, expect: &str| {
            let error = Jinja.check(template).unwrap_err().to_string();
            assert!(error.contains(expect), "{template}: {error}");
        };
        for (template, expect) in [
            ("{{", "line 1: "),
            ("a\n{% if %}", "line 2: "),
            ("{% if x", "line 1: "),
            ("{{ secret }}", "line 1: there is no variable `secret`"),
            ("\n\n{{ user.x if y else '' }}", "line 3: there is no variable `y`"),
            ("{% include '/etc/passwd' %}", "line 1: "),
            ("{% extends 'x' %}", "line 1: "),
            ("{% import 'x' as y %}", "line 1: "),
            ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "line 1: "),
            ("{% set a = 'x' %}", "line 1: `set` is not allowed"),
            ("{% with a = 'x' %}{{ a }}{% endwith %}", "line 1: `with` is not allowed"),
            ("{% set a %}x{% endset %}", "line 1: `set` is not allowed"),
            ("{% filter upper %}x{% endfilter %}", "line 1: `filter` is not allowed"),
            ("{% autoescape true %}x{% endautoescape %}", "line 1: `autoescape` is not allowed"),
            ("{% do user.x() %}", "line 1: `do` is not allowed"),
            ("{{ 'x' * 1000000000000 }}", "line 1: only comparisons"),
            ("{{ 9 ** 999999 }}", "line 1: only comparisons"),
            ("{{ user.username ~ user.username }}", "line 1: only comparisons"),
            ("{{ [user] + [user] }}", "line 1: only comparisons"),
            ("{{ range(1000000000) }}", "line 1: calls are not allowed"),
            ("{{ user.items() }}", "line 1: calls are not allowed"),
            ("{{ user.username[::-1] }}", "line 1: slices are not allowed"),
            ("{{ user|replace('u', user) }}", "line 1: there is no filter `replace`"),
            ("{{ user|indent(1000000000) }}", "line 1: there is no filter `indent`"),
            ("{{ user is odd }}", "line 1: there is no test `odd`"),
            ("{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "line 1: "),
        ] {
            check(template, expect);
        }
        let deep = format!("{{{{ {}user{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
        check(&deep, "line 1: ");
        let deep = "{% if user %}".repeat(5_000);
        check(&deep, "line 1: ");
        // Each of them goes a level deeper in a row, which the language itself does not count.
        for row in
            ["-", "not ", "user|d", "user.b", "user[0]", "user is none", "user and ", "user if now else "]
        {
            let chain = row
                .strip_prefix("user")
                .map_or(row.repeat(5_000) + "user", |link| format!("user{}", link.repeat(5_000)));
            check(&format!("a\n{{{{ {chain} }}}}"), "line 2: more than 250 words and signs in a row");
        }
        let elif = format!("{{% if user %}}{}{{% endif %}}", "{% elif user %}".repeat(1_000));
        check(&elif, "line 1: more than 100 `elif`");
        // Each of them doubles what it escapes.
        check(
            &format!("{{% if '\"'{} %}}{{% endif %}}", "|tojson".repeat(50)),
            "the text is longer than 65536 bytes",
        );
        let long = "x".repeat(8_000);
        let again = format!(
            "{{% for a in [1,2,3] %}}{{% if '{long}'{} %}}{{% endif %}}{{% endfor %}}",
            "|upper|lower".repeat(60)
        );
        check(&again, "it is too much work");
        let all = vec!["user.username"; 60].join(",");
        check(&format!("{{{{ [{all}]|join('{long}')|length }}}}"), "the text is longer than 65536 bytes");
        let nested = "{% for a in 'xxxxxxxxxxxxxxxxxxxx'|list %}".repeat(8) + "x" + &"{% endfor %}".repeat(8);
        check(&nested, "there is no filter `list`");
        let items = vec!["1"; 40].join(",");
        let nested = format!("{{% for a in [{items}] %}}").repeat(6) + "x" + &"{% endfor %}".repeat(6);
        check(&nested, "it is too much work");
        let long = format!("{{% for a in [{items}] %}}{}{{% endfor %}}", "x".repeat(8_000));
        check(&long, "the text is longer than 65536 bytes");
    }

    /// Protects a server at run time: a profile that makes the text too long, or the work too much, is an error.
    #[test]
    fn hostile_values_end_in_an_error() {
        let long: Vec<_> = (0..30_000).collect();
        let profile = serde_json::json!({"a": long, "deep": "x"}).to_string();
        let ann = facts("ann", Some(&profile), PromptPlace::Nowhere);
        let failed = |template: &str| Jinja.render(template, &ann).unwrap_err().to_string();
        assert!(failed("{% for it in user.profile.a %}{{ it }}{% endfor %}").contains("too much work"));
        assert!(failed("{{ user.profile.a|join('and so on') }}").contains("bytes"));
        let all = "{{ user.profile|tojson }}".repeat(2);
        assert!(failed(&all).contains("bytes"));
        assert_eq!(Jinja.render("{{ user.profile.deep.deeper.still }}", &ann).unwrap(), "");
    }
}
