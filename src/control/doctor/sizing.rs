//! "For N million tunnels you need": a table out of the numbers that the doctor judges by.

use std::fmt::Write;

use super::demand::Demand;
use super::finding::{bytes, grouped};
use super::{descriptors, memory, network};
use crate::limits::{TUNNEL_KERNEL_BYTES, TUNNEL_TRACKED, TUNNEL_USER_BYTES};

const TUNNELS: [u64; 6] = [100_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000];

/// Shards of the machine in the table: a server of an ordinary size.
const SHARD_COUNT: usize = 16;

/// Rows for `tuning/README.md`.
#[must_use]
pub fn sizing_markdown() -> String {
    let demand = Demand::without_file(SHARD_COUNT);
    let mut out = String::from(
        "| tunnels | memory, quiet | of it the proxy's | of it the kernel's | `LimitNOFILE` | `fs.nr_open` | \
         `worker_connections` (16 shards) | peer addresses, or pairs with `proxy_bind` | tracked, unless `notrack` |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for tunnels in TUNNELS {
        let files = descriptors::needed(&demand, tunnels);
        let row = [
            grouped(tunnels),
            bytes(memory::needed(&demand, tunnels)),
            bytes(tunnels * TUNNEL_USER_BYTES),
            bytes(tunnels * TUNNEL_KERNEL_BYTES),
            grouped(files),
            grouped(descriptors::most_needed(files)),
            grouped(descriptors::share(tunnels, demand.shard_count)),
            grouped(network::pairs_needed(tunnels)),
            grouped(tunnels * TUNNEL_TRACKED),
        ];
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    out
}
