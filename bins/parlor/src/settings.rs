//! The configuration: a table of settings, the layers that fill it, and one small struct a concern that is read
//! from them. Only this reads the environment.

mod accounts;
mod ai;
mod budgets;
mod embeddings;
mod files;
mod issuer;
mod jobs;
mod knowledge;
mod limits;
mod log;
mod mail;
mod moderation;
mod prices;
mod provider_tables;
mod providers;
mod read;
mod server;
mod show;
mod store;
mod table;
mod values;

pub(crate) use accounts::Accounts;
pub(crate) use ai::Ai;
pub(crate) use files::Files;
pub(crate) use jobs::Jobs;
pub(crate) use knowledge::Knowledge;
pub(crate) use limits::Limits;
pub(crate) use log::{Format, Log};
pub(crate) use mail::Mail;
pub(crate) use moderation::Moderation;
pub(crate) use prices::ModelPrices;
pub(crate) use providers::Provider;
pub(crate) use read::FromText;
pub(crate) use server::Server;
pub(crate) use show::{help, toml};
pub(crate) use store::Store;
pub(crate) use table::Key;
pub(crate) use values::{Problem, Sources, Values};

use parlor_accounts::IssuerConfig;

/// What the operator has chosen, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) limits: Limits,
    pub(crate) store: Store,
    pub(crate) ai: Ai,
    pub(crate) moderation: Moderation,
    pub(crate) jobs: Jobs,
    pub(crate) knowledge: Knowledge,
    pub(crate) accounts: Accounts,
    /// Whose tokens are taken beside our own.
    pub(crate) issuer: Option<IssuerConfig>,
    pub(crate) mail: Mail,
    pub(crate) files: Files,
    pub(crate) log: Log,
}

impl Settings {
    /// Reads every setting, so that none that is wrong goes unnoticed. Error: the first that is.
    pub(crate) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            server: Server::read(values)?,
            limits: Limits::read(values)?,
            store: Store::read(values)?,
            ai: Ai::read(values)?,
            moderation: Moderation::read(values)?,
            jobs: Jobs::read(values)?,
            knowledge: Knowledge::read(values)?,
            accounts: Accounts::read(values)?,
            issuer: issuer::read(values)?,
            mail: Mail::read(values)?,
            files: Files::read(values)?,
            log: Log::read(values)?,
        })
    }
}

#[cfg(test)]
mod tests;
