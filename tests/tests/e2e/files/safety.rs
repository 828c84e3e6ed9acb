//! Files that are made to do harm.

use parlor_tests::files::{PNG, zip_bomb};
use parlor_tests::{Files, TestApp};

/// Media types that a browser runs something of, where it gets one as a page or a script.
const RUNS: [&str; 6] = ["html", "javascript", "ecmascript", "xhtml", "text/xml", "application/xml"];

/// Protects the origin: whatever a file is called and holds, it is refused, or served so that nothing of it runs.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_runs_on_our_origin() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let files = Files::new(&app, &ann);
    let html: &[u8] = b"<!doctype html><script>alert(1)</script>";
    let svg = |inner: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{inner}</svg>").into_bytes();
    let gif_script = b"GIF89a/*\0\0\0\0*/=1;alert(1)//;".to_vec();
    let png_html = [PNG, html].concat();
    let cases: [(&str, &str, Vec<u8>, bool); 12] = [
        ("page.png", "image/png", html.to_vec(), false),
        ("page.png", "text/html", PNG.to_vec(), false),
        ("a.svg", "image/svg+xml", svg("<script>alert(1)</script>"), false),
        ("a.svg", "image/svg+xml", svg("<g onload=\"alert(1)\"/>"), false),
        ("a.svg", "image/svg+xml", svg("<a href=\"javascript:alert(1)\"/>"), false),
        ("a.svg", "image/svg+xml", svg("<path d=\"M0 0\"/>"), true),
        ("page.html", "text/html", html.to_vec(), true),
        ("code.js", "text/javascript", b"alert(1)".to_vec(), true),
        ("data.xml", "text/xml", b"<?xml version=\"1.0\"?><x/>".to_vec(), true),
        ("page.txt", "text/plain", html.to_vec(), true),
        ("both.gif", "image/gif", gif_script, true),
        ("both.png", "image/png", png_html, true),
    ];
    for (name, kind, content, taken) in cases {
        let answer = files.upload(&[], name, kind, &content).await;
        if !taken {
            assert_eq!(answer.refusal(), (415, "FILE_TYPE_NOT_ALLOWED".into()), "{name}");
            continue;
        }
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let url = answer.json()["url"].as_str().unwrap().replace("/api/v1/files", "");
        let served = files.ask("GET", &url, &[]).await;
        let served_as = served.header("content-type").unwrap();
        assert!(!RUNS.iter().any(|word| served_as.contains(word)), "{name} is {served_as}");
        assert!(served.header("content-disposition").unwrap().starts_with("attachment;"), "{name}");
        assert_eq!(served.header("x-content-type-options"), Some("nosniff"), "{name}");
        let policy = served.header("content-security-policy").unwrap();
        assert!(policy.starts_with("sandbox;") && !policy.contains("allow"), "{name}: {policy}");
        assert!(served.body == content, "{name}");
    }
}

/// The head of a PNG that says it has so many pixels, with a body that would be that many zeros.
fn bomb(side: u32) -> Vec<u8> {
    let mut png = PNG.to_vec();
    png[16..20].copy_from_slice(&side.to_be_bytes());
    png[20..24].copy_from_slice(&side.to_be_bytes());
    let checksum = crc(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    png
}

/// CRC-32 as PNG has it (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |all: u32, byte| {
        (0..8).fold(
            all ^ u32::from(*byte),
            |all, _| if all & 1 == 1 { all >> 1 ^ 0xedb8_8320 } else { all >> 1 },
        )
    })
}

/// Protects the memory: an archive is never opened here, and an image that would not fit is not decoded.
#[tokio::test(flavor = "multi_thread")]
async fn bombs_do_not_go_off() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let files = Files::new(&app, &ann);
    files.add(&[], "warm.png", PNG).await;
    let before = app.resident_bytes();
    let zip = zip_bomb(1024);
    assert!(zip.len() < 7_000_000, "it is {} bytes", zip.len());
    files.add(&[], "bomb.zip", &zip).await;
    files.add(&[], "bomb.docx", &zip).await;
    // The smallest is 192 MiB of pixels.
    for side in [8_000, 60_000, 2_000_000_000] {
        let file = files.add(&[], "bomb.png", &bomb(side)).await;
        let preview = files.ask("GET", &format!("/{file}/preview"), &[]).await;
        assert_eq!(preview.refusal(), (415, "FILE_TYPE_NOT_ALLOWED".into()), "{side}");
    }
    let grown = app.resident_bytes().saturating_sub(before);
    assert!(grown < 128 * 1024 * 1024, "{grown} bytes");
}
