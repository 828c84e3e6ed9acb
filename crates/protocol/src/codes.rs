//! The two tables that every dialect and HTTP share: why something was refused, and why a socket was closed.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! error_codes {
    // The text is a token and not a literal: of a wrapped one, the derived schema does not see the name.
    ($($variant:ident $text:tt $status:literal $retry:ident $meaning:literal;)*) => {
        /// Why something was refused. Every failure that leaves the server is one of these.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub enum ErrorCode {
            $(#[doc = $meaning] #[serde(rename = $text)] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it is written on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it means, for a person.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// The HTTP status that carries it (RFC 9110 §15).
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Whether the same request may succeed later, unchanged.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => error_codes!(@$retry),)* }
            }
        }
    };
    (@retry) => { true };
    (@final) => { false };
}

error_codes! {
    Unauthenticated "UNAUTHENTICATED" 401 final "No credential was given.";
    InvalidToken "INVALID_TOKEN" 401 final "The token is not one of ours, or its user does not exist.";
    TokenExpired "TOKEN_EXPIRED" 401 final "The token's time is over: get a new one.";
    InvalidServiceKey "INVALID_SERVICE_KEY" 401 final "The worker's service key is not accepted.";
    Forbidden "FORBIDDEN" 403 final "This identity may not do that.";
    InvalidJson "INVALID_JSON" 400 final "The frame or body is not a JSON object.";
    UnknownType "UNKNOWN_TYPE" 400 final "The frame's type is not one of this dialect's.";
    InvalidMessageContent "INVALID_MESSAGE_CONTENT" 400 final "The text is empty or holds a character that is not allowed.";
    MessageTooLong "MESSAGE_TOO_LONG" 413 final "The text is longer than a message may be.";
    ConversationNotFound "CONVERSATION_NOT_FOUND" 404 final "There is no such conversation for this user.";
    ThreadAccessDenied "THREAD_ACCESS_DENIED" 403 final "There is no such thread for this user.";
    RoomNotFound "ROOM_NOT_FOUND" 404 final "There is no such room.";
    RoomAccessDenied "ROOM_ACCESS_DENIED" 403 final "The room is not open to this user.";
    RoomFull "ROOM_FULL" 403 final "The room has as many members as it may have.";
    MessageNotFound "MESSAGE_NOT_FOUND" 404 final "There is no such message in this conversation.";
    RateLimit "RATE_LIMIT" 429 retry "Too many frames or requests: wait `retry_after` seconds.";
    ChatRateLimitExceeded "CHAT_RATE_LIMIT_EXCEEDED" 429 retry "Too many chat messages: wait `retry_after` seconds.";
    TokenBudgetExceeded "TOKEN_BUDGET_EXCEEDED" 403 final "The user's token budget does not cover this turn.";
    AiCanisterUnavailable "AI_CANISTER_UNAVAILABLE" 503 retry "No AI worker took the turn in time.";
    AiUnavailable "AI_UNAVAILABLE" 503 retry "No AI backend could answer.";
    ModelNotFound "MODEL_NOT_FOUND" 404 final "No backend serves this model.";
    ContextTooLong "CONTEXT_TOO_LONG" 400 final "The message does not fit the model's context.";
    ContentFlagged "CONTENT_FLAGGED" 403 final "Moderation refused the text.";
    UploadNotFound "UPLOAD_NOT_FOUND" 404 final "There is no such upload for this user.";
    UploadInvalid "UPLOAD_INVALID" 400 final "The upload is not in a state that allows this.";
    FileTooLarge "FILE_TOO_LARGE" 413 final "The file is larger than a file may be.";
    FileTypeNotAllowed "FILE_TYPE_NOT_ALLOWED" 415 final "Files of this type are not accepted.";
    ChunkTooLarge "CHUNK_TOO_LARGE" 413 final "The chunk is larger than a chunk may be.";
    ChecksumMismatch "CHECKSUM_MISMATCH" 422 final "The content does not have the checksum that was named.";
    VirusFound "VIRUS_FOUND" 422 final "The scanner found a virus; the file is gone.";
    ScannerUnavailable "SCANNER_UNAVAILABLE" 503 retry "The virus scanner does not answer; the file waits.";
    TooManyConnections "TOO_MANY_CONNECTIONS" 429 retry "The server or the user has as many connections as it may have.";
    JobNotFound "JOB_NOT_FOUND" 404 final "There is no such job for this user.";
    InvalidRequest "INVALID_REQUEST" 400 final "An id, a field or a body has the wrong form.";
    InvalidCredentials "INVALID_CREDENTIALS" 401 final "The address or the password is wrong.";
    InvalidCode "INVALID_CODE" 401 final "The code is wrong, used or too old.";
    NotFound "NOT_FOUND" 404 final "There is nothing here.";
    Conflict "CONFLICT" 409 final "The request contradicts what exists.";
    Internal "INTERNAL" 500 retry "The server failed; `incident` names the entry in its log.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! close_codes {
    ($($variant:ident $code:literal $reconnect:ident $reason:literal $meaning:literal;)*) => {
        /// Why the server closed a socket (RFC 6455 §7.4; 4000 to 4999 are an application's own).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl CloseCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number in the close frame.
            pub const fn as_u16(self) -> u16 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The reason in the close frame.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)* }
            }

            /// What it means, for a person.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// Whether a client may connect again with what it has (after a back-off with jitter).
            pub const fn may_reconnect(self) -> bool {
                match self { $(Self::$variant => close_codes!(@$reconnect),)* }
            }
        }
    };
    (@again) => { true };
    (@final) => { false };
}

close_codes! {
    Normal 1000 final "bye" "The client asked for it.";
    GoingAway 1001 again "server going away" "The server drains: connect again, elsewhere or in a moment.";
    ProtocolError 1002 final "protocol error" "The bytes were not RFC 6455.";
    Unsupported 1003 final "text frames only" "A binary frame where text is due.";
    InvalidPayload 1007 final "invalid UTF-8" "A text frame that is not UTF-8.";
    TooLarge 1009 final "frame too large" "A frame or message larger than allowed.";
    Internal 1011 again "internal error" "The server failed.";
    TooManyConnections 1013 again "too many connections" "The server or the user has as many connections as it may have.";
    Unauthenticated 4001 final "Authentication required" "No credential, a bad one, or one that has expired: get a new token first.";
    Forbidden 4003 final "forbidden" "This identity may not use this endpoint.";
    TooSlow 4008 again "reader too slow" "The client did not read what was sent, or gave no sign of life for two heartbeats: connect again and resume.";
    Flooding 4029 again "flooding" "Too many refused frames: slow down before connecting again.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_their_names() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
            assert!((400..600).contains(&code.http_status()));
        }
    }
}
