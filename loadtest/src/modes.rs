//! What can be measured: *idle* (what a quiet tunnel costs) and *echo* (what a round trip costs and how long it takes).
//!
//! Each mode gives a report of plain numbers; a number that could not be had is absent, never made up.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::client::{self, Tunnel};
use crate::latency::Latencies;
use crate::observed::{Observed, socket_slab_bytes};

/// What *idle* found.
#[derive(Debug)]
pub struct Idle {
    pub asked: usize,
    pub held: usize,
    /// Tunnels that still carried a message after the hold.
    pub alive: usize,
    /// The proxy's memory, for each tunnel.
    pub user_bytes: Option<i64>,
    /// Kernel memory of sockets for each tunnel, the load's own two sockets included.
    pub kernel_bytes: Option<i64>,
    pub first_error: Option<io::Error>,
}

/// Opens tunnels, holds them quietly, and sends one message through each.
///
/// # Errors
/// When the process under test cannot be observed.
pub async fn idle(to: SocketAddr, count: usize, hold: Duration, proxy: Option<Observed>) -> io::Result<Idle> {
    // The first tunnel makes the proxy allocate what it keeps for all of them.
    let warm_up = Tunnel::open(to).await?;
    let memory = || proxy.map(Observed::memory_bytes).transpose();
    let (user_before, kernel_before) = (memory()?, socket_slab_bytes());
    let (mut tunnels, mut first_error) = client::open_all(to, count).await;
    monoio::time::sleep(hold).await;
    let (user_after, kernel_after) = (memory()?, socket_slab_bytes());
    let held = tunnels.len();
    let mut alive = 0;
    for tunnel in &mut tunnels {
        match tunnel.round_trip(b"still here?").await {
            Ok(()) => alive += 1,
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    drop(warm_up);
    let for_each = |before: Option<u64>, after: Option<u64>| {
        let grown = after?.cast_signed() - before?.cast_signed();
        (held > 0).then(|| grown / held.cast_signed() as i64)
    };
    Ok(Idle {
        asked: count,
        held,
        alive,
        user_bytes: for_each(user_before, user_after),
        kernel_bytes: for_each(kernel_before, kernel_after),
        first_error,
    })
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tunnels held            {} of {}", self.held, self.asked)?;
        writeln!(f, "alive after the hold    {}", self.alive)?;
        writeln!(f, "user memory per tunnel  {}", or_why(self.user_bytes, "B", "not measured: no --pid"))?;
        writeln!(f, "kernel memory, 4 ends   {}", or_why(self.kernel_bytes, "B", "not measured: needs root"))?;
        if let Some(error) = &self.first_error {
            writeln!(f, "first error             {error}")?;
        }
        Ok(())
    }
}

fn or_why(value: Option<i64>, unit: &str, why: &str) -> String {
    value.map_or_else(|| why.to_owned(), |value| format!("{value} {unit}"))
}

/// What *echo* found.
#[derive(Debug)]
pub struct Echo {
    pub held: usize,
    pub busy: usize,
    pub elapsed: Duration,
    pub latencies: Latencies,
    /// The proxy's CPU time for each round trip.
    pub cpu: Option<Duration>,
    pub first_error: Option<io::Error>,
}

/// What *echo* is to do.
#[derive(Debug, Clone, Copy)]
pub struct EchoPlan {
    pub tunnels: usize,
    pub busy: usize,
    pub message_bytes: usize,
    pub time: Duration,
}

/// Sends messages through the busy tunnels as fast as they come back, the others staying open.
///
/// # Errors
/// When the process under test cannot be observed.
pub async fn echo(to: SocketAddr, plan: EchoPlan, proxy: Option<Observed>) -> io::Result<Echo> {
    let (mut tunnels, error) = client::open_all(to, plan.tunnels).await;
    let held = tunnels.len();
    let busy = tunnels.split_off(held - plan.busy.min(held));
    let first_error = Rc::new(RefCell::new(error));
    let latencies = Rc::new(RefCell::new(Latencies::default()));
    let is_over = Rc::new(Cell::new(false));
    let cpu_before = proxy.map(Observed::cpu_time).transpose()?;
    let start = Instant::now();
    let runners: Vec<_> = busy
        .into_iter()
        .map(|tunnel| {
            let shared = (Rc::clone(&latencies), Rc::clone(&first_error), Rc::clone(&is_over));
            monoio::spawn(run(tunnel, vec![0x5a; plan.message_bytes], shared))
        })
        .collect();
    let count = runners.len();
    monoio::time::sleep(plan.time).await;
    is_over.set(true);
    for runner in runners {
        runner.await;
    }
    let elapsed = start.elapsed();
    let cpu_after = proxy.map(Observed::cpu_time).transpose()?;
    let latencies = latencies.take();
    let spent = cpu_after.zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    let trips = u32::try_from(latencies.total()).unwrap_or(u32::MAX);
    let cpu = spent.filter(|_| trips > 0).map(|spent| spent / trips);
    Ok(Echo { held, busy: count, elapsed, latencies, cpu, first_error: first_error.take() })
}

type Shared = (Rc<RefCell<Latencies>>, Rc<RefCell<Option<io::Error>>>, Rc<Cell<bool>>);

async fn run(mut tunnel: Tunnel, payload: Vec<u8>, (latencies, first_error, is_over): Shared) {
    while !is_over.get() {
        let start = Instant::now();
        match tunnel.round_trip(&payload).await {
            Ok(()) => latencies.borrow_mut().record(start.elapsed()),
            Err(error) => {
                first_error.borrow_mut().get_or_insert(error);
                return;
            }
        }
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trips = self.latencies.total();
        let micros = |share: f64| self.latencies.percentile(share).as_micros();
        writeln!(f, "tunnels                 {}, {} of them busy", self.held, self.busy)?;
        writeln!(f, "round trips             {trips} in {:.1} s", self.elapsed.as_secs_f64())?;
        writeln!(f, "per second              {:.0}", trips as f64 / self.elapsed.as_secs_f64())?;
        writeln!(f, "latency p50 p99 max     {} {} {} us", micros(0.5), micros(0.99), micros(1.0))?;
        match self.cpu {
            Some(cpu) => writeln!(f, "CPU per round trip      {:.2} us", cpu.as_nanos() as f64 / 1000.0)?,
            None => writeln!(f, "CPU per round trip      not measured: no --pid")?,
        }
        if let Some(error) = &self.first_error {
            writeln!(f, "first error             {error}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer;

    /// Runs the future with the peer at hand, without a proxy between.
    fn with_peer<F: Future>(run: impl FnOnce(SocketAddr) -> F) -> F::Output {
        let mut runtime =
            monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().expect("io_uring");
        runtime.block_on(async {
            let listener = peer::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
            let address = listener.local_addr().expect("bound");
            monoio::spawn(peer::serve(listener));
            run(address).await
        })
    }

    #[test]
    fn idle_holds_what_it_opened() {
        let own = Some(Observed { pid: std::process::id() });
        let report = with_peer(|to| idle(to, 50, Duration::ZERO, own)).unwrap();
        assert_eq!((report.held, report.alive), (50, 50), "{report}");
        assert!(report.user_bytes.is_some() && report.first_error.is_none(), "{report}");
    }

    #[test]
    fn echo_counts_every_round_trip() {
        let plan = EchoPlan { tunnels: 10, busy: 4, message_bytes: 64, time: Duration::from_millis(50) };
        let report = with_peer(|to| echo(to, plan, None)).unwrap();
        assert_eq!((report.held, report.busy), (10, 4));
        assert!(report.latencies.total() > 0 && report.first_error.is_none(), "{report}");
    }

    #[test]
    fn a_target_that_is_no_websocket_is_named() {
        let refused = with_peer(|_| idle(SocketAddr::from(([127, 0, 0, 1], 1)), 5, Duration::ZERO, None));
        assert!(refused.is_err());
    }
}
