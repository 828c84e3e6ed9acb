//! Whether texts are moderated, and by whom.

use super::providers::{HttpUrl, ModelName};
use super::read::{FromText, Visible};
use super::{Key, Problem, Values};
use parlor_ai::moderation::{OpenAiModerator, RuleList};
use parlor_ai::{Kind, ProviderConfig};
use parlor_domain::{ModerationSettings, Unjudged};
use std::path::PathBuf;

/// The settings of moderation. Where neither is there, texts are not moderated.
#[derive(Debug)]
pub(crate) struct Moderation {
    /// A list of our own.
    pub(crate) rules: Option<RuleList>,
    /// A server that is asked.
    pub(crate) server: Option<ProviderConfig>,
    pub(crate) domain: ModerationSettings,
}

impl Moderation {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        // Read although it may be of no use: a value that makes no sense is a mistake.
        let (rules, server) = (rules(values)?, server(values)?);
        let domain = ModerationSettings {
            timeout: values.above_zero(Key::ModerationTimeout)?,
            unjudged: values.get(Key::ModerationFailure)?,
        };
        let (rules, server) = match values.get(Key::ModerationEnabled)? {
            Who::Nobody => (None, None),
            Who::Rules => (Some(rules.ok_or_else(|| values.problem(Key::ModerationRules))?), None),
            Who::Server => (None, Some(server)),
            Who::WhoeverIsThere if rules.is_none() && server.api_key.is_none() => {
                let what = "needs moderation_rules, or openai_api_key, or both";
                return Err(values.complaint(Key::ModerationEnabled, what));
            }
            Who::WhoeverIsThere => (rules, server.api_key.is_some().then_some(server)),
        };
        Ok(Self { rules, server, domain })
    }
}

fn rules(values: &Values) -> Result<Option<RuleList>, Problem> {
    let Some(path): Option<PathBuf> = values.find(Key::ModerationRules)? else { return Ok(None) };
    let complain = |what: String| values.complaint(Key::ModerationRules, &what);
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| complain(format!("cannot be read: {error}")))?;
    let rules = RuleList::parse(&text).map_err(|error| complain(format!("is no list of rules: {error}")))?;
    Ok(Some(rules))
}

fn server(values: &Values) -> Result<ProviderConfig, Problem> {
    let of_its_own = values.find(Key::ModerationBaseUrl)?;
    let base_url = of_its_own.or(values.find(Key::OpenaiBaseUrl)?).map(|HttpUrl(url)| url);
    Ok(ProviderConfig {
        base_url: base_url.unwrap_or_else(|| Kind::OpenAi.default_base_url().to_owned()),
        api_key: values.find(Key::OpenaiApiKey)?.map(|Visible(key)| key),
        organization: values.find(Key::OpenaiOrgId)?.map(|Visible(id)| id),
        model: Some(values.get(Key::ModerationModel).map(|ModelName(model)| model)?),
        ..OpenAiModerator::config()
    })
}

/// Who judges.
enum Who {
    Nobody,
    /// The list, the server, or one after the other.
    WhoeverIsThere,
    Rules,
    Server,
}

impl FromText for Who {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "false" | "0" => Some(Self::Nobody),
            "true" | "1" => Some(Self::WhoeverIsThere),
            "local" => Some(Self::Rules),
            "openai" => Some(Self::Server),
            _ => None,
        }
    }
}

impl FromText for Unjudged {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "closed" => Some(Self::Refused),
            "open" => Some(Self::Pass),
            _ => None,
        }
    }
}
