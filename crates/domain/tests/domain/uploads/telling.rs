//! Files in what a backend is told.

use super::attachments::note;
use super::{caller, finish, sent};
use crate::client::{Client, settle};
use crate::world::{conversation, unlimited};
use async_trait::async_trait;
use bytes::Bytes;
use parlor_domain::ports::{ContextMessage, ExtractError, Extractor, Speaker};
use parlor_domain::testing::{MemoryStore, ScriptedBackend, TestHub};
use parlor_domain::{Action, ConversationId, Draft, FileId, Ports, Provider, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Reads every PDF as the same text, and counts how often it does.
#[derive(Debug, Default)]
struct Reads(AtomicUsize);

#[async_trait]
impl Extractor for Reads {
    async fn extract(&self, _: Bytes, content_type: &str, _: usize) -> Result<String, ExtractError> {
        assert_eq!(content_type, "application/pdf");
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok("The moon pulls.".to_owned())
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nred";

struct World {
    server: TestHub,
    ann: Client,
    id: ConversationId,
    reads: Arc<Reads>,
}

async fn world(tokens: usize, sees: bool) -> World {
    let mut settings: Settings = unlimited();
    settings.turns.context_tokens = tokens;
    let (backend, reads) = (ScriptedBackend::new(), Arc::new(Reads::default()));
    backend.set_takes_images(sees);
    let providers = vec![Provider::from(Arc::clone(&backend) as Arc<dyn parlor_domain::ports::Backend>)];
    let extractor = Arc::clone(&reads) as Arc<dyn Extractor>;
    let change = |ports| Ports { providers, extractor: Some(extractor), ..ports };
    let store = Arc::new(MemoryStore::new());
    let server = TestHub::with_ports(store, backend, false, settings, change).await;
    let id = conversation(&server, &["ann"]).await;
    let ann = Client::join(&server, "ann", id).await;
    World { server, ann, id, reads }
}

impl World {
    async fn file(&mut self, name: &str, content: &[u8]) -> FileId {
        let file = sent(&mut self.ann.session, name, content).await;
        finish(&mut self.ann.session, file, content).await.unwrap();
        file
    }

    /// What the last piece of the context is when a message is asked that carries these.
    async fn told(&mut self, text: &str, files: &[FileId]) -> ContextMessage {
        let draft = Draft { kind: "user".into(), content: text.into(), ..note(self.id, None, files) };
        self.ann.act(Action::Send(draft)).await;
        settle().await;
        let context = self.server.backend.requests().pop().expect("a backend was asked").context;
        context.into_iter().rfind(|piece| piece.speaker == Speaker::User).unwrap()
    }
}

/// Protects the sense of a question about files: their texts stand beside it, in their order, each with its name.
#[tokio::test(start_paused = true)]
async fn texts_are_told_with_their_names() {
    let mut world = world(10_000, false).await;
    let files = [
        world.file("notes.md", b"# Tides\n\nTwice a day.\n").await,
        world.file("moon.pdf", b"%PDF-1.7 a moon").await,
        world.file("red.png", PNG).await,
    ];
    let told = world.told("What is it?", &files).await;
    let expect = "What is it?

[File 1: \"notes.md\", text/markdown, 22 bytes]
# Tides

Twice a day.
[End of file 1.]

[File 2: \"moon.pdf\", application/pdf, 15 bytes]
The moon pulls.
[End of file 2.]

[File 3: \"red.png\", image/png, 11 bytes]";
    assert_eq!((told.content.as_str(), told.images.len()), (expect, 0), "{}", told.content);
    let owner = caller(&world.server, "ann").await;
    world.server.hub.file_delete(&owner, files[0]).await.unwrap();
    world.told("And now?", &[]).await;
    let context = world.server.backend.requests().pop().unwrap().context;
    let first = &context[0].content;
    assert!(first.contains("bytes]\n[It was removed.]") && first.contains("The moon pulls."), "{first}");
    assert_eq!(world.reads.0.load(Ordering::Relaxed), 1, "what was read is remembered");
}

/// Protects the context's budget: of a long text there is as much as has room, and no message is lost for a file.
#[tokio::test(start_paused = true)]
async fn texts_have_a_share_of_the_budget() {
    let mut world = world(1_000, false).await;
    let long = world.file("long.txt", "tide ".repeat(2_000).as_bytes()).await;
    let told = world.told("What is it?", &[long]).await.content;
    assert!(
        (1_200..1_500).contains(&told.len()),
        "half of the budget, of three bytes a token: {}",
        told.len()
    );
    assert!(told.ends_with("tide\n[File 1 goes on. Only its beginning is here.]"), "{told}");
    let question = "x".repeat(2_970);
    let told = world.told(&question, &[long]).await.content;
    assert_eq!(told, question, "there is no room for its name");
}

/// Protects models that cannot look at images from being given any, and budgets from too many.
#[tokio::test(start_paused = true)]
async fn images_go_to_who_looks_at_them() {
    let mut world = world(20_000, true).await;
    let mut files = Vec::new();
    for _ in 0..5 {
        files.push(world.file("red.png", PNG).await);
    }
    let told = world.told("Look", &files).await;
    let images: Vec<_> = told.images.iter().map(|it| (it.media_type.as_str(), &it.content[..])).collect();
    assert_eq!(images, [("image/png", PNG); 4], "no more at once");
    assert_eq!(told.content.matches("red.png").count(), 5, "all are named");
    world.server.backend.set_takes_images(false);
    assert_eq!(world.told("Look", &files).await.images, []);

    let mut small = self::world(3_000, true).await;
    let files = [small.file("red.png", PNG).await, small.file("red.png", PNG).await];
    assert_eq!(small.told("Look", &files).await.images.len(), 1, "each counts as tokens");
}
