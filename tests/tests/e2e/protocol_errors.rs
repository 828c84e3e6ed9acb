//! Bytes that are no proper WebSocket: each ends its own connection with the right close code, and nobody else's.

use parlor_tests::TestApp;
use parlor_tests::raw::{Frame, RawSocket, Received, header, opcode};

const MEBIBYTE: usize = 1 << 20;

/// An upgraded socket that has got its `auth_success`.
async fn socket(app: &TestApp, token: &str) -> RawSocket {
    let mut socket = RawSocket::upgrade(app.address(), token, None).await;
    let Received::Frame(opcode::TEXT, first) = socket.receive().await else { panic!("auth_success was due") };
    assert!(String::from_utf8_lossy(&first).contains("auth_success"));
    socket
}

/// Protects: every way of breaking RFC 6455 has its close code, and the server lives through all of them.
#[tokio::test(flavor = "multi_thread")]
async fn broken_frames_close_with_their_code() {
    let mut app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let mut bystander = app.client(&token).await;
    for (what, bytes, code) in broken() {
        eprintln!("{what}"); // shown where it is the one that hangs
        let mut socket = socket(&app, &token).await;
        socket.write(&bytes).await;
        assert_eq!(socket.close_code().await, Some(code), "{what}");
    }
    bystander.send(serde_json::json!({"type": "ping"})).await;
    bystander.expect("pong").await;
    assert!(app.is_running());
    assert!(!app.log().contains("panicked"));
}

fn broken() -> Vec<(&'static str, Vec<u8>, u16)> {
    let text = |payload| Frame::new(opcode::TEXT, payload);
    let ping = br#"{"type":"ping"}"#;
    let part = |opcode, last, payload| Frame { last, ..Frame::new(opcode, payload) }.encode();
    let mut cases = vec![
        ("binary", Frame::new(opcode::BINARY, b"\x00\x01").encode(), 1003),
        ("an empty binary frame", Frame::new(opcode::BINARY, b"").encode(), 1003),
        ("text that is not UTF-8", text(b"{\"type\":\"\xff\xfe\"}").encode(), 1007),
        ("a surrogate in UTF-8", text(b"\"\xed\xa0\x80\"").encode(), 1007),
        ("text cut inside a character", text(b"{\"a\":\"\xc3").encode(), 1007),
        ("an overlong form", text(b"\"\xc0\xaf\"").encode(), 1007),
        ("not masked", Frame { masked: false, ..text(ping) }.encode(), 1002),
        ("opcode 3", Frame::new(3, b"x").encode(), 1002),
        ("opcode 11", Frame::new(11, b"x").encode(), 1002),
        ("a ping of 126 bytes", Frame::new(opcode::PING, &[b'x'; 126]).encode(), 1002),
        ("a ping in pieces", part(opcode::PING, false, b"x"), 1002),
        ("a continuation of nothing", Frame::new(opcode::CONTINUATION, b"x").encode(), 1002),
        ("a message inside a message", [part(opcode::TEXT, false, b"{"), text(ping).encode()].concat(), 1002),
        ("a close with half a code", Frame::new(opcode::CLOSE, b"\x03").encode(), 1002),
        ("a frame said to be of 3 MiB", header(&text(b""), 3 * MEBIBYTE as u64), 1009),
        ("a frame said to be endless", header(&text(b""), u64::MAX >> 1), 1009),
    ];
    for reserved in [0x40, 0x20, 0x10] {
        cases.push(("a reserved bit", Frame { reserved, ..text(ping) }.encode(), 1002));
    }
    let whole = vec![b' '; 2 * MEBIBYTE + 1];
    cases.push(("one byte over 2 MiB", text(&whole).encode(), 1009));
    let mut bomb = part(opcode::TEXT, false, &whole[..MEBIBYTE]);
    bomb.extend(part(opcode::CONTINUATION, false, &whole[..MEBIBYTE]));
    bomb.extend(part(opcode::CONTINUATION, false, b"x"));
    cases.push(("pieces that add up to over 2 MiB", bomb, 1009));
    let mut split = part(opcode::TEXT, false, b"\"\xc3");
    split.extend(part(opcode::CONTINUATION, true, b"\x28\""));
    cases.push(("a broken character across pieces", split, 1007));
    cases
}

/// Protects: a message may come in pieces, with control frames between them and characters cut anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn pieces_make_one_message() {
    let app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let mut socket = socket(&app, &token).await;
    let whole = r#"{"type":"ping","request_id":"é👍"}"#.as_bytes();
    for (index, byte) in whole.iter().enumerate() {
        let opcode = if index == 0 { opcode::TEXT } else { opcode::CONTINUATION };
        let payload = [*byte];
        socket.send(Frame { last: index + 1 == whole.len(), ..Frame::new(opcode, &payload) }).await;
        if index % 7 == 3 {
            socket.send(Frame::new(opcode::PING, b"are you there")).await;
            assert_eq!(socket.receive().await, Received::Frame(opcode::PONG, b"are you there".to_vec()));
        }
    }
    let Received::Frame(opcode::TEXT, answer) = socket.receive().await else { panic!("pong was due") };
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((answer["type"].as_str(), answer["request_id"].as_str()), (Some("pong"), Some("é👍")));

    // Two megabytes are still taken whole: the text in them is what is too long.
    let limit = format!(
        "{{\"type\":\"send_message\",\"data\":{{\"content\":\"{}\"}}}}",
        "x".repeat(2 * MEBIBYTE - 48)
    );
    assert!(limit.len() <= 2 * MEBIBYTE && limit.len() > 2 * MEBIBYTE - 10, "{}", limit.len());
    socket.text(&limit).await;
    let Received::Frame(opcode::TEXT, answer) = socket.receive().await else { panic!("an error was due") };
    assert!(String::from_utf8_lossy(&answer).contains("MESSAGE_TOO_LONG"));
}

/// Protects: a polite close is answered with the same code.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_is_answered() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    for (payload, answer) in [(&b"\x03\xe8bye"[..], Some(1000)), (&b""[..], None)] {
        let mut socket = socket(&app, &token).await;
        socket.send(Frame::new(opcode::CLOSE, payload)).await;
        let Received::Frame(opcode::CLOSE, echoed) = socket.receive().await else {
            panic!("a close was due")
        };
        let code = echoed.first_chunk().map(|code| u16::from_be_bytes(*code));
        assert!(code == answer || answer.is_none() && code == Some(1000), "{code:?}");
        assert_eq!(socket.receive().await, Received::End);
    }
}

/// Protects: a request that is no handshake gets an HTTP answer that says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_handshake_is_told() {
    let app = TestApp::start().await;
    let head = "GET /api/v1/chat/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n";
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for rest in [
        String::new(),
        format!("upgrade: websocket\r\n{key}"),
        format!("upgrade: websocket\r\nsec-websocket-version: 8\r\n{key}"),
        "upgrade: websocket\r\nsec-websocket-version: 13\r\n".to_owned(),
        format!("upgrade: h2c\r\nsec-websocket-version: 13\r\n{key}"),
    ] {
        let mut socket = RawSocket::connect(app.address()).await;
        socket.write(format!("{head}{rest}\r\n").as_bytes()).await;
        let answer = socket.read_head().await;
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert!([400, 426].contains(&status), "{rest}: {answer}");
        assert!(answer.contains("application/problem+json"), "{rest}: {answer}");
    }
    let post = "POST /api/v1/chat/ws HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let mut socket = RawSocket::connect(app.address()).await;
    socket.write(post.as_bytes()).await;
    assert!(socket.read_head().await.starts_with("HTTP/1.1 405"));
}

/// Protects: a peer that dies without a word in the middle of a frame takes nothing with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_never_ends_harms_nobody() {
    let mut app = TestApp::start().await;
    let token = app.token("ann@example.org");
    for size in [1, 2, 5, 9, 100] {
        let mut socket = socket(&app, &token).await;
        let frame = Frame::new(opcode::TEXT, &[b'x'; 4_000]).encode();
        socket.write(&frame[..size]).await;
    }
    let mut client = app.client(&token).await;
    client.say(None, "note", "still here").await;
    assert!(app.is_running());
    assert!(!app.log().contains("panicked"));
}
