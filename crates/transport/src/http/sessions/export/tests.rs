//! What each form makes of messages, whatever is written in them.

use super::html::{Html, POLICY};
use super::json::JsonText;
use super::markdown::Markdown;
use super::{Form, Heading};
use crate::http::sessions::session::Session;
use parlor_domain::message::{Author, Message, Reply, Summary, TurnStatus};
use parlor_domain::ports::{ConversationEntry, GrantId, Identity, Role, Scope};
use parlor_domain::room::MemberRole;
use parlor_domain::{Caller, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number).into()
}

fn at() -> Timestamp {
    Timestamp::from_microsecond(1_704_067_200_000_000)
}

fn heading(title: &str) -> Heading {
    let summary =
        Summary { id: id(1), title: title.to_owned(), updated_at: at(), message_count: 2, last_seq: 2 };
    let entry = ConversationEntry {
        summary,
        created_at: at(),
        deleted_at: None,
        role: MemberRole::Owner,
        visible_after: 0,
    };
    let identity = Identity {
        user: id(0x2000),
        role: Role::User,
        expires_at: at(),
        scope: Scope::Everything,
        grant: GrantId(id(3)),
    };
    let caller = Caller { identity, username: "ann".into(), address: None };
    Heading { session: Session::of(entry.clone(), &caller), entry }
}

fn said(number: u128, author: Author, content: &str) -> Message {
    let name = (author != Author::Assistant).then(|| "ann".into());
    let reply = (author == Author::Assistant).then(|| Reply::unanswered(id(0x1001), TurnStatus::Interrupted));
    Message {
        id: id(0x1000 + number),
        seq: 1,
        author_name: name,
        content: content.to_owned(),
        reply,
        ..Message::new(id(1), author, "user", at())
    }
}

fn told(mut form: impl Form, title: &str, messages: Vec<Message>) -> String {
    let mut text = String::new();
    form.begin(&heading(title), &mut text);
    messages.into_iter().for_each(|message| form.message(message, &mut text));
    form.end(&mut text);
    text
}

fn talk() -> Vec<Message> {
    let gone = Message { deleted_at: Some(at()), ..said(3, Author::User(id(0x2000)), "") };
    vec![said(1, Author::User(id(0x2000)), "Hi"), said(2, Author::Assistant, "Hello\n# you"), gone]
}

#[test]
fn forms_keep_their_shape() {
    insta::assert_snapshot!("json", told(JsonText::default(), "A \"title\"", talk()));
    insta::assert_snapshot!("markdown", told(Markdown::default(), "A *title*", talk()));
    insta::assert_snapshot!("html", told(Html::default(), "A <title>", talk()));
}

/// Nothing was said yet, and the file is whole all the same.
#[test]
fn an_empty_session_is_valid_json() {
    let text = told(JsonText::default(), "", Vec::new());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["messages"], &value["complete"]), (&serde_json::json!([]), &serde_json::json!(true)));
}

/// Protects who opens the page: whatever people wrote, there is no tag in it but our own.
#[test]
fn no_text_becomes_html() {
    let evil = "</pre><script>alert(1)</script><!-- \" onload='x' &lt;";
    let named = Message { author_name: Some(evil.into()), ..said(1, Author::User(id(0x2000)), evil) };
    let page = told(Html::default(), evil, vec![named]);
    let plain = Message { author_name: Some("".into()), ..said(1, Author::User(id(0x2000)), "") };
    let tags = |page: &str| page.matches('<').count();
    assert_eq!(tags(&page), tags(&told(Html::default(), "", vec![plain])));
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("&amp;lt;"), "{page}");
}

/// Protects who renders the file: a text cannot close its fence, and a title stays in its line.
#[test]
fn no_text_leaves_its_fence() {
    let evil = "```\n# not a heading\n`````\n<script>";
    let text = told(Markdown::default(), "x\n# y <script>\r`", vec![said(1, Author::User(id(0x2000)), evil)]);
    let (open, rest) = text.split_once("``````\n").unwrap();
    let (fenced, after) = rest.split_once("\n``````\n").unwrap();
    assert_eq!(fenced, evil);
    assert!(open.starts_with("# x \\# y \\<script\\> \\`\n"), "{open}");
    assert_eq!(after, "\n---\n\n1 messages.\n");
}

/// The page's own style is the one thing that its policy lets in.
#[test]
fn the_policy_names_the_style() {
    let page = told(Html::default(), "", Vec::new());
    let (_, rest) = page.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = base64(&Sha256::digest(style.as_bytes()));
    assert!(POLICY.contains(&format!("style-src 'sha256-{hash}'")), "{hash}");
    let policy = POLICY.trim_end_matches("; sandbox");
    assert!(page.contains(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")));
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quads = bytes.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..4).map(move |place| {
            if place <= chunk.len() {
                char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize])
            } else {
                '='
            }
        })
    });
    quads.collect()
}
