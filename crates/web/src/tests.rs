//! The routes, asked directly, and what the pages and the vendored files promise.

use super::*;
use axum::body::Body;
use axum::http::Request;
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path as File;
use tower::ServiceExt;

/// An answer with its body.
async fn ask(path: &str, headers: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

/// Protects readers from what a page must not be able to do: whatever gets into it, no script and no style that is not
/// ours counts, and nothing is told to other servers.
#[tokio::test]
async fn pages_come_with_a_strict_policy_and_hold_to_it() {
    for path in ["/", "/admin"] {
        let (status, headers, body) = ask(path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[CACHE_CONTROL], REVALIDATED);
        let html = String::from_utf8(body).unwrap();
        assert!(!html.contains("{{") && !html.contains("style=") && !html.contains("<style"), "{html}");
        assert!(!html.contains("<script>") && !html.contains(" on") && !html.contains("://"), "{html}");
        // Everything that it names is there.
        let named = html.split('"').filter(|word| word.starts_with("/assets/"));
        let named: BTreeSet<_> = named.collect();
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            assert_eq!(ask(name, &[]).await.0, StatusCode::OK, "{name}");
        }
    }
}

/// Protects the time of who comes again: what has not changed is not sent, and what a version names is asked for once.
#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let (_, page, _) = ask("/", &[]).await;
    let etag = page[ETAG].to_str().unwrap();
    for (given, expect) in
        [(etag, 304), ("\"other\"", 200), (&format!("\"other\", W/{etag}"), 304), ("*", 304)]
    {
        let (status, headers, body) = ask("/", &[(IF_NONE_MATCH, given)]).await;
        assert_eq!(status, expect, "{given}");
        assert_eq!(headers[ETAG], etag);
        assert_eq!(body.is_empty(), expect == 304);
    }
    let (status, headers, _) = ask(&format!("/assets/{VERSION}/app/main.js"), &[]).await;
    assert_eq!((status, headers[CACHE_CONTROL].to_str().unwrap()), (StatusCode::OK, FOR_EVER));
    assert_eq!(headers[CONTENT_TYPE], "text/javascript; charset=utf-8");
    for absent in
        ["/assets/other/app/main.js", &format!("/assets/{VERSION}/app/../app/main.js"), "/assets/x/y"]
    {
        let (status, headers, _) = ask(absent, &[]).await;
        assert_eq!(
            (status, headers[CACHE_CONTROL].to_str().unwrap()),
            (StatusCode::NOT_FOUND, "no-store"),
            "{absent}"
        );
    }
    let (status, headers, _) = ask("/parlor-client/index.js", &[]).await;
    assert_eq!((status, headers[CACHE_CONTROL].to_str().unwrap()), (StatusCode::OK, REVALIDATED));
}

/// Protects what is sent compressed: it is the same, and only who takes it gets it.
#[tokio::test]
async fn files_are_compressed_for_who_takes_it() {
    for asset in PAGES.iter().chain(ASSETS) {
        let mut text = Vec::new();
        GzDecoder::new(asset.gzip).read_to_end(&mut text).unwrap();
        assert_eq!(text, asset.plain, "{}", asset.name);
        let mut text = Vec::new();
        brotli::BrotliDecompress(&mut &*asset.brotli, &mut text).unwrap();
        assert_eq!(text, asset.plain, "{}", asset.name);
    }
    let coding =
        async |taken: &str| ask("/", &[(ACCEPT_ENCODING, taken)]).await.1.get(CONTENT_ENCODING).cloned();
    for (taken, expect) in [
        ("gzip", Some("gzip")),
        ("gzip, deflate, br, zstd", Some("br")),
        ("br;q=0, GZIP;q=0.5", Some("gzip")),
        ("gzip;q=0", None),
        ("gzip; q=0.000", None),
        ("identity", None),
        ("x-gzipped", None),
    ] {
        assert_eq!(coding(taken).await.as_ref().map(|it| it.to_str().unwrap()), expect, "{taken}");
    }
}

/// Protects from files that nobody can trace: each vendored one is in the manifest, as it was released, with its version and
/// licence.
#[test]
fn vendored_files_are_those_of_the_manifest() {
    let vendor = File::new(env!("CARGO_MANIFEST_DIR")).join("vendor");
    let manifest = std::fs::read_to_string(vendor.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let licences = std::fs::read_to_string(vendor.join("licences.txt")).unwrap();
    let mut named = BTreeSet::new();
    for package in manifest["packages"].as_array().unwrap() {
        let text = |field: &str| package[field].as_str().filter(|it| !it.is_empty()).unwrap().to_owned();
        let heading = format!("{} {} ({})\n", text("name"), text("version"), text("licence"));
        assert!(licences.contains(&heading), "{heading}");
        assert!(text("integrity").starts_with("sha512-"));
        for file in package["files"].as_array().unwrap() {
            let name = file["name"].as_str().unwrap();
            let hash = Sha256::digest(std::fs::read(vendor.join(name)).unwrap());
            let hash = hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            assert_eq!(file["sha256"].as_str().unwrap(), hash, "{name}: run vendor/refresh");
            named.insert(name.to_owned());
        }
    }
    let there = std::fs::read_dir(&vendor).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let ours = ["manifest.json", "licences.txt", "refresh"];
    let there: BTreeSet<_> = there.filter(|name| !ours.contains(&name.as_str())).collect();
    assert_eq!(there, named);
}
