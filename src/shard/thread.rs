//! A shard's thread.

use std::io;
use std::sync::Arc;

use super::local::run;
use super::mailbox::Mailbox;
use super::messages::{Command, Plan, Report};
use super::service::Service;
use crate::limits::SHARD_STACK_BYTES;

/// The mailboxes of a running shard.
pub struct Shard<P> {
    pub number: usize,
    pub commands: Arc<Mailbox<Command<P>>>,
}

/// Starts a shard's thread. It reports `Started` or `Failed`.
///
/// # Errors
/// When no descriptor or no thread is to be had.
pub fn start<S: Service>(plan: Plan, reports: Arc<Mailbox<Report>>) -> io::Result<Shard<S::Parts>> {
    let commands = Mailbox::new()?;
    let shard = Shard { number: plan.number, commands: Arc::clone(&commands) };
    std::thread::Builder::new()
        .name(format!("shard {}", plan.number))
        .stack_size(SHARD_STACK_BYTES)
        .spawn(move || run::<S>(plan, commands, reports))?;
    Ok(shard)
}
