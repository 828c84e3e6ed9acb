//! What the fake provider does for which model name.
//!
//! | model | behaviour |
//! |---|---|
//! | `plain` | five words, usage, `[DONE]` |
//! | `words-COUNT-MILLIS` | COUNT words, one each MILLIS ms |
//! | `late-FIRST-COUNT-MILLIS` | the same, FIRST ms after the request |
//! | `hold` | nothing until [`release`](super::FakeProvider::release), then as `plain` |
//! | `thinks` | thoughts, two pieces of a call of a tool, then as `plain` |
//! | `nul` | as `plain`, with a NUL in the text and in the model's name |
//! | `flood` | a megabyte of `é`, ten thousand bytes at a time |
//! | `silent` | takes the request and never answers |
//! | `stall-first` | sends the head of the answer and no token |
//! | `stall-between` | three words, then nothing for ever |
//! | `cut-first` | breaks the connection before any token |
//! | `cut` | three words, then breaks the connection |
//! | `no-end` | three words, then ends the answer properly but without `finish_reason` or `[DONE]` |
//! | `no-done` | a whole answer with `finish_reason`, no usage and no `[DONE]` |
//! | `status-CODE` | that status, always |
//! | `status-CODE-once` | that status with `Retry-After: 1` the first time, then as `plain` |
//! | `status-CODE-after-SECONDS` | that status with `Retry-After: SECONDS`, always |
//! | `status-CODE-times-COUNT` | that status the first COUNT times, then as `plain` |
//! | `error-inside` | three words, then an error object in the stream |
//! | `wrong-utf8` | three words, then two bytes that are not UTF-8, then `[DONE]` |
//! | `long-line` | three words, then one line of 10 MB |
//! | `long-line-first` | that line before any token |
//! | `garbage` | three words, then a data line that is not JSON |
//! | `garbage-first` | that line before any token |
//! | `tool-call` | a call of a tool in three pieces, and that as the reason to finish |
//! | `odd` | as `plain` by a stranger: comments, CRLF, unknown fields, empty choices, bytes split anywhere |
//! | `hostile` | all of `tests/fixtures/hostile.json`, a piece each: texts that want to do harm to who shows them |
//! | `code` | what `tests/fixtures/code.md` says, with a program in it, as `gpt-4o` |
//! | `letters` | two words in [`LETTERS`], which no program writes so, between events that not every program can read |
//! | `events` | as `plain`, with events in between that nobody has heard of |

use serde_json::{Value, json};
use std::time::Duration;

/// How the provider answers one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A plain HTTP answer.
    Status {
        /// The code with its phrase.
        status: String,
        /// More header lines, each with its CRLF.
        headers: String,
        /// A JSON body.
        body: String,
    },
    /// 200 and a stream.
    Stream(Vec<Step>),
    /// No answer, until the client gives up.
    Silence,
}

/// One step of a stream.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Waits until the test releases it.
    Hold,
    /// Sends nothing more, until the client gives up.
    Stall,
    /// Breaks the connection.
    Cut,
}

/// The text of the first `count` words, two of every word's letters being of two bytes.
pub fn words(count: usize) -> String {
    (0..count).map(word).collect()
}

fn word(number: usize) -> String {
    format!("wörd-{number}é ")
}

/// The answer to a question of moderation: whatever has `forbidden` in it is.
pub fn moderate(body: &Value) -> Reply {
    let texts = body["input"].as_array().cloned().unwrap_or_default();
    let judge = |text: &Value| {
        let flagged = text.as_str().unwrap_or_default().contains("forbidden");
        json!({"flagged": flagged, "categories": {"violence": flagged, "hate": false}})
    };
    let results: Vec<_> = texts.iter().map(judge).collect();
    let body = json!({"id": "modr-1", "model": body["model"], "results": results}).to_string();
    Reply::Status { status: "200 OK".to_owned(), headers: String::new(), body }
}

/// The reply to a request for `model`, of which there were `asked_before` earlier ones.
pub fn reply(model: &str, asked_before: usize) -> Reply {
    if let Some(numbers) = model.strip_prefix("words-") {
        return Reply::Stream(paced(numbers));
    }
    if let Some(numbers) = model.strip_prefix("late-") {
        let (first, numbers) = numbers.split_once('-').unwrap_or((numbers, "1"));
        let mut steps = vec![Step::Wait(millis(first))];
        steps.extend(paced(numbers));
        return Reply::Stream(steps);
    }
    if let Some(status) = model.strip_prefix("status-") {
        return refusing(status, asked_before);
    }
    match model {
        "hold" => Reply::Stream([vec![Step::Hold], plain()].concat()),
        "thinks" => Reply::Stream([thoughts(), plain()].concat()),
        "nul" => Reply::Stream(nul()),
        "events" => Reply::Stream(unheard_of()),
        "long-line-first" => Reply::Stream(long_line()),
        "garbage-first" => Reply::Stream(vec![garbage(), done()]),
        "silent" => Reply::Silence,
        "flood" => Reply::Stream(vec![event(&delta(&"é".repeat(5_000))); 100]),
        "stall-first" => Reply::Stream(vec![event(&delta("")), Step::Stall]),
        "stall-between" => three_then(&[Step::Stall]),
        "cut-first" => Reply::Stream(vec![event(&delta("")), Step::Cut]),
        "cut" => three_then(&[Step::Cut]),
        "no-end" => three_then(&[]),
        "no-done" => three_then(&[event(&finish())]),
        "error-inside" => {
            let error = json!({"error": {"message": "the model overheated", "type": "server_error"}});
            three_then(&[event(&error)])
        }
        "wrong-utf8" => three_then(&[
            Step::Send(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n".to_vec()),
            done(),
        ]),
        "long-line" => three_then(&long_line()),
        "garbage" => three_then(&[garbage(), done()]),
        "tool-call" => Reply::Stream(tool_call()),
        "odd" => Reply::Stream(odd()),
        "letters" => Reply::Stream(letters()),
        "hostile" => Reply::Stream(hostile()),
        "code" => Reply::Stream(code()),
        _ => Reply::Stream(plain()),
    }
}

/// `status` is what stands behind `status-` in the model's name.
fn refusing(status: &str, asked_before: usize) -> Reply {
    let (code, how) = status.split_once('-').unwrap_or((status, ""));
    let times = match how.split_once('-') {
        Some(("after", seconds)) => return refuse(code, &format!("retry-after: {seconds}\r\n")),
        Some(("times", count)) => count.parse().unwrap_or(1),
        _ => 1,
    };
    match how {
        "" => refuse(code, ""),
        _ if asked_before >= times => Reply::Stream(plain()),
        "once" => refuse(code, "retry-after: 1\r\n"),
        _ => refuse(code, ""),
    }
}

fn refuse(code: &str, headers: &str) -> Reply {
    let body = json!({"error": {"message": format!("scripted {code}"), "type": "scripted", "code": code}});
    Reply::Status { status: format!("{code} Scripted"), headers: headers.to_owned(), body: body.to_string() }
}

/// `numbers` is how many words, and how many milliseconds each takes.
fn paced(numbers: &str) -> Vec<Step> {
    let (count, pace) = numbers.split_once('-').unwrap_or((numbers, "0"));
    let (count, pace) = (count.parse().unwrap_or(1), millis(pace));
    let mut steps = Vec::with_capacity(2 * count + 3);
    for number in 0..count {
        steps.push(event(&delta(&word(number))));
        steps.push(Step::Wait(pace));
    }
    steps.extend([event(&finish()), event(&usage(count)), done()]);
    steps
}

/// Texts that want to do harm, each a paragraph of its own.
fn hostile() -> Vec<Step> {
    let texts: Vec<String> =
        serde_json::from_str(include_str!("../../fixtures/hostile.json")).unwrap_or_default();
    let mut steps: Vec<Step> = texts.iter().map(|text| event(&delta(&format!("{text}\n\n")))).collect();
    steps.extend([event(&finish()), event(&usage(texts.len())), done()]);
    steps
}

/// A reply as they are, word for word.
fn code() -> Vec<Step> {
    let pieces = include_str!("../../fixtures/code.md").split_inclusive(' ').map(delta);
    let events = pieces.chain([finish(), usage(96)]).map(|mut chunk| {
        chunk["model"] = json!("gpt-4o");
        [event(&chunk), Step::Wait(millis("5"))]
    });
    events.flatten().chain([done()]).collect()
}

fn millis(text: &str) -> Duration {
    Duration::from_millis(text.parse().unwrap_or(0))
}

fn plain() -> Vec<Step> {
    let mut steps: Vec<Step> = (0..5).map(|number| event(&delta(&word(number)))).collect();
    steps.extend([event(&finish()), event(&usage(5)), done()]);
    steps
}

fn three_then(rest: &[Step]) -> Reply {
    let mut steps: Vec<Step> = (0..3).map(|number| event(&delta(&word(number)))).collect();
    // The words shall have arrived before the fault does: what a broken connection still holds may be lost.
    steps.push(Step::Wait(Duration::from_millis(100)));
    steps.extend_from_slice(rest);
    Reply::Stream(steps)
}

fn long_line() -> Vec<Step> {
    let mut steps = vec![Step::Send(b"data: {\"choices\":[{\"delta\":{\"content\":\"".to_vec())];
    steps.extend(std::iter::repeat_n(Step::Send(vec![b'x'; 100_000]), 100));
    steps.push(Step::Send(b"\"}}]}\n\n".to_vec()));
    steps.push(done());
    steps
}

/// Two thoughts, and a call of a tool in two pieces.
fn thoughts() -> Vec<Step> {
    let call = |function: Value| json!({"tool_calls": [{"index": 0, "id": "call-1", "function": function}]});
    let pieces = [
        json!({"reasoning_content": "Hm. "}),
        json!({"reasoning_content": "Well."}),
        call(json!({"name": "weather", "arguments": "{\"city\":"})),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"Rome\"}"}}]}),
    ];
    pieces.map(|piece| event(&json!({"model": "fake-1", "choices": [{"index": 0, "delta": piece}]}))).to_vec()
}

fn tool_call() -> Vec<Step> {
    let pieces = [
        json!({"index": 0, "id": "call-1", "type": "function", "function": {"name": "weather", "arguments": ""}}),
        json!({"index": 0, "function": {"arguments": "{\"city\": "}}),
        json!({"index": 0, "function": {"arguments": "\"Zürich\"}"}}),
    ];
    let chunk = |delta: Value, finish: Value| {
        event(&json!({"model": "fake-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
    };
    let mut steps: Vec<Step> =
        pieces.map(|piece| chunk(json!({"tool_calls": [piece]}), Value::Null)).to_vec();
    steps.extend([chunk(json!({}), json!("tool_calls")), event(&usage(9)), done()]);
    steps
}

fn nul() -> Vec<Step> {
    let mut chunk = delta("one\0two");
    chunk["model"] = json!("fake\0-1");
    vec![event(&chunk), event(&finish()), event(&usage(2)), done()]
}

fn unheard_of() -> Vec<Step> {
    let event = |data: Value| Step::Send(format!("event: x.surprise\ndata: {data}\n\n").into_bytes());
    let surprises = [json!({}), json!({"type": "x.surprise", "choices": null}), json!({"choices": [{}]})];
    let surprises: Vec<Step> = surprises.map(event).to_vec();
    plain().into_iter().flat_map(|step| surprises.iter().cloned().chain([step])).collect()
}

fn garbage() -> Step {
    Step::Send(b"data: this is no JSON\n\n".to_vec())
}

/// What `plain` says, as a stranger's server might put it, three bytes at a time.
fn odd() -> Vec<Step> {
    let words = (0..5).map(|number| {
        let mut chunk = delta(&word(number));
        chunk["choices"][0]["delta"]["reasoning_content"] = json!("hm");
        chunk["choices"][0]["delta"]["tool_calls"] = Value::Null;
        chunk["x_unheard_of"] = json!({"deep": [[[[]]]]});
        format!("data:{chunk}\r\n\r\n: keep-alive")
    });
    let mut blocks = vec![": a comment\r\nevent: message\r\nid: 7\r\nretry: 10".to_owned()];
    blocks.extend(words);
    blocks.push(format!("data: {}", json!({"choices": [], "prompt_filter_results": []})));
    blocks.push(format!("data: {}", finish()));
    blocks.push(format!("data: {}", usage(5)));
    blocks.push("data: [DONE]\r\n\r\n".to_owned());
    let text = blocks.join("\r\n\r\n");
    text.as_bytes().chunks(3).map(|bytes| Step::Send(bytes.to_vec())).collect()
}

/// Events whose letters do not survive a program that reads and writes them anew.
pub const LETTERS: &[&str] = &[
    r#"{"z":1.0, "a":1e2,"choices":[{"index":0,"delta":{"content":"\u0077\u00f6rd "}}],"big":123456789012345678901234567890}"#,
    r#"{ "choices" : [ { "delta" : { "content" : "two" } , "finish_reason" : "stop" } ] , "a" : null , "é" : "\/" }"#,
    r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9},"x":-0.0}"#,
];

fn letters() -> Vec<Step> {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let unreadable = [r#""\ud800""#, &deep, "1e999"];
    let unreadable = unreadable.map(|it| format!(r#"{{"choices":[],"x":{it}}}"#));
    let events = LETTERS.iter().flat_map(|it| [&unreadable[..], &[(*it).to_owned()]].concat());
    events.map(|it| Step::Send(format!("data: {it}\n\n").into_bytes())).chain([done()]).collect()
}

fn event(data: &Value) -> Step {
    Step::Send(format!("data: {data}\n\n").into_bytes())
}

fn done() -> Step {
    Step::Send(b"data: [DONE]\n\n".to_vec())
}

fn delta(content: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake-1",
           "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]})
}

fn finish() -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake-1",
           "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
}

fn usage(completion: usize) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake-1", "choices": [],
           "usage": {"prompt_tokens": 7, "completion_tokens": completion, "total_tokens": 7 + completion}})
}
