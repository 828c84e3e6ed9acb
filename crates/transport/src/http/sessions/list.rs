//! The caller's sessions: all of them, those that were deleted, or those in which something is found.

use super::page::{self, Meta};
use super::session::Session;
use crate::http::auth::Bearer;
use crate::http::input::Params;
use crate::http::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_domain::message::Seq;
use parlor_domain::ports::Paged;
use parlor_domain::search::Snippet;
use parlor_domain::{Caller, ErrorCode, MessageId, Refusal, SearchHit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which sessions are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListParams {
    /// Which page, from 1; the first unless given.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// How many a page has at most; 20 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only sessions in which every one of these words begins a word of the title or of one message, the best first.
    q: Option<String>,
    /// Those that were deleted, in the place of the others. They are not searched.
    deleted: Option<bool>,
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SessionList {
    /// The last changed first; with `q`, the best first.
    data: Vec<Listed>,
    meta: Meta,
}

/// A session of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedSession)]
struct Listed {
    #[serde(flatten)]
    session: Session,
    /// Only with `q`: the title, as HTML in which nothing but `<mark>` is a tag; `…` stands where it was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    title_snippet: Option<String>,
    /// Only with `q`: the messages that fit best, at most 3; none where it is the title that fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<Vec<Match>>,
}

/// A message that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundMessage)]
struct Match {
    message_id: MessageId,
    /// Its place in the session's log.
    seq: Seq,
    /// The piece of it that fits, as HTML like the title's.
    snippet: String,
}

impl Listed {
    fn of(hit: SearchHit, caller: &Caller) -> Self {
        let matches = hit.messages.iter();
        let matches =
            matches.map(|(id, seq, piece)| Match { message_id: *id, seq: *seq, snippet: html(piece) });
        let (title_snippet, matches) = (Some(html(&hit.title)), Some(matches.collect()));
        Self { session: Session::of(hit.entry, caller), title_snippet, matches }
    }
}

/// Lists the caller's sessions.
#[utoipa::path(
    get,
    path = "/chat/sessions",
    tag = "sessions",
    operation_id = "list_sessions",
    params(ListParams),
    responses((status = OK, description = "A page of them", body = SessionList)),
    security(("token" = []))
)]
pub(in crate::http) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<ListParams>,
) -> Result<Json<SessionList>, Problem> {
    let asked = page::asked(params.page, params.limit)?;
    let deleted = params.deleted.unwrap_or_default();
    let Paged { items, total } = match params.q {
        Some(_) if deleted => {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "deleted sessions are not searched").into());
        }
        Some(question) => {
            let found = state.hub.conversation_search(&caller, &question, asked.page()).await?;
            listed(found, |hit| Listed::of(hit, &caller))
        }
        None => {
            let entries = state.hub.conversation_list(&caller, deleted, asked.page()).await?;
            listed(entries, |entry| Listed {
                session: Session::of(entry, &caller),
                title_snippet: None,
                matches: None,
            })
        }
    };
    Ok(Json(SessionList { data: items, meta: asked.meta(total) }))
}

fn listed<T>(page: Paged<T>, of: impl Fn(T) -> Listed) -> Paged<Listed> {
    Paged { items: page.items.into_iter().map(of).collect(), total: page.total }
}

/// A piece of a text as HTML.
fn html(snippet: &Snippet) -> String {
    let mut html = String::new();
    if snippet.cut_before {
        html.push('…');
    }
    for (text, fits) in &snippet.parts {
        let (open, close) = if *fits { ("<mark>", "</mark>") } else { ("", "") };
        html.push_str(open);
        super::export::escape(text, &mut html);
        html.push_str(close);
    }
    if snippet.cut_after {
        html.push('…');
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_domain::search::{question, snippet};

    /// Protects pages that show what was found: nothing that a person wrote is a tag in it.
    #[test]
    fn snippets_are_harmless_html() {
        let check = |text: &str, asked: &str, expect: &str| {
            assert_eq!(html(&snippet(text, &question(asked))), expect);
        };
        check("a <b>fox</b> & co", "fox", "a &lt;b&gt;<mark>fox</mark>&lt;/b&gt; &amp; co");
        check("<mark>\"'", "mark", "&lt;<mark>mark</mark>&gt;&quot;&#39;");
        let long = format!("{}fox {}", "before ".repeat(100), "after ".repeat(100));
        let cut = html(&snippet(&long, &question("fox")));
        assert!(cut.starts_with('…') && cut.ends_with('…') && cut.contains("<mark>fox</mark>"), "{cut}");
    }
}
