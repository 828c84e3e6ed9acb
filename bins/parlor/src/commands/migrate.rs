//! `parlor migrate`: brings the tables up to date.

use super::answer;
use crate::cli::Migrate;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring;
use parlor_store::Database;
use std::fmt::Write as _;

/// Prints the steps that were taken, one a line.
pub(crate) async fn run(settings: &Settings, wanted: &Migrate) -> Result<(), Failure> {
    wiring::prepare_data_dir(settings)?;
    let steps = Database::migrate(&settings.store.url.0).await.map_err(|error| wiring::not_opened(&error))?;
    let mut text = steps.iter().fold(String::new(), |text, step| text + "applied " + step + "\n");
    if steps.is_empty() {
        text.push_str("up to date\n");
    }
    if wanted.new_epoch {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "new epoch {}", new_epoch(settings).await?);
    }
    answer(&text)
}

async fn new_epoch(settings: &Settings) -> Result<String, Failure> {
    let store = wiring::store(settings, true).await?;
    let epoch = store.new_epoch().await;
    store.close().await;
    epoch.map_err(|error| Failure::while_doing("the epoch could not be changed", &error))
}
