//! A worker on another machine: its socket is encrypted, and it makes sure whose it is.

use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, PATIENCE, TestApp, TlsProxy, Workers};
use serde_json::json;
use std::path::Path;

/// Workers that come through `proxy`, and trust who has the `trusted` certificate.
fn workers(app: &TestApp, provider: &FakeProvider, proxy: &TlsProxy, trusted: &Path) -> Workers {
    Workers::new(app.address(), &provider.base_url(), "plain", 1)
        .at(proxy.worker_url())
        .env("SSL_CERT_FILE", trusted.display())
        .env("LOG_LEVEL", "warn")
}

/// Protects: a worker serves through TLS like any other, with no setting but the certificate that it trusts.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_serves_through_tls() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().workers().start().await;
    let proxy = TlsProxy::start(app.address(), "localhost").await;
    let mut workers = workers(&app, &provider, &proxy, &proxy.certificate());
    workers.add();
    let mut client = app.client(&app.token("ann@example.org")).await;
    for _ in 0..2 {
        let turn = super::ask(&mut client, json!({})).await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(5).as_str()));
        super::assert_stored(&mut client, &turn).await;
    }
    assert_eq!((proxy.opened(), provider.requests().len()), (1, 2));
}

/// Protects keys and users: where a server cannot prove that it is the one that is meant, a worker tells it nothing; it
/// says why, and goes on trying.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_keeps_away_from_a_server_that_it_does_not_trust() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().workers().env("AI_QUEUE_WAIT", 1).start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    let proxy = TlsProxy::start(app.address(), "localhost").await;
    let other = TlsProxy::start(app.address(), "localhost").await;
    let misnamed = TlsProxy::start(app.address(), "elsewhere.example").await;
    for (proxy, trusted) in [(&proxy, &other), (&misnamed, &misnamed)] {
        let mut workers = workers(&app, &provider, proxy, &trusted.certificate());
        workers.add();
        workers.wait_for(0, PATIENCE, |log| {
            let refusals = log.lines().filter(|line| line.contains("invalid peer certificate"));
            (refusals.count() >= 2).then_some(())
        });
        let turn = super::ask(&mut client, json!({})).await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("failed", ""));
        assert_eq!(turn.error.unwrap()["code"], "AI_CANISTER_UNAVAILABLE");
        assert_eq!((proxy.opened(), provider.requests().len()), (0, 0));
    }
}
