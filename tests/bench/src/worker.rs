//! An AI worker that relays nothing: it makes the tokens of the [provider](crate::provider) itself and sends them over
//! the `broker` dialect.
//!
//! It runs on a thread of its own, as the provider does, and writes each token by itself, with the moment of writing in
//! it. How many tokens it gives, and how far apart, stands in the prompt.

use crate::connection::{Connection, Writer};
use crate::provider::Pace;
use crate::{Result, frame, stamp};
use parlor_protocol::MessageId;
use parlor_protocol::broker::{
    AiAuth, AiResponseChunk, OrderFrame, ProcessMessage, TokenCount, WorkerFrame, WorkerResponse,
};
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread::JoinHandle;
use tokio::sync::{Mutex, oneshot};
use tokio::task::{JoinSet, LocalSet};

/// Where workers connect.
const PATH: &str = "/ws";

/// The connected worker. It goes when this is dropped.
pub(crate) struct Worker {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Connects to the server at `address`, which lets workers with `key` in, and takes `capacity` turns at once.
    pub(crate) async fn start(address: SocketAddr, key: &str, capacity: u32) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let auth = AiAuth {
            service_key: key.to_owned(),
            canister_id: "bench".to_owned(),
            models: None,
            capacity: Some(capacity),
        };
        let (stop, stopped) = oneshot::channel();
        let (ready, connected) = oneshot::channel();
        let thread = std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
            let serve = async {
                tokio::select! {
                    outcome = serve(address, auth, ready) => outcome,
                    _ = stopped => Ok(()),
                }
            };
            if let Err(error) = LocalSet::new().block_on(&runtime, serve) {
                eprintln!("the worker failed: {error}");
            }
        })?;
        let worker = Self { stop: Some(stop), thread: Some(thread) };
        connected.await.map_err(|_| "the worker could not connect")?;
        Ok(worker)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Dropping the sender ends it too.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Connects, says so to `ready`, and serves turn after turn.
async fn serve(address: SocketAddr, auth: AiAuth, ready: oneshot::Sender<()>) -> Result<()> {
    let mut connection = Connection::open(address, PATH, 0).await?;
    connection.ask(&WorkerFrame::AiAuth(auth), "ai_auth_success").await?;
    // Who waits for it may be gone.
    let _ = ready.send(());
    let writer = Rc::new(Mutex::new(connection.writer()));
    // Dropped with this future: no turn outlives the worker.
    let mut turns = JoinSet::new();
    loop {
        let mut orders = Vec::new();
        connection.read(&mut |payload| orders.push(order(payload))).await?;
        for (id, pace) in orders.into_iter().flatten() {
            let writer = Rc::clone(&writer);
            turns.spawn_local(async move { answer(&writer, id, pace).await });
        }
        while let Some(ended) = turns.try_join_next() {
            ended??;
        }
    }
}

/// What is to be made, where the frame is an order for that.
fn order(payload: &[u8]) -> Option<(MessageId, Pace)> {
    match serde_json::from_slice(payload).ok()? {
        OrderFrame::ProcessMessage(order) => {
            let ProcessMessage { message_id, content, .. } = *order;
            Some((message_id, Pace::read(content.as_bytes())?))
        }
        _ => None,
    }
}

/// Writers take turns, so that no frame stands inside another one.
async fn answer(writer: &Mutex<Rc<Writer>>, message_id: MessageId, pace: Pace) -> Result<()> {
    let mut ticks = pace.ticks();
    for _ in 0..pace.tokens {
        ticks.next().await;
        let writer = writer.lock().await;
        let delta = Some(stamp::stamp(stamp::now()));
        let chunk = AiResponseChunk { message_id, delta, reasoning: None, tool_call: None };
        send(&writer, &WorkerFrame::AiResponseChunk(chunk)).await?;
    }
    let usage = TokenCount { prompt_tokens: 10, completion_tokens: pace.tokens as u32 };
    let whole = WorkerResponse {
        message_id,
        thread_id: None,
        user_id: None,
        response_content: String::new(),
        content_type: None,
        processing_time_ms: None,
        confidence_score: None,
        model_used: Some("bench".to_owned()),
        usage: Some(usage),
        finish_reason: None,
    };
    let writer = writer.lock().await;
    send(&writer, &WorkerFrame::AiResponse(whole)).await
}

async fn send(writer: &Writer, worker_frame: &WorkerFrame) -> Result<()> {
    let mut bytes = Vec::new();
    frame::push(&mut bytes, frame::TEXT, &serde_json::to_vec(worker_frame)?);
    writer.write(&bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Protects the comparison with the provider: a worker is asked by the same prompt.
    #[test]
    fn an_order_names_the_pace() {
        let id = MessageId::new();
        let text = format!(
            r#"{{"type":"process_message","message_id":"{id}","thread_id":"{id}","user_id":"{id}",
            "content":"pace:3:5000;","content_type":"text","conversation_context":[],
            "timestamp":"2026-01-01T00:00:00.000Z","priority":"normal","response_id":"{id}","attempt":1,
            "in_reply_to":"{id}"}}"#
        );
        let pace = Pace { tokens: 3, every: Duration::from_millis(5) };
        assert_eq!(order(text.as_bytes()), Some((id, pace)));
        assert_eq!(order(br#"{"type":"pong"}"#), None);
    }
}
