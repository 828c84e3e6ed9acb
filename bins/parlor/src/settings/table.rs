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
const LIMIT: &str = "a whole number (0: no limit)";

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
    DrainTimeout "drain_timeout" Is("30") Open TIME_LIMIT,
        "How long replies under way may go on after SIGTERM.";

    DatabaseUrl "database_url" Unset("the file parlor.db in the data folder") Url
        "sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME",
        "Where the log is kept.";
    JwtSecret "jwt_secret" Unset("made once and kept in the data folder, in jwt-secret") Secret
        "a secret of at least 32 bytes",
        "What access tokens are signed with. All nodes of one service share it.";

    OpenaiApiKey "openai_api_key" Unset("no key is sent") Secret "a key of visible ASCII characters",
        "Turns on the OpenAI-compatible backend. Without it and openai_base_url, a built-in demo answers.";
    OpenaiBaseUrl "openai_base_url" Unset("https://api.openai.com/v1") Url
        "an http or https URL such as http://127.0.0.1:11434/v1",
        "Turns on the OpenAI-compatible backend at this address: Ollama, vLLM, llama.cpp and the like.";
    OpenaiOrgId "openai_org_id" Unset("none is sent") Open "an id of visible ASCII characters",
        "The organisation that OpenAI bills.";
    OpenaiModel "openai_model" Is("gpt-4o-mini") Open "a model's name",
        "The model of turns that name none.";
    OpenaiMaxTokens "openai_max_tokens" Is("4096") Open LIMIT,
        "How long a reply may be, in tokens; a turn may ask for less.";
    OpenaiTemperature "openai_temperature" Unset("left to the provider") Open "a number from 0 to 2",
        "How freely the model chooses its words, where a turn does not say.";
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
