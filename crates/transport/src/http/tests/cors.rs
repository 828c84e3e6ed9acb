//! Which pages of other origins a browser lets in.

use super::world::{Answer, World};
use crate::Options;
use axum::body::Body;
use axum::http::Request;

async fn world(origins: Option<&[&str]>) -> World {
    let origins = origins.map(|origins| origins.iter().map(|&origin| origin.to_owned()).collect());
    World::with(Options { origins, ..Options::default() }).await
}

async fn preflight(world: &World, origin: &str) -> Answer {
    let request = Request::builder().method("OPTIONS").uri("/api/v1/ws/rooms/r").header("origin", origin);
    let request = request.header("access-control-request-method", "DELETE");
    world
        .send(request.header("access-control-request-headers", "authorization").body(Body::empty()).unwrap())
        .await
}

#[tokio::test]
async fn a_page_of_a_chosen_origin_may_send_tokens_and_no_other_may() {
    let world = world(Some(&["https://a.example", "https://b.example"])).await;
    let answer = preflight(&world, "https://b.example").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://b.example");
    assert!(answer.headers["access-control-allow-methods"].to_str().unwrap().contains("DELETE"));
    assert_eq!(answer.headers["access-control-allow-headers"], "authorization,content-type");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    assert!(
        !preflight(&world, "https://c.example").await.headers.contains_key("access-control-allow-origin")
    );
}

/// Protects pages from an error that they cannot read: refusals are marked as answers are.
#[tokio::test]
async fn refusals_can_be_read_too() {
    let world = world(Some(&["https://a.example"])).await;
    for path in ["/api/v1/ws/rooms", "/nowhere"] {
        let request = Request::get(path).header("origin", "https://a.example").body(Body::empty()).unwrap();
        let answer = world.send(request).await;
        assert_eq!(answer.headers["access-control-allow-origin"], "https://a.example", "{path}");
    }
}

#[tokio::test]
async fn a_star_is_every_origin_and_nothing_is_none() {
    let answer = preflight(&world(Some(&["*"])).await, "https://a.example").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    let answer = preflight(&world(None).await, "https://a.example").await;
    assert_eq!(answer.status, 405);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}
