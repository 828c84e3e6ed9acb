//! Why the program ends without success.

use crate::settings::Problem;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// A reason in one line, and whose business it is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The operator's: the configuration makes no sense. Nothing has been changed on disk.
    Configuration(String),
    /// The world's: something did not work.
    Runtime(String),
}

impl Failure {
    /// What was being done, and why it failed, with all causes.
    pub(crate) fn while_doing(doing: &str, error: &dyn Error) -> Self {
        Self::Runtime(format!("{doing}: {}", chain(error)))
    }

    /// 2 for the configuration, as for a wrong flag; 1 for everything else.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) => ExitCode::from(2),
            Self::Runtime(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Configuration(text) | Self::Runtime(text)) = self;
        f.write_str(text)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Configuration(problem.to_string())
    }
}

/// An error with its causes, those left out that the one before has told already.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
