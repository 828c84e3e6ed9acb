//! Reports on the books, titles, and messages page by page.

use crate::desk::{Desk, line};
use crate::subject::{Subject, suite};
use crate::write::{Scene, at};
use parlor_domain::message::NanoDollars;
use parlor_domain::ports::{Day, MembershipStep, Page, UsageBy, UsageFilter, UsageLine};
use parlor_domain::room::RoomKind;
use parlor_domain::{ConversationId, Timestamp, UserId};

const DAY: i64 = 86_400;

/// An attempt of `desk`'s that began then, with so many tokens of a model.
async fn used(desk: &Desk, began: Timestamp, tokens: u64, model: Option<&str>) {
    let mut record = line(&desk.reservation(tokens, None), tokens);
    (record.started_at, record.model, record.cost) = (began, model.map(Into::into), Some(NanoDollars(7)));
    desk.settle([record]).await;
}

async fn lines(subject: &Subject, filter: UsageFilter, by: UsageBy) -> Vec<UsageLine> {
    subject.store.usage_lines(filter, by).await.unwrap()
}

async fn what_was_used_is_added_up(subject: &Subject) {
    let (ann, bob) = (Desk::new(&subject.store), Desk::new(&subject.store));
    used(&ann, at(0), 100, Some("m-1")).await;
    used(&ann, at(10), 20, Some("m-2")).await;
    used(&ann, at(DAY), 3, None).await;
    used(&bob, at(2 * DAY), 500, Some("m-2")).await;
    let own = UsageFilter { user: Some(ann.user), ..UsageFilter::default() };
    let all = lines(subject, own, UsageBy::Nothing).await;
    assert_eq!((all.len(), all[0].attempts, all[0].total_tokens()), (1, 3, 123));
    assert_eq!((all[0].cost, all[0].last_at), (NanoDollars(21), Some(at(DAY))));

    let of = |lines: &[UsageLine]| lines.iter().map(UsageLine::total_tokens).collect::<Vec<_>>();
    let days = lines(subject, own, UsageBy::Day).await;
    assert_eq!(of(&days), [120, 3]);
    assert_eq!(
        days.iter().map(|it| it.day.unwrap()).collect::<Vec<_>>(),
        [Day::from(at(0)), Day::from(at(DAY))]
    );
    let models = lines(subject, own, UsageBy::Model).await;
    let names: Vec<_> = models.iter().map(|it| it.model.as_deref().unwrap()).collect();
    assert_eq!((of(&models), names), (vec![100, 20, 3], vec!["m-1", "m-2", ""]));

    let two = UsageFilter { user: None, from: Some(at(10)), to: Some(at(2 * DAY)) };
    assert_eq!(
        of(&lines(subject, UsageFilter { user: Some(ann.user), ..two }, UsageBy::Nothing).await),
        [23]
    );
    let users =
        lines(subject, UsageFilter { from: Some(at(0)), ..UsageFilter::default() }, UsageBy::User).await;
    let own: Vec<_> = users.iter().filter(|it| [Some(ann.user), Some(bob.user)].contains(&it.user)).collect();
    assert_eq!((own[0].user, own[0].total_tokens()), (Some(bob.user), 500), "the most tokens first");
    assert_eq!((own[1].user, own[1].total_tokens()), (Some(ann.user), 123));

    let nobody = UsageFilter { user: Some(UserId::new()), ..UsageFilter::default() };
    assert_eq!(lines(subject, nobody, UsageBy::Nothing).await, [UsageLine::default()]);
    assert_eq!(lines(subject, nobody, UsageBy::Day).await, []);
}

async fn conversations_are_counted_for_who_takes_part(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    ann.store(ann.message("one")).await;
    ann.store(ann.message("two")).await;
    let gone = ann.another("Gone").await;
    gone.store(gone.message("three")).await;
    gone.write_one(gone.step(MembershipStep::Delete)).await;
    ann.another("Empty").await;
    let room = Scene::room(&subject.store, "counted", RoomKind::Shared).await.of(ann.user);
    room.write_one(room.enter()).await;
    assert_eq!(subject.store.conversation_totals(ann.user).await.unwrap(), (2, 2));
    assert_eq!(subject.store.conversation_totals(UserId::new()).await.unwrap(), (0, 0));
}

async fn a_title_is_what_it_was_last_given(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let (store, place) = (&subject.store, ann.conversation);
    let title = async || store.conversation_get(place).await.unwrap().unwrap().summary.title;
    assert!(store.conversation_retitle(place, "Tea & Überfluss").await.unwrap());
    assert_eq!(title().await, "Tea & Überfluss");
    let found =
        store.conversation_search(ann.user, vec!["überfluss".into()], Page { offset: 0, limit: 9 }).await;
    // Sealed ones are not searched.
    if let Some(found) = found.unwrap() {
        assert_eq!(found.total, 1);
        assert!(store.conversation_retitle(place, "Coffee").await.unwrap());
        let old =
            store.conversation_search(ann.user, vec!["überfluss".into()], Page { offset: 0, limit: 9 }).await;
        assert_eq!(old.unwrap().unwrap().total, 0, "by its old title it is not found");
    }
    ann.write_one(ann.step(MembershipStep::Delete)).await;
    assert!(!store.conversation_retitle(place, "Late").await.unwrap());
    assert!(!store.conversation_retitle(ConversationId::new(), "None").await.unwrap());
}

async fn messages_come_page_by_page(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    for number in 1..=5 {
        ann.store(ann.message(&number.to_string())).await;
    }
    let page = async |after, offset, limit| {
        let page = subject.store.message_page(ann.conversation, after, Page { offset, limit }).await.unwrap();
        (page.items.iter().map(|it| it.content.clone()).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(page(0, 0, 2).await, (vec!["1".to_owned(), "2".to_owned()], 5));
    assert_eq!(page(0, 4, 2).await, (vec!["5".to_owned()], 5));
    assert_eq!(page(3, 0, 9).await, (vec!["4".to_owned(), "5".to_owned()], 2));
    ann.write_one(ann.step(MembershipStep::Delete)).await;
    assert_eq!(page(0, 0, 9).await, (vec![], 0));
}

suite! {
    sealed too:
    what_was_used_is_added_up
    conversations_are_counted_for_who_takes_part
    a_title_is_what_it_was_last_given
    messages_come_page_by_page
}
