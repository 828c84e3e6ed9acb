//! Templates that know three names.

use crate::ports::{PromptError, PromptFacts, PromptPlace, Prompts};

/// [`Prompts`] that put in `{user}`, `{profile}` and `{place}`, and take a template with `{broken}` in it for none; one with
/// `{fails}` can be saved, and not be filled in.
#[derive(Debug, Default, Clone, Copy)]
pub struct PlainPrompts;

impl Prompts for PlainPrompts {
    fn check(&self, template: &str) -> Result<(), PromptError> {
        if template.contains("{broken}") { Err(PromptError("line 1: broken".into())) } else { Ok(()) }
    }

    fn render(&self, template: &str, facts: &PromptFacts) -> Result<String, PromptError> {
        if template.contains("{fails}") {
            return Err(PromptError("line 1: it fails".into()));
        }
        let place = match &facts.place {
            PromptPlace::Room { name, .. } => name.as_str(),
            PromptPlace::Conversation { title, .. } => title.as_str(),
            PromptPlace::Nowhere => "nowhere",
        };
        // One pass: what is put in is never looked at again.
        let mut rest = template;
        let mut text = String::new();
        while let Some(at) = rest.find('{') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let known = [("{user}", &*facts.username), ("{place}", place)];
            let profile = ("{profile}", facts.profile.as_deref().unwrap_or("none"));
            let mut known = known.into_iter().chain([profile]);
            let (length, value) = known
                .find(|(name, _)| rest.starts_with(name))
                .map_or((1, "{"), |(name, value)| (name.len(), value));
            text.push_str(value);
            rest = &rest[length..];
        }
        text.push_str(rest);
        Ok(text)
    }
}
