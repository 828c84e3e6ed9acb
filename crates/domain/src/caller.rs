//! Who speaks: what a transport holds of somebody whose credential was good.

use crate::ports::Identity;
use std::net::IpAddr;
use std::sync::Arc;

/// Somebody who was recognised by their credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who, and what they may do.
    pub identity: Identity,
    /// What others see of them.
    pub username: Arc<str>,
    /// From where they speak, where a transport has said so: for the audit log.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// The same, who speaks from here.
    #[must_use]
    pub fn at(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }
}
