//! longhaul-loadtest: holds and uses very many WebSocket tunnels through a proxy, and says what each costs it.
//!
//! One process, one thread. Knows no proxy in particular: it is given an address, and the number of a process to observe.

mod client;
mod frames;
mod latency;
mod modes;
mod observed;
mod peer;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use modes::EchoPlan;
use observed::Observed;

/// Holds and uses very many WebSocket tunnels through a proxy, and says what each costs it.
#[derive(Debug, Parser)]
struct Flags {
    #[command(subcommand)]
    mode: Mode,
    /// Allow a target that is not this machine
    #[arg(long, global = true)]
    i_own_the_target: bool,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// Be the upstream: echo every message
    Peer {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Open tunnels, hold them quietly, and report memory for each
    Idle {
        #[arg(long)]
        to: SocketAddr,
        #[arg(long, default_value_t = 1000)]
        tunnels: usize,
        /// Seconds to hold them before memory is read
        #[arg(long, default_value_t = 2)]
        hold: u64,
        /// The proxy's process
        #[arg(long)]
        pid: Option<u32>,
    },
    /// Open tunnels, send messages through some, and report latency and CPU for each round trip
    Echo {
        #[arg(long)]
        to: SocketAddr,
        #[arg(long, default_value_t = 1000)]
        tunnels: usize,
        /// How many of them carry messages
        #[arg(long, default_value_t = 1000)]
        busy: usize,
        /// Bytes of a message
        #[arg(long, default_value_t = 64)]
        size: usize,
        /// Seconds to measure
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// The proxy's process
        #[arg(long)]
        pid: Option<u32>,
    },
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if cfg!(debug_assertions) {
        eprintln!("longhaul-loadtest: a debug build measures itself: use `cargo run --release -p longhaul-loadtest`");
        return ExitCode::FAILURE;
    }
    match run(flags) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("longhaul-loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the mode; whether everything that was asked for could be done.
fn run(flags: Flags) -> io::Result<bool> {
    if let Mode::Idle { to, .. } | Mode::Echo { to, .. } = &flags.mode
        && !to.ip().is_loopback()
        && !flags.i_own_the_target
    {
        return Err(io::Error::other(format!("{to} is not this machine; if it is yours, say --i-own-the-target")));
    }
    let builder = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new();
    let mut runtime = builder.with_entries(16_384).enable_timer().build()?;
    runtime.block_on(async {
        match flags.mode {
            Mode::Peer { listen } => {
                let listener = peer::bind(listen)?;
                println!("echoing at {}", listener.local_addr()?);
                peer::serve(listener).await.map(|()| true)
            }
            Mode::Idle { to, tunnels, hold, pid } => {
                let proxy = pid.map(|pid| Observed { pid });
                let report = modes::idle(to, tunnels, Duration::from_secs(hold), proxy).await?;
                print!("{report}");
                Ok(report.alive == tunnels)
            }
            Mode::Echo { to, tunnels, busy, size, seconds, pid } => {
                let proxy = pid.map(|pid| Observed { pid });
                let plan = EchoPlan { tunnels, busy, message_bytes: size, time: Duration::from_secs(seconds) };
                let report = modes::echo(to, plan, proxy).await?;
                print!("{report}");
                Ok(report.held == tunnels && report.first_error.is_none())
            }
        }
    })
}
