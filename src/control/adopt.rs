//! Handing a generation to the shards.

use super::listeners::Change;
use crate::model::Generation;
use crate::shard::{Adoption, Command, Parts, Shard};

/// Hands a generation and its new sockets to the shards.
pub(super) fn adopt(shards: &[Shard<Parts>], generation: &Generation, change: Change, parts: &Parts) {
    let addresses: Vec<_> = generation.serving.listeners.iter().map(|listener| listener.address.clone()).collect();
    for (shard, sockets) in shards.iter().zip(change.sockets) {
        shard.commands.send(Command::Adopt(Adoption {
            number: generation.number,
            addresses: addresses.clone(),
            sockets,
            connections_max: generation.process.worker_connections,
            shutdown_timeout: generation.process.shutdown_timeout,
            parts: parts.clone(),
        }));
    }
}
