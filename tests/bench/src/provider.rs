//! A provider that speaks as `OpenAI` does and writes the moment of writing into each token.
//!
//! It runs on a thread of its own and speaks plain HTTP/1.1 with chunked bodies, so that nothing stands between the
//! stamp and the write. How many tokens it gives, and how far apart, stands in the prompt.

use crate::Result;
use crate::stamp;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// What a request may measure, headers included.
const REQUEST_LIMIT: usize = 1 << 20;

/// The running provider. It ends when this is dropped.
pub(crate) struct Provider {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How many tokens, and how far apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How many.
    pub(crate) tokens: usize,
    /// From one to the next.
    pub(crate) every: Duration,
}

impl Pace {
    /// The prompt that asks for it.
    pub(crate) fn prompt(self) -> String {
        format!("pace:{}:{};", self.tokens, self.every.as_micros())
    }

    /// Reads the last one in a request: earlier ones are a conversation's past.
    pub(crate) fn read(request: &[u8]) -> Option<Self> {
        let at = memchr::memmem::rfind(request, b"pace:")?;
        let rest = std::str::from_utf8(&request[at + 5..]).ok()?;
        let (tokens, micros) = rest.split_once(';')?.0.split_once(':')?;
        Some(Self { tokens: tokens.parse().ok()?, every: Duration::from_micros(micros.parse().ok()?) })
    }
}

/// When the tokens of one reply are due: the first one at once, the others at its own place in the beat.
///
/// Replies that begin together would go on together, and their tokens would come in bursts; so each reply is given
/// another place, evenly spread.
pub(crate) struct Ticks {
    begun: bool,
    interval: Interval,
}

impl Pace {
    /// The moments for a new reply.
    pub(crate) fn ticks(self) -> Ticks {
        static REPLIES: AtomicU64 = AtomicU64::new(0);
        let place = place(REPLIES.fetch_add(1, Ordering::Relaxed));
        let (every, now) = (self.every.as_nanos() as u64, stamp::now());
        let wait = (place * every as f64) as u64 + every - now % every;
        let mut interval = interval_at(Instant::now() + Duration::from_nanos(wait), self.every);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ticks { begun: false, interval }
    }
}

impl Ticks {
    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            self.interval.tick().await;
        }
    }
}

/// Where in the beat the reply with this number has its place, from 0 to 1. Multiples of the golden ratio lie evenly,
/// however many there are.
fn place(reply: u64) -> f64 {
    (reply as f64 * 0.618_033_988_749_895).fract()
}

impl Provider {
    /// Starts it on a free port.
    pub(crate) fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = async move {
            let listener = TcpListener::from_std(listener)?;
            tokio::select! {
                outcome = accept(&listener) => outcome,
                _ = stopped => Ok(()),
            }
        };
        let thread = std::thread::Builder::new().name("provider".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(serve) {
                eprintln!("the provider failed: {error}");
            }
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Dropping the sender ends it too.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: &TcpListener) -> std::io::Result<()> {
    // Dropped with this future: no stream outlives the provider.
    let mut streams = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        streams.spawn(serve(stream));
        while streams.try_join_next().is_some() {}
    }
}

/// Serves one connection, request after request. A client that goes away ends it.
async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(length) = read_request(&mut stream, &mut buffer).await? {
        if let Some(pace) = Pace::read(&buffer[..length]) {
            answer(&mut stream, pace).await?;
        } else {
            // Somebody asks which models there are.
            let models = r#"{"object":"list","data":[{"id":"bench","object":"model"}]}"#;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
            stream.write_all(format!("{head} {}\r\n\r\n{models}", models.len()).as_bytes()).await?;
        }
        buffer.drain(..length);
    }
    Ok(())
}

/// Reads until a whole request is in `buffer` and gives its length; none where the connection ended before.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<usize>> {
    loop {
        if let Some(head) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let length = head + 4 + content_length(&buffer[..head]);
            if buffer.len() >= length {
                return Ok(Some(length));
            }
        }
        if buffer.len() > REQUEST_LIMIT || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0)
}

async fn answer(stream: &mut TcpStream, pace: Pace) -> std::io::Result<()> {
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
              Transfer-Encoding: chunked\r\n\r\n",
        )
        .await?;
    let mut ticks = pace.ticks();
    for _ in 0..pace.tokens {
        ticks.next().await;
        let delta = format!(r#"{{"content":"{}"}}"#, stamp::stamp(stamp::now()));
        write_event(stream, &chunk(&delta, "null", "null")).await?;
    }
    write_event(stream, &chunk("{}", r#""stop""#, "null")).await?;
    let usage = format!(
        r#"{{"prompt_tokens":10,"completion_tokens":{},"total_tokens":{}}}"#,
        pace.tokens,
        pace.tokens + 10
    );
    let last = format!(
        r#"{{"id":"bench","object":"chat.completion.chunk","created":1,"model":"bench","choices":[],"usage":{usage}}}"#
    );
    write_event(stream, &last).await?;
    write_event(stream, "[DONE]").await?;
    stream.write_all(b"0\r\n\r\n").await
}

fn chunk(delta: &str, finish: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"bench","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}],"usage":{usage}}}"#
    )
}

/// One server-sent event as one HTTP chunk in one write.
async fn write_event(stream: &mut TcpStream, data: &str) -> std::io::Result<()> {
    let event = format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8);
    stream.write_all(event.as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the load: tokens of many streams come one by one, whenever the streams began.
    #[test]
    fn places_in_the_beat_are_spread() {
        let mut places: Vec<f64> = (1_000..1_512).map(place).collect();
        places.sort_by(f64::total_cmp);
        let widest = places.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        assert!(widest < 2.0 / 512.0, "{widest}");
    }

    #[test]
    fn the_last_pace_counts() {
        let pace = Pace { tokens: 20, every: Duration::from_millis(50) };
        let request = format!("pace:1:1; and then {} end", pace.prompt());
        assert_eq!(Pace::read(request.as_bytes()), Some(pace));
        assert_eq!(Pace::read(b"GET /v1/models"), None);
    }
}
