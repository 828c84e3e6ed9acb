//! The command line: which command, and which settings it overrides.

use crate::settings::{self, FromText, Key};
use clap::{Args, Parser, Subcommand};
use parlor_domain::ports::Role;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// A real-time chat server between people and AI.
#[derive(Debug, Parser)]
#[command(name = "parlor", version, after_help = "Without a command, it serves.")]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    listen: Listen,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct Common {
    /// The TOML file with settings [default: parlor.toml in the data folder, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder [default: ./parlor-data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
}

#[derive(Debug, Clone, Args)]
struct Listen {
    /// The port to listen on [default: 8000]
    #[arg(long, value_name = "N")]
    port: Option<String>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; a second one ends at once
    #[command(after_long_help = settings::help())]
    Serve(Listen),
    /// Print an access token, and nothing else, on standard output; also beside a running server
    Token(Token),
    /// Bring the database's tables up to date, which `serve` does by itself too
    Migrate(Migrate),
    /// Bring accounts with the hashes of their passwords; also beside a running server
    #[command(after_help = IMPORT_HELP)]
    ImportUsers(ImportUsers),
    /// Encrypt everything with the first key of `ENCRYPTION_KEY`; also beside a running server that has the same keys
    RotateKeys,
    /// Make replies for a Parlor server elsewhere, with the configured providers or else the demo
    #[command(after_help = WORKER_HELP)]
    Worker(Worker),
    /// Print the settings in force as TOML, each with where it comes from, secrets masked
    Config,
    /// Read the text of a file on standard input; the server lets such a process read what strangers made
    #[command(hide = true)]
    ExtractText(ExtractText),
}

/// What is to be read.
#[derive(Debug, Args)]
pub(crate) struct ExtractText {
    /// What the file is, such as application/pdf
    pub(crate) content_type: String,
    /// How many bytes of text there may be
    pub(crate) most: usize,
}

/// For whom a token is.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// The user's address; the user is made if there is none
    #[arg(value_parser = email)]
    pub(crate) email: String,
    /// What the user may do from now on: user or admin [default: as before; a new one is a user]
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<Role>,
    /// How long the token is good: seconds, or as in 30m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = ttl)]
    pub(crate) ttl: Duration,
}

/// What to do with the database.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Also say that the log does not continue the one before: after the database was put back from a copy
    #[arg(long)]
    pub(crate) new_epoch: bool,
}

/// Whom to import.
#[derive(Debug, Args)]
pub(crate) struct ImportUsers {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

const IMPORT_HELP: &str = "\
FILE has one JSON object a line: {\"email\": …, \"password_hash\": …, \"username\": …}. The hash is argon2id as a PHC string,
or bcrypt; the name may be left out. All of it is checked before anything is written. Whoever has a password already is
left as they are, and counted; so it can be run again.";

/// Whose worker to be, and what for.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// Where the server's workers connect, such as `ws://127.0.0.1:8000/ws` or `wss://chat.example.org/ws`
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// One of the server's service keys; anybody on this machine can read it here, so prefer `AI_SERVICE_KEY`
    #[arg(long, value_name = "KEY")]
    service_key: Option<String>,
    /// What the server calls the worker in its logs and books
    #[arg(long, value_name = "ID", default_value = "parlor-worker")]
    pub(crate) name: String,
    /// A model to serve, or with * at its end the beginning of names; may be repeated [default: those of the providers]
    #[arg(long = "model", value_name = "NAME")]
    pub(crate) models: Vec<String>,
    /// How many replies to make at once [default: `AI_WORKER_TURNS`, 16]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<NonZeroU32>,
}

const WORKER_HELP: &str = "\
It needs no database and no data folder. Providers, AI_SERVICE_KEY and DRAIN_TIMEOUT are settings as of `parlor serve`;
`parlor serve --help` lists them. SIGTERM or SIGINT lets it finish its replies; a second one ends it at once.";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    Serve,
    Token(Token),
    Migrate(Migrate),
    ImportUsers(ImportUsers),
    RotateKeys,
    Worker(Worker),
    Config,
    ExtractText(ExtractText),
}

/// A parsed command line.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) task: Task,
    /// The file that was named.
    pub(crate) file: Option<PathBuf>,
    /// The settings that were given as flags.
    pub(crate) flags: Vec<(Key, &'static str, String)>,
}

impl From<Cli> for Order {
    fn from(cli: Cli) -> Self {
        let Cli { common, listen, command } = cli;
        let (task, own) = match command {
            None => (Task::Serve, Vec::new()),
            Some(Command::Serve(own)) => (Task::Serve, own.flags()),
            Some(Command::Token(token)) => (Task::Token(token), Vec::new()),
            Some(Command::Migrate(migrate)) => (Task::Migrate(migrate), Vec::new()),
            Some(Command::ImportUsers(import)) => (Task::ImportUsers(import), Vec::new()),
            Some(Command::RotateKeys) => (Task::RotateKeys, Vec::new()),
            Some(Command::Worker(mut worker)) => {
                let key = worker.service_key.take().map(|key| (Key::AiServiceKey, "--service-key", key));
                (Task::Worker(worker), key.into_iter().collect())
            }
            Some(Command::Config) => (Task::Config, Vec::new()),
            Some(Command::ExtractText(wanted)) => (Task::ExtractText(wanted), Vec::new()),
        };
        let mut flags = listen.flags();
        flags.extend(common.data_dir.map(|folder| (Key::DataDir, "--data-dir", folder)));
        flags.extend(own);
        Self { task, file: common.config, flags }
    }
}

impl Listen {
    fn flags(self) -> Vec<(Key, &'static str, String)> {
        let port = self.port.map(|port| (Key::Port, "--port", port));
        let host = self.host.map(|host| (Key::Host, "--host", host));
        port.into_iter().chain(host).collect()
    }
}

/// An address of a person, as far as can be told without writing to it (RFC 5321 §4.5.3.1.3 for its length).
fn email(text: &str) -> Result<String, &'static str> {
    let whole = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    let plain = text.chars().all(|it| !it.is_whitespace() && !it.is_control());
    if whole && plain && text.len() <= 254 { Ok(text.to_lowercase()) } else { Err("not an e-mail address") }
}

fn ttl(text: &str) -> Result<Duration, &'static str> {
    let ttl = Duration::from_text(text).filter(|ttl| *ttl >= Duration::from_secs(1));
    ttl.ok_or("not a time of a second or more, such as 30m, 24h, 7d")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn addresses_are_checked_and_in_lower_case() {
        assert_eq!(email("Ada@Example.org").as_deref(), Ok("ada@example.org"));
        for wrong in
            ["", "ada", "@x", "ada@", "a@b@c", "a da@x", "ada@x\n", &format!("{}@x", "a".repeat(254))]
        {
            assert!(email(wrong).is_err(), "{wrong}");
        }
    }
}
