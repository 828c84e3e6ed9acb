use super::*;
use crate::event::{Correlation, ReplyBody, TurnPart, TurnRef};
use crate::message::Author;
use crate::ports::{Identity, Role, Scope};
use crate::{ConversationId, MessageId, Timestamp};
use bytes::Bytes;
use futures_util::FutureExt;
use proptest::prelude::*;

/// What an event costs beside its text.
const ENVELOPE: usize = 320;

fn outbox(limit: usize) -> Arc<Outbox> {
    let (user, grant) = (UserId::new(), GrantId(uuid::Uuid::nil()));
    let expires_at = Timestamp::from_microsecond(0);
    let identity = Identity { user, role: Role::User, expires_at, scope: Scope::Everything, grant };
    let caller = Caller { identity, username: "somebody".into(), address: None };
    Outbox::new(ConnectionId::new(), &caller, Ear::Everything, limit)
}

fn turn() -> TurnRef {
    TurnRef { id: MessageId::new(), conversation: ConversationId::new(), in_reply_to: MessageId::new() }
}

fn piece(turn: TurnRef, offset: u64, text: &str) -> Outgoing {
    let at = Timestamp::from_microsecond(0);
    Outgoing::Event(Event::new(
        None,
        EventBody::TurnDelta { turn, part: TurnPart::Text, offset, text: text.into(), at },
    ))
}

fn typing() -> Outgoing {
    let who = Author::User(UserId::new());
    let body = EventBody::Typing { conversation: ConversationId::new(), who, name: None, is_typing: true };
    Outgoing::Event(Event::new(None, body))
}

fn started(turn: TurnRef) -> Outgoing {
    Outgoing::Event(Event::new(None, EventBody::TurnStarted(turn)))
}

/// An answer that weighs an envelope.
fn answer() -> Outgoing {
    let conversation = ConversationId::new();
    let reply =
        Reply { correlation: Correlation::default(), room: None, body: ReplyBody::Left { conversation } };
    Outgoing::Reply(Box::new(reply))
}

fn take(outbox: &Outbox) -> Result<Vec<Outgoing>, Close> {
    let mut batch = VecDeque::new();
    match outbox.take(&mut batch).now_or_never() {
        Some(taken) => taken.map(|()| batch.into()),
        None => Ok(Vec::new()),
    }
}

/// The texts of the pieces among `items`, by offset.
fn pieces(items: &[Outgoing]) -> Vec<(u64, String)> {
    let of = |item: &Outgoing| match item {
        Outgoing::Event(event) => match event.body() {
            EventBody::TurnDelta { offset, text, .. } => Some((*offset, text.clone())),
            _ => None,
        },
        _ => None,
    };
    items.iter().filter_map(of).collect()
}

/// Protects the bound: what is being written counts until the writer comes back for more.
#[test]
fn what_is_being_written_counts() {
    let outbox = outbox(3 * ENVELOPE);
    assert!((0..3).all(|_| outbox.push(answer())));
    assert_eq!(take(&outbox).unwrap().len(), 3);
    assert!(take(&outbox).unwrap().is_empty(), "it came back: all is written");
    assert!(outbox.push(answer()));
    assert_eq!(take(&outbox).unwrap().len(), 1);
    assert!(outbox.push(answer()) && outbox.push(answer()));
    assert!(!outbox.push(answer()), "one is in flight, two wait");
    assert_eq!(take(&outbox).unwrap_err().code, CloseCode::TooSlow);
}

/// Protects the memory of a connection that is too slow: what waited is thrown away at once, and nothing goes in.
#[test]
fn an_overflow_frees_the_queue_and_closes() {
    let outbox = outbox(10 * ENVELOPE);
    assert!((0..10).all(|_| outbox.push(answer())));
    assert!(!outbox.is_closed());
    assert!(!outbox.push(answer()));
    assert!(outbox.is_closed());
    assert_eq!(outbox.state.lock().queue.capacity(), 0);
    assert!(!outbox.push(typing()));
    outbox.close(CloseCode::Normal);
    assert_eq!(
        outbox.overflowed().now_or_never().unwrap().code,
        CloseCode::TooSlow,
        "the first reason stays"
    );
    assert_eq!(take(&outbox).unwrap_err().code, CloseCode::TooSlow);
}

/// Protects the last words: where it ends for another reason, what waits is still written.
#[test]
fn a_closed_outbox_is_written_out() {
    let outbox = outbox(10_000);
    outbox.push(answer());
    outbox.close(CloseCode::GoingAway);
    assert!(!outbox.push(answer()));
    assert!(outbox.overflowed().now_or_never().is_none());
    assert_eq!(take(&outbox).unwrap().len(), 1);
    assert_eq!(take(&outbox).unwrap_err(), Close::from(CloseCode::GoingAway));
}

/// Protects a slow reader's connection: what may be missed is missed before it closes.
#[test]
fn typing_and_pings_are_dropped_when_it_is_full() {
    let outbox = outbox(2 * ENVELOPE + 10);
    assert!(outbox.push(typing()) && outbox.push(answer()));
    assert!(outbox.push(typing()) && outbox.push(Outgoing::Raw(Bytes::from_static(b"ping"))));
    assert!(!outbox.is_closed());
    assert_eq!(take(&outbox).unwrap().len(), 2);
}

/// Protects a turn's text: pieces of one turn merge, each with its own turn's, and their offsets stay right.
#[test]
fn pieces_of_a_turn_merge_when_it_is_half_full() {
    let outbox = outbox(8 * ENVELOPE);
    let (one, two) = (turn(), turn());
    outbox.push(piece(one, 0, "a"));
    outbox.push(piece(two, 10, "A"));
    outbox.push(piece(one, 1, "b"));
    assert_eq!(outbox.state.lock().queue.len(), 3, "there is room: nothing merges");
    outbox.push(answer());
    for (turn, offset, text) in [(one, 2, "cd"), (two, 11, "B"), (one, 4, "é"), (two, 12, "C"), (one, 6, "f")]
    {
        assert!(outbox.push(piece(turn, offset, text)));
    }
    let items = take(&outbox).unwrap();
    let expected = [(0, "a"), (10, "ABC"), (1, "bcdéf")].map(|(offset, text)| (offset, text.to_owned()));
    assert_eq!(pieces(&items), expected);
    assert_eq!(items.len(), 4);
}

/// Protects a stream that begins again: what was shown before and what is shown anew are two texts.
#[test]
fn pieces_of_a_restarted_stream_do_not_merge_with_those_before() {
    let outbox = outbox(10 * ENVELOPE);
    let turn = turn();
    outbox.push(piece(turn, 0, "ab"));
    (0..4).for_each(|_| assert!(outbox.push(answer())));
    outbox.push(started(turn));
    outbox.push(piece(turn, 0, "ab"));
    outbox.push(piece(turn, 2, "c"));
    let expected = [(0, "ab".to_owned()), (0, "abc".to_owned())];
    assert_eq!(pieces(&take(&outbox).unwrap()), expected);
}

/// Protects the text from a merge with what is gone: a piece that was taken is not there to be merged with.
#[test]
fn pieces_do_not_merge_with_what_was_taken() {
    let outbox = outbox(4 * ENVELOPE);
    let turn = turn();
    outbox.push(piece(turn, 0, "a"));
    assert_eq!(take(&outbox).unwrap().len(), 1);
    outbox.push(answer());
    outbox.push(piece(turn, 1, "b"));
    outbox.push(piece(turn, 2, "c"));
    assert_eq!(pieces(&take(&outbox).unwrap()), [(1, "bc".to_owned())]);
}

/// Protects the bound from texts that only grow: merged pieces count too.
#[test]
fn merged_pieces_fill_it_too() {
    let outbox = outbox(4 * ENVELOPE);
    let turn = turn();
    let (mut offset, text) = (0, "x".repeat(100));
    while outbox.push(piece(turn, offset, &text)) {
        offset += text.len() as u64;
    }
    assert_eq!(take(&outbox).unwrap_err().code, CloseCode::TooSlow);
    assert!((500..1_200).contains(&offset), "{offset}");
}

/// Protects a producer that has much to say: it waits for room, and goes on when the reader has it.
#[tokio::test]
async fn a_producer_waits_until_half_is_free() {
    let outbox = outbox(4 * ENVELOPE);
    let producing = async {
        for _ in 0..50 {
            assert!(outbox.push_with_room(answer()).await);
        }
    };
    let reading = async {
        let (mut count, mut batch) = (0, VecDeque::new());
        while count < 50 {
            outbox.take(&mut batch).await.unwrap();
            assert!(batch.len() <= 3, "half of it, and one more");
            count += batch.drain(..).count();
        }
    };
    tokio::join!(producing, reading);
}

/// Protects a producer whose connection ends while it waits.
#[tokio::test]
async fn a_waiting_producer_is_told_of_the_end() {
    let outbox = outbox(2 * ENVELOPE);
    outbox.push(answer());
    outbox.push(answer());
    let closing = async {
        tokio::task::yield_now().await;
        outbox.close(CloseCode::Normal);
    };
    let (pushed, ()) = tokio::join!(outbox.push_with_room(answer()), closing);
    assert!(!pushed);
}

/// Protects a batch: each connection gets its part of it, in order.
#[test]
fn a_batch_gives_each_connection_its_part() {
    let (one, two) = (outbox(100_000), outbox(100_000));
    let event = || Event::new(None, EventBody::TurnStarted(turn()));
    let boxed = || match answer() {
        Outgoing::Reply(reply) => reply,
        other => panic!("{other:?}"),
    };
    let batch = [
        Delivery::All(event()),
        Delivery::AllBut(one.user(), event()),
        Delivery::Caused { event: event(), connection: one.connection(), answer: boxed() },
        Delivery::Answer(two.connection(), boxed()),
    ];
    let kinds = |outbox: &Outbox| {
        assert!(outbox.deliver(&batch, None));
        let items = take(outbox).unwrap();
        items.iter().map(|item| matches!(item, Outgoing::Event(_))).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&one), [true, false]);
    assert_eq!(kinds(&two), [true, true, true, false]);
}

proptest! {
    /// Protects the text and the bound under any mix of pushing and reading: whoever is not closed has every piece's
    /// bytes once and in order and never more than the limit waits.
    #[test]
    fn a_reader_has_the_whole_text_or_is_closed(
        steps in proptest::collection::vec((0..3_usize, 0..200_usize, 0..8_u8), 1..200),
    ) {
        let limit = 2_000;
        let outbox = outbox(limit);
        let turns = [turn(), turn(), turn()];
        let (mut said, mut read) = ([0_u64; 3], [0_u64; 3]);
        let mut got = |items: Vec<Outgoing>| {
            for item in items {
                let Outgoing::Event(event) = item else { continue };
                let EventBody::TurnDelta { turn, offset, text, .. } = event.body() else { continue };
                let index = turns.iter().position(|known| known.id == turn.id).unwrap();
                assert_eq!(*offset, read[index]);
                read[index] += text.len() as u64;
            }
        };
        for (index, length, action) in steps {
            match action {
                0 => got(take(&outbox).unwrap()),
                1 => drop(outbox.push(typing())),
                _ => {
                    if !outbox.push(piece(turns[index], said[index], &"x".repeat(length))) {
                        prop_assert!(outbox.is_closed());
                        return Ok(());
                    }
                    said[index] += length as u64;
                }
            }
            let state = outbox.state.lock();
            prop_assert!(state.bytes + state.in_flight <= limit);
            let bytes: usize = state.queue.iter().map(Outgoing::weight).sum();
            prop_assert_eq!(bytes, state.bytes);
        }
        got(take(&outbox).unwrap());
        prop_assert_eq!(said, read);
    }
}
