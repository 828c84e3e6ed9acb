//! Every setting there is, in one table. The help, the printed configuration and the words of every complaint are
//! made from it; the TOML key is the name, the environment variable is the name in upper case.

/// What stands in for a value that nobody gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// This value.
    Is(&'static str),
    /// No value, or one that depends on other settings; in words.
    Unset(&'static str),
}

/// What of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// All of it.
    Open,
    /// A URL; the password in it is not shown.
    Url,
    /// Nothing.
    Secret,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The TOML key.
    pub(crate) name: &'static str,
    pub(crate) default: Fallback,
    /// What a value looks like, with its unit: a complaint says that the value is not this.
    pub(crate) form: &'static str,
    pub(crate) secrecy: Secrecy,
    /// What it is for.
    pub(crate) meaning: &'static str,
}

impl Entry {
    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        self.name.to_ascii_uppercase()
    }
}

macro_rules! settings {
    ($($key:ident $name:literal $default:ident($value:literal) $secrecy:ident $form:expr, $meaning:literal;)*) => {
        /// A setting's place in the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(clippy::enum_variant_names, reason = "an API key's setting is called so")]
        pub(crate) enum Key { $($key),* }

        /// The settings, in the order in which they are shown.
        pub(crate) const TABLE: &[Entry] = &[$(Entry {
            name: $name,
            default: Fallback::$default($value),
            form: $form,
            secrecy: Secrecy::$secrecy,
            meaning: $meaning,
        }),*];
    };
}

const TIME: &str = "a time above 0 (seconds, or as in 500ms, 30s, 5m, 24h)";
const TIME_LIMIT: &str = "a time (seconds, or as in 500ms, 30s, 5m, 24h; 0: no limit)";
const WAIT: &str = "a time (seconds, or as in 500ms, 30s, 5m, 24h; 0: no wait)";
const LIMIT: &str = "a whole number (0: no limit)";
pub(super) const ABOVE_ZERO: &str = "a whole number above 0";
pub(super) const KEY: &str = "a key of visible ASCII characters";

settings! {
    DataDir "parlor_data_dir" Is("./parlor-data") Open "a folder",
        "Where the database, the signing secret and parlor.toml are. Made if need be.";
    Host "host" Is("127.0.0.1") Open "an address or a host name",
        "What to listen on; 0.0.0.0 or :: is every interface.";
    Port "port" Is("8000") Open "a port from 0 to 65535",
        "The TCP port to listen on; 0 takes any free one.";
    CorsOrigin "cors_origin" Unset("any origin may open sockets, since tokens authenticate and not cookies; HTTP has no CORS headers") Open
        "a list of origins such as https://chat.example.org, separated by commas, or *",
        "The web pages that may open a WebSocket and call the HTTP routes.";
    WebPage "web_page" Is("true") Open "true or false",
        "Whether the chat page is served at /, and the operators' page at /admin.";
    DrainTimeout "drain_timeout" Is("30") Open TIME_LIMIT,
        "How long replies under way may go on after SIGTERM.";

    DatabaseUrl "database_url" Unset("the file parlor.db in the data folder") Url
        "sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME",
        "Where the log is kept.";
    JwtSecret "jwt_secret" Unset("made once and kept in the data folder, in jwt-secret") Secret
        "a secret of at least 32 bytes",
        "What access tokens are signed with. All nodes of one service share it.";

    EncryptionKey "encryption_key" Unset("what people write is kept as it is, and can be searched") Secret
        "a list of keys of 32 bytes in base64, separated by commas, each of which may have an id before it as in 2026:KEY",
        "What the texts of messages, titles, profiles and names of files are encrypted with at rest. The first key encrypts, the others \
         still read; `parlor rotate-keys` encrypts everything with the first. Search in texts is off.";
    DeletedSessionRetention "deleted_session_retention" Is("30d") Open
        "a time (seconds, or as in 30s, 24h, 30d; 0: for ever)",
        "How long a deleted session can be restored, before it is removed for good.";

    AccessTokenTtl "access_token_ttl" Is("1h") Open "a time from 1s to 24h (seconds, or as in 30s, 5m, 24h)",
        "How long an access token is good that somebody signs in for.";
    RefreshTokenTtl "refresh_token_ttl" Is("30d") Open "a time of 1s or more (seconds, or as in 30s, 24h, 30d)",
        "How long the refresh token is good that comes with it: who does not come back meanwhile signs in again.";
    AuthRateLimitRequests "auth_rate_limit_requests" Is("60") Open LIMIT,
        "Requests to sign up, sign in and refresh from one IP address (of IPv6: one /64) in a minute.";
    AuthMinimumTime "auth_minimum_time" Is("300ms") Open WAIT,
        "How long these take at least, so that their time does not tell whether an address is known.";
    GuestAccess "guest_access" Unset("true where host is a loopback address, else false") Open "true or false",
        "Whether people may try the server without an account. Behind a proxy on the same machine, say false.";
    TrustedProxies "trusted_proxies" Unset("none, X-Forwarded-For counts for nothing") Open
        "a list of addresses and networks such as 10.0.0.0/8, ::1, separated by commas",
        "The proxies that are believed when they say from which IP address a request comes.";
    SmtpUrl "smtp_url" Unset("mail is written to the folder outbox in the data folder") Url
        "smtp://HOST, smtp://HOST?tls=required or smtps://HOST, with USER:PASSWORD@ before the host where need be",
        "The server that mail is sent by.";
    MailFrom "mail_from" Is("Parlor <parlor@localhost>") Open
        "an address, or a name and an address as in Parlor <parlor@example.org>",
        "Whom mail is from. A mail server in earnest wants one of its own addresses.";
    ClerkPublishableKey "clerk_publishable_key" Unset("tokens of Clerk are not taken") Open
        "a publishable key such as pk_live_…",
        "Takes the session tokens of this Clerk application too; a user is made on first sight.";
    JwksUrl "jwks_url" Unset("no other issuer's tokens are taken") Url
        "an http or https URL such as https://id.example.org/.well-known/jwks.json",
        "Takes the tokens of another issuer too, which signs them with these keys; a user is made on first sight.";
    JwtIssuer "jwt_issuer" Unset("with clerk_publishable_key, the one that it names") Open
        "an issuer such as https://id.example.org, as its tokens have it in `iss`",
        "Whose tokens these are. jwks_url needs it.";
    JwtAudience "jwt_audience" Unset("any audience will do") Open
        "a list of audiences without spaces, separated by commas",
        "Whom these tokens must be for: one of them stands in `aud`. Set it wherever the issuer has other clients.";

    AiServiceKey "ai_service_key" Unset("no worker is let in") Secret
        "a list of keys of at least 24 bytes each, separated by commas",
        "What AI workers authenticate with; two while one replaces the other. `parlor worker` uses the first.";

    AnthropicApiKey "anthropic_api_key" Unset("no key is sent") Secret KEY,
        "Turns on Anthropic for turns that ask for claude-* or for no model.";
    AnthropicBaseUrl "anthropic_base_url" Unset("https://api.anthropic.com") Url
        "an http or https URL such as http://127.0.0.1:4000",
        "Turns it on at this address: a gateway that speaks Anthropic's Messages API.";
    AnthropicModel "anthropic_model" Is("claude-haiku-4-5") Open "a model's name",
        "The model of turns that Anthropic gets and that name none.";
    GeminiApiKey "gemini_api_key" Unset("no key is sent") Secret KEY,
        "Turns on Gemini for turns that ask for gemini-* or for no model.";
    GeminiBaseUrl "gemini_base_url" Unset("https://generativelanguage.googleapis.com") Url
        "an http or https URL such as http://127.0.0.1:4000",
        "Turns it on at this address: a gateway that speaks Gemini's API.";
    GeminiModel "gemini_model" Is("gemini-2.5-flash") Open "a model's name",
        "The model of turns that Gemini gets and that name none.";
    OpenaiApiKey "openai_api_key" Unset("no key is sent") Secret KEY,
        "Turns on the OpenAI-compatible provider, which serves every model. Without any provider and ai_service_key, a \
         built-in demo answers.";
    OpenaiBaseUrl "openai_base_url" Unset("https://api.openai.com/v1") Url
        "an http or https URL such as http://127.0.0.1:11434/v1",
        "Turns it on at this address: Ollama, vLLM, llama.cpp and the like.";
    OpenaiOrgId "openai_org_id" Unset("none is sent") Open "an id of visible ASCII characters",
        "The organisation that OpenAI bills.";
    OpenaiModel "openai_model" Is("gpt-4o-mini") Open "a model's name",
        "The model of turns that this provider gets and that name none.";
    OpenaiMaxTokens "openai_max_tokens" Is("4096") Open LIMIT,
        "How long a reply may be, in tokens, whoever makes it; a turn may ask for less.";
    OpenaiTemperature "openai_temperature" Unset("left to the provider") Open "a number from 0 to 2",
        "How freely its models choose their words, where a turn does not say.";
    EmbeddingsModel "embeddings_model" Unset("the built-in parlor-hashed-ngrams-1024, which needs no server") Open "a model's name",
        "What makes vectors of texts, by which documents are found; another one embeds every document anew.";
    EmbeddingsModels "embeddings_models" Unset("embeddings_model alone") Open
        "a list of models such as text-embedding-3-*, nomic-embed-text",
        "Which models clients may ask vectors of, beside that one.";
    EmbeddingsBaseUrl "embeddings_base_url" Unset("that of the first provider with OpenAI's API") Url
        "an http or https URL such as http://127.0.0.1:11434/v1",
        "The server that has that model: one with OpenAI's /embeddings.";
    EmbeddingsApiKey "embeddings_api_key" Unset("with embeddings_base_url none, else the provider's") Secret KEY,
        "What it is asked with.";
    DocumentMaxSize "document_max_size" Is("10485760") Open "a number of bytes above 0",
        "How large a file may be that is added as a document.";
    DocumentsMax "documents_max" Is("1000") Open LIMIT,
        "How many documents a user, a room or an assistant may have.";
    KnowledgePassages "knowledge_passages" Is("8") Open "a whole number (0: none)",
        "How many passages of documents a reply is made with at most.";
    KnowledgeShare "knowledge_share" Is("25") Open "a whole number from 1 to 90",
        "How much of a context they may take, in a hundred.";
    KnowledgeRelevance "knowledge_relevance" Unset("0.25; of the built-in model 0.12") Open "a number from 0 to 1",
        "From which likeness on (the cosine between vectors) a passage has to do with a question. Models differ in it.";
    EmbeddingsRateLimitRequests "embeddings_rate_limit_requests" Is("20") Open LIMIT,
        "Embeddings of one user in a window; a document that is added counts as one.";
    EmbeddingsRateLimitWindow "embeddings_rate_limit_window" Is("60") Open TIME,
        "That window.";

    ModelPrices "model_prices" Unset("replies have no cost; the demo's is 0") Open
        "a list of prices such as gpt-4o=2.50/10, gpt-4o-mini*=0.15/0.60",
        "What a million tokens of the context and of the reply cost with a model, in US dollars, to 9 digits after the \
         point. With * at its end a name is the beginning of names; the longest that fits counts.";
    AiTurnTimeout "ai_turn_timeout" Is("60") Open TIME_LIMIT,
        "How long a backend may be silent in the middle of a reply.";
    AiFirstTokenTimeout "ai_first_token_timeout" Is("60") Open TIME_LIMIT,
        "How long a backend may take to begin; raise it for models that think for long.";
    AiTotalTimeout "ai_total_timeout" Is("600") Open TIME_LIMIT,
        "How long a reply may take in all.";
    AiContextTokens "ai_context_tokens" Is("32000") Open LIMIT,
        "How much of a conversation a backend is told, in tokens by estimate.";
    AiSystemPrompt "ai_system_prompt" Unset("none") Open "a text",
        "What every backend is told first.";
    AiQueueWait "ai_queue_wait" Is("30") Open WAIT,
        "How long a turn waits for a backend to have a place for it, or for a worker to come.";
    AiWorkerTurns "ai_worker_turns" Is("16") Open ABOVE_ZERO,
        "How many turns at once a worker gets that names no capacity.";
    AiRetryRounds "ai_retry_rounds" Is("3") Open ABOVE_ZERO,
        "How often all backends are asked for a turn before it fails, where they fail in passing.";
    AiBreakerWindow "ai_breaker_window" Is("30") Open TIME,
        "Over what time a backend's attempts are counted, to leave it alone where too many fail.";
    AiBreakerMinimum "ai_breaker_minimum" Is("5") Open ABOVE_ZERO,
        "How many attempts in the window tell something.";
    AiBreakerFailures "ai_breaker_failures" Is("50") Open "a whole number from 1 to 100",
        "How many of them, in a hundred, are too many failures.";
    AiBreakerCooldown "ai_breaker_cooldown" Is("15") Open TIME,
        "How long it is left alone, before one attempt shows whether it is well again.";

    UserTokenBudget "user_token_budget" Unset("none") Open LIMIT,
        "How many tokens one user may use, ever: context and reply together.";
    UserDailyTokenBudget "user_daily_token_budget" Unset("none") Open LIMIT,
        "How many tokens one user may use in a day (UTC).";
    ModelDailyTokenBudgets "model_daily_token_budgets" Unset("none") Open
        "a list of tokens above 0 such as gpt-4o=1000000, gpt-4o-mini*=5000000",
        "How many tokens a model may use in a day (UTC), for all users together. With * at its end a name is the \
         beginning of names, each of which has the whole budget; the longest that fits counts.";
    UserAssistants "user_assistants" Is("true") Open "true or false",
        "Whether users may make assistants of their own. The server's are made by admins in any case.";
    ModerationEnabled "moderation_enabled" Is("false") Open "false, true, local or openai",
        "Whether texts are judged before a backend is asked and before a reply is shown: by moderation_rules (local), by \
         the server with OpenAI's moderation API (openai), or by whichever of them is configured, the rules first (true).";
    ModerationRules "moderation_rules" Unset("none") Open "a file",
        "The words and patterns that may not pass, a line each: `category: words` or `category: /pattern/`.";
    ModerationBaseUrl "moderation_base_url" Unset("the same as openai_base_url") Url
        "an http or https URL such as https://api.openai.com/v1",
        "Where the moderation API is. It is asked with openai_api_key.";
    ModerationModel "moderation_model" Is("omni-moderation-latest") Open "a model's name",
        "The model that judges.";
    ModerationTimeout "moderation_timeout" Is("5") Open TIME,
        "How long one question to it may take; it is asked twice.";
    ModerationFailure "moderation_failure" Is("closed") Open "closed or open",
        "What becomes of texts that could not be judged: they do not pass, and the turn fails (closed), or they pass (open).";
    CompletionsRateLimitRequests "completions_rate_limit_requests" Is("60") Open LIMIT,
        "Completions of one user over HTTP in a window.";
    CompletionsRateLimitWindow "completions_rate_limit_window" Is("60") Open TIME,
        "That window.";
    AiChatRateLimitRequests "ai_chat_rate_limit_requests" Is("20") Open LIMIT,
        "Messages of one user in a window by the AI API, over HTTP and over Socket.IO together.";
    AiChatRateLimitWindow "ai_chat_rate_limit_window" Is("60") Open TIME,
        "That window.";

    JobWorkers "job_workers" Is("4") Open "a whole number (0: this server does none)",
        "How many jobs run here at once.";
    JobQueueLimit "job_queue_limit" Is("1000") Open LIMIT,
        "How many jobs of one user may wait.";
    JobAttempts "job_attempts" Is("5") Open ABOVE_ZERO,
        "How often a job is begun at most, before it has failed.";
    JobRetention "job_retention" Is("7d") Open
        "a time (seconds, or as in 30s, 24h, 30d; 0: for ever)",
        "How long a job that has ended is kept, with what came of it.";

    WebsocketMaxConnections "websocket_max_connections" Is("10000") Open LIMIT,
        "Authenticated sockets in all.";
    WebsocketMaxUnauthenticated "websocket_max_unauthenticated" Is("1000") Open LIMIT,
        "Sockets that have not authenticated yet.";
    WebsocketHeartbeatInterval "websocket_heartbeat_interval" Is("30") Open
        "a time (seconds, or as in 500ms, 30s, 5m, 24h; 0: no heartbeats)",
        "Between heartbeats; a client that is silent for two of them is closed.";
    WsMaxConnectionsPerUser "ws_max_connections_per_user" Is("20") Open LIMIT,
        "Authenticated sockets of one user.";
    WsRateLimitRequests "ws_rate_limit_requests" Is("100") Open LIMIT,
        "Frames of one connection in a window.";
    WsUserRateLimitRequests "ws_user_rate_limit_requests" Is("0") Open LIMIT,
        "Frames of one user in a window, over all of their connections.";
    WsRateLimitWindow "ws_rate_limit_window" Is("60") Open TIME,
        "The window of both rate limits.";
    WsChatRateLimitRequests "ws_chat_rate_limit_requests" Is("60") Open LIMIT,
        "Messages of one connection in a window of their own.";
    WsChatRateLimitWindow "ws_chat_rate_limit_window" Is("60") Open TIME,
        "That window.";
    WsFloodingRefusals "ws_flooding_refusals" Is("1000") Open LIMIT,
        "How many refused frames in a window of frames end a connection as flooding.";

    UploadDir "upload_dir" Unset("the folder uploads in the data folder") Open
        "a folder, or s3://BUCKET or s3://BUCKET/FOLDER",
        "Where finished files are. For a bucket, the AWS tools' variables say the rest: AWS_ACCESS_KEY_ID, \
         AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL and the like.";
    TempDir "temp_dir" Unset("the folder temp in that folder; with a bucket, uploads/temp in the data folder") Open "a folder",
        "Where uploads are until they are finished. It must survive a restart; on the disk of upload_dir, a file that is \
         whole is not copied.";
    MaxFileSize "max_file_size" Is("52428800") Open ABOVE_ZERO,
        "The largest file, in bytes.";
    MaxChunkSize "max_chunk_size" Is("1048576") Open "a whole number from 1 to 1048576",
        "The largest chunk that a file comes in over a socket, in bytes.";
    UploadUserQuota "upload_user_quota" Is("1073741824") Open LIMIT,
        "How many bytes the files of one user may have together.";
    UploadUserUnfinished "upload_user_unfinished" Is("10") Open LIMIT,
        "How many unfinished uploads one user may have.";
    UploadRateBytes "upload_rate_bytes" Is("1073741824") Open LIMIT,
        "How many bytes one user may upload in a minute.";
    UploadExpiry "upload_expiry" Is("24h") Open TIME,
        "How long an upload may take, with all its interruptions, before it is removed.";
    FileLinkTtl "file_link_ttl" Is("1h") Open TIME,
        "How long a link to a file is good that needs no token.";
    VirusScanEnabled "virus_scan_enabled" Is("false") Open "true or false",
        "Whether clamd looks through every file before anybody can read it. Where it does not answer, files wait.";
    ClamdAddress "clamd_address" Is("127.0.0.1:3310") Open "HOST:PORT or the path of a Unix socket",
        "Where clamd is.";

    LogLevel "log_level" Unset("info; with debug, debug") Open
        "error, warn, info, debug, trace or off, or a filter such as info,parlor_store=debug",
        "How much is logged, to standard error. debug and trace are of Parlor alone, the rest stays at info.";
    LogFormat "log_format" Is("text") Open "text or json",
        "How it is logged: lines for people, or an object a line.";
    Debug "debug" Is("false") Open "true or false",
        "The same as log_level = \"debug\", where that is not set.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_toml_keys_and_once_each() {
        for entry in TABLE {
            assert!(entry.name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'), "{}", entry.name);
            assert_eq!(TABLE.iter().filter(|other| other.name == entry.name).count(), 1, "{}", entry.name);
            assert!(entry.meaning.ends_with('.'), "{}", entry.name);
        }
    }
}
