//! The tables as diesel sees them, the same for both databases. The migrations make them and say what they are for.
#![allow(clippy::wildcard_imports, reason = "the macro wants all SQL types in scope")]

diesel::table! {
    server_state (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    users (id) {
        id -> Uid,
        email -> Text,
        role -> Text,
        created_at -> Instant,
        username -> Nullable<Text>,
        profile -> Nullable<Text>,
        profile_key -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    conversations (id) {
        id -> Uid,
        title -> Text,
        title_folded -> Text,
        last_seq -> BigInt,
        message_count -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
        room_id -> Nullable<Text>,
        room_kind -> Nullable<Text>,
        ai_mode -> Nullable<Text>,
        deleted_at -> Nullable<Instant>,
        indexed_seq -> BigInt,
        key_id -> Nullable<Text>,
        assistant_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    assistants (id) {
        id -> Uid,
        owner_id -> Uid,
        name -> Text,
        display_name -> Text,
        model -> Nullable<Text>,
        prompt -> Text,
        prompt_key -> Nullable<Text>,
        temperature -> Nullable<Double>,
        max_tokens -> Nullable<BigInt>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    participants (conversation_id, user_id) {
        conversation_id -> Uid,
        user_id -> Uid,
        role -> Text,
        joined_at -> Instant,
        visible_after -> BigInt,
        delivered_seq -> BigInt,
        read_seq -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    messages (conversation_id, seq) {
        conversation_id -> Uid,
        seq -> BigInt,
        changed_seq -> BigInt,
        id -> Uid,
        author_id -> Nullable<Uid>,
        kind -> Text,
        content -> Text,
        client_id -> Nullable<Text>,
        fingerprint -> Nullable<Uid>,
        in_reply_to -> Nullable<Uid>,
        status -> Nullable<Text>,
        model -> Nullable<Text>,
        prompt_tokens -> Nullable<BigInt>,
        completion_tokens -> Nullable<BigInt>,
        usage_estimated -> Nullable<Bool>,
        created_at -> Instant,
        author_name -> Nullable<Text>,
        edited_at -> Nullable<Instant>,
        deleted_at -> Nullable<Instant>,
        reactions -> Nullable<Text>,
        cost_nano -> Nullable<BigInt>,
        elapsed_ms -> Nullable<BigInt>,
        content_type -> Nullable<Text>,
        backend -> Nullable<Text>,
        confidence -> Nullable<Integer>,
        attached -> Nullable<Text>,
        key_id -> Nullable<Text>,
        attached_key -> Nullable<Text>,
        fingerprint_keyed -> Nullable<Bool>,
        metadata -> Nullable<Text>,
        metadata_key -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    documents (id) {
        id -> Uid,
        owner_id -> Uid,
        scope_kind -> Text,
        scope_id -> Uid,
        title -> Text,
        title_key -> Nullable<Text>,
        content_type -> Text,
        size -> BigInt,
        body -> Text,
        body_key -> Nullable<Text>,
        state -> Text,
        problem -> Nullable<Text>,
        chunks -> BigInt,
        model -> Nullable<Text>,
        tries -> BigInt,
        lease_node -> Nullable<Uid>,
        lease_until -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    passages (id) {
        id -> Uid,
        document_id -> Uid,
        number -> BigInt,
        content -> Text,
        key_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    passage_vectors (document_id) {
        document_id -> Uid,
        dimensions -> BigInt,
        vectors -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    turns (id) {
        id -> Uid,
        conversation_id -> Uid,
        in_reply_to -> Uid,
        node -> Uid,
        lease_until -> Instant,
        content -> Text,
        status -> Nullable<Text>,
        model -> Nullable<Text>,
        prompt_tokens -> Nullable<BigInt>,
        completion_tokens -> Nullable<BigInt>,
        usage_estimated -> Nullable<Bool>,
        ended_at -> Nullable<Instant>,
        key_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    attempts (turn_id, number) {
        turn_id -> Uid,
        number -> BigInt,
        user_id -> Uid,
        conversation_id -> Nullable<Uid>,
        backend -> Text,
        model -> Nullable<Text>,
        outcome -> Text,
        prompt_tokens -> BigInt,
        completion_tokens -> BigInt,
        usage_estimated -> Bool,
        cost_nano -> Nullable<BigInt>,
        started_at -> Instant,
        first_content_ms -> Nullable<BigInt>,
        elapsed_ms -> BigInt,
        accounts -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    reservations (turn_id, number) {
        turn_id -> Uid,
        number -> BigInt,
        user_id -> Uid,
        conversation_id -> Nullable<Uid>,
        tokens -> BigInt,
        prompt_tokens -> BigInt,
        accounts -> Text,
        node -> Uid,
        reserved_at -> Instant,
        expires_at -> Instant,
    }
}

diesel::table! {
    balances (account) {
        account -> Text,
        used -> BigInt,
        reserved -> BigInt,
    }
}

diesel::table! {
    encryption_keys (id) {
        id -> Text,
        proof -> Text,
    }
}

diesel::table! {
    encryption_secrets (name) {
        name -> Text,
        sealed -> Text,
        key_id -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    credentials (user_id) {
        user_id -> Uid,
        password_hash -> Text,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    verification_codes (id) {
        id -> Uid,
        email -> Text,
        purpose -> Text,
        hash -> Binary,
        tries -> BigInt,
        password_hash -> Nullable<Text>,
        username -> Nullable<Text>,
        created_at -> Instant,
        expires_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    refresh_tokens (hash) {
        hash -> Binary,
        grant_id -> Uid,
        user_id -> Uid,
        created_at -> Instant,
        expires_at -> Instant,
        used_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    revoked_tokens (grant_id) {
        grant_id -> Uid,
        user_id -> Uid,
        revoked_at -> Instant,
        until -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    counts (key) {
        key -> Text,
        times -> BigInt,
        until -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    identities (issuer, subject) {
        issuer -> Text,
        subject -> Text,
        user_id -> Uid,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    audit_log (id) {
        id -> Uid,
        at -> Instant,
        actor -> Nullable<Uid>,
        account -> Nullable<Text>,
        address -> Nullable<Text>,
        action -> Text,
        subject -> Nullable<Text>,
        outcome -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    jobs (id) {
        id -> Uid,
        user_id -> Uid,
        kind -> Text,
        state -> Text,
        progress -> Integer,
        attempts -> BigInt,
        fence -> BigInt,
        node -> Nullable<Uid>,
        lease_until -> Nullable<Instant>,
        due_at -> Instant,
        client_id -> Nullable<Text>,
        payload -> Text,
        payload_key -> Nullable<Text>,
        result -> Nullable<Text>,
        result_key -> Nullable<Text>,
        code -> Nullable<Text>,
        created_at -> Instant,
        ended_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    job_queues (user_id) {
        user_id -> Uid,
        turn -> BigInt,
        due_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    uploads (id) {
        id -> Uid,
        owner_id -> Uid,
        conversation_id -> Nullable<Uid>,
        name -> Text,
        name_key -> Nullable<Text>,
        media_type -> Text,
        size -> BigInt,
        chunk_size -> BigInt,
        status -> Text,
        checksum -> Nullable<Binary>,
        created_at -> Instant,
        finished_at -> Nullable<Instant>,
        expires_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    upload_places (upload_id, conversation_id, message_id) {
        upload_id -> Uid,
        conversation_id -> Uid,
        message_id -> Uid,
    }
}

// PostgreSQL's has words instead of an id, which only SQL that is written out names.
diesel::table! {
    use diesel::sql_types::*;
    use crate::types::sql::*;

    search_entries (conversation_id, seq) {
        id -> BigInt,
        conversation_id -> Uid,
        seq -> BigInt,
    }
}

diesel::joinable!(participants -> conversations (conversation_id));
diesel::joinable!(messages -> conversations (conversation_id));
diesel::joinable!(credentials -> users (user_id));
diesel::joinable!(refresh_tokens -> users (user_id));
diesel::joinable!(identities -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(conversations, participants, messages, users);
diesel::allow_tables_to_appear_in_same_query!(turns, messages);
diesel::allow_tables_to_appear_in_same_query!(assistants, conversations, documents);
diesel::allow_tables_to_appear_in_same_query!(users, credentials);
diesel::allow_tables_to_appear_in_same_query!(users, refresh_tokens);
diesel::allow_tables_to_appear_in_same_query!(users, identities);
