//! Parlor's server and its commands: configuration, wiring, and the process around them. All rules are in the crates.

mod cli;
mod commands;
mod failure;
mod log;
mod serve;
mod settings;
mod signals;
mod sweep;
mod wiring;

use clap::Parser;
use cli::{Cli, Order, Task};
use failure::Failure;
use settings::{Settings, Sources, Values};
use std::process::ExitCode;

/// Many small, short-lived allocations on several threads: what it is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let order = Order::from(Cli::parse());
    if let Task::ExtractText(wanted) = &order.task {
        // No setting is read: whatever made the file must not learn any.
        return parlor_documents::extract_here(&wanted.content_type, wanted.most);
    }
    match run(order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("parlor: {failure}");
            failure.exit_code()
        }
    }
}

fn run(order: Order) -> Result<(), Failure> {
    let environment = |name: &str| std::env::var_os(name);
    let sources = Sources { file: order.file, environment: &environment, flags: order.flags };
    let values = Values::collect(&sources)?;
    // All of them, whatever the command: a mistake is best found by the first one that is run.
    let settings = Settings::read(&values)?;
    log::start(&settings.log);
    match order.task {
        Task::Serve => block_on(serve::run(&settings)),
        Task::Token(wanted) => block_on(commands::token::run(&settings, wanted)),
        Task::Migrate(wanted) => block_on(commands::migrate::run(&settings, &wanted)),
        Task::ImportUsers(wanted) => block_on(commands::import_users::run(&settings, &wanted)),
        Task::RotateKeys => block_on(commands::rotate_keys::run(&settings)),
        Task::Worker(wanted) => block_on(commands::worker::run(&settings, wanted)),
        Task::Config => commands::config::run(&values),
        Task::ExtractText(_) => Ok(()),
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::while_doing("cannot start threads", &error))?.block_on(work)
}
