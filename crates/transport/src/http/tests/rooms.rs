//! Rooms over HTTP.

use super::world::World;
use serde_json::{Value, json};

const ROOMS: &str = "/api/v1/ws/rooms";

#[tokio::test]
async fn a_room_is_made_once_and_its_maker_may_ask_again() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    let new = json!({"room_id": "team:1", "room_name": "Team", "room_type": "group"});
    let made = world.ask(&ann, "POST", ROOMS, new.clone()).await;
    assert_eq!(made.status, 201);
    for (name, expect) in [
        ("room_id", json!("team:1")),
        ("room_name", json!("Team")),
        ("room_type", json!("group")),
        ("ai_mode", json!("mention")),
        ("role", json!("owner")),
        ("last_seq", json!(0)),
        ("message_count", json!(0)),
        ("participant_count", json!(1)),
    ] {
        assert_eq!(made.body[name], expect, "{name}");
    }
    let again = world.ask(&ann, "POST", ROOMS, new.clone()).await;
    assert_eq!((again.status.as_u16(), again.body), (200, made.body));
    assert_eq!(world.ask(&bob, "POST", ROOMS, new).await.refusal(), (409, "CONFLICT"));
    let other = json!({"room_id": "team:1", "room_type": "shared"});
    assert_eq!(world.ask(&ann, "POST", ROOMS, other).await.refusal(), (409, "CONFLICT"));
}

/// Protects rooms from strangers: who may not enter one cannot tell it from one that is not there.
#[tokio::test]
async fn a_stranger_finds_shared_rooms_only_and_no_members() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    for kind in ["private", "group", "shared"] {
        let new = json!({"room_id": kind, "room_type": kind});
        assert_eq!(world.ask(&ann, "POST", ROOMS, new).await.status, 201);
    }
    for room in ["private", "group", "none"] {
        let path = format!("{ROOMS}/{room}");
        assert_eq!(world.get(&bob, &path).await.refusal(), (404, "ROOM_NOT_FOUND"), "{room}");
        let members = world.get(&bob, &format!("{path}/members")).await;
        assert_eq!(members.refusal(), (404, "ROOM_NOT_FOUND"), "{room}");
        let deleted = world.ask(&bob, "DELETE", &path, Value::Null).await;
        assert_eq!(deleted.refusal(), (404, "ROOM_NOT_FOUND"), "{room}");
    }
    let shared = world.get(&bob, &format!("{ROOMS}/shared")).await;
    assert_eq!((shared.status.as_u16(), &shared.body["role"]), (200, &Value::Null));
    assert!(shared.body.get("members").is_none());
}

#[tokio::test]
async fn members_are_told_to_members() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    world.ask(&ann, "POST", ROOMS, json!({"room_id": "r"})).await;
    let room = world.get(&ann, &format!("{ROOMS}/r")).await.body;
    let member = &room["members"][0];
    assert_eq!(member["user_id"], json!(world.user("ann").await));
    assert_eq!((&member["username"], &member["role"]), (&json!("ann"), &json!("owner")));
    assert_eq!((&member["delivered_seq"], &member["read_seq"]), (&json!(0), &json!(0)));
    assert_eq!((&member["online"], &room["next_after"]), (&json!(false), &Value::Null));
    let list = world.get(&ann, &format!("{ROOMS}/r/members?limit=1")).await.body;
    assert_eq!(list["members"][0], *member);
    let rest = list["next_after"].as_str().unwrap();
    let rest = world.get(&ann, &format!("{ROOMS}/r/members?after={rest}")).await.body;
    assert_eq!(rest, json!({"members": [], "next_after": null}));
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    for (room, kind) in [("a", "shared"), ("b", "private"), ("c", "shared")] {
        world.ask(&ann, "POST", ROOMS, json!({"room_id": room, "room_type": kind})).await;
    }
    let list = async |token: &str, query: &str| {
        let body = world.get(token, &format!("{ROOMS}?{query}")).await.body;
        let ids: Vec<_> = body["rooms"].as_array().unwrap().iter().map(|it| it["room_id"].clone()).collect();
        (ids, body["next_after"].clone())
    };
    assert_eq!(list(&ann, "limit=2").await, (vec![json!("a"), json!("b")], json!("b")));
    assert_eq!(list(&ann, "limit=2&after=b").await, (vec![json!("c")], Value::Null));
    assert_eq!(list(&bob, "scope=shared").await, (vec![json!("a"), json!("c")], Value::Null));
    assert_eq!(list(&bob, "scope=own").await, (vec![], Value::Null));
}

#[tokio::test]
async fn a_deleted_room_is_gone_and_its_id_is_free() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    let path = format!("{ROOMS}/r");
    world.ask(&ann, "POST", ROOMS, json!({"room_id": "r"})).await;
    let deleted = world.ask(&ann, "DELETE", &path, Value::Null).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(world.get(&ann, &path).await.refusal(), (404, "ROOM_NOT_FOUND"));
    assert_eq!(world.ask(&ann, "DELETE", &path, Value::Null).await.refusal(), (404, "ROOM_NOT_FOUND"));
    assert_eq!(world.ask(&bob, "POST", ROOMS, json!({"room_id": "r"})).await.status, 201);
}
