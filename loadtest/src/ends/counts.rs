//! What one process of load has counted since it was last asked.

use std::cell::RefCell;
use std::rc::Rc;

use crate::orders::Line;
use crate::stats::latency::Latencies;

/// Shared by all tasks of the thread.
pub type Shared = Rc<RefCell<Counts>>;

#[derive(Debug, Default)]
pub struct Counts {
    /// Messages that came back, handshakes that were verified, responses that were read.
    pub trips: u64,
    /// Bytes of bulk that came back.
    pub bulk_bytes: u64,
    /// Tunnels or exchanges that broke off.
    pub failed: u64,
    /// Echoes that were not what was sent.
    pub corrupt: u64,
    pub latencies: Latencies,
    /// How late messages at a rate were sent: the load's own fault.
    pub lags: Latencies,
    pub first_error: Option<String>,
}

impl Counts {
    pub fn trip(&mut self, ns: u64) {
        self.trips += 1;
        self.latencies.record(ns);
    }

    pub fn fail(&mut self, reason: &str) {
        self.failed += 1;
        self.first_error.get_or_insert_with(|| reason.to_owned());
    }

    pub fn differ(&mut self, reason: &str) {
        self.corrupt += 1;
        self.first_error.get_or_insert_with(|| reason.to_owned());
    }

    /// Hands all over and begins anew.
    pub fn take(&mut self) -> Line {
        let line = Line::new("counts")
            .with("trips", self.trips)
            .with("bulk_bytes", self.bulk_bytes)
            .with("failed", self.failed)
            .with("corrupt", self.corrupt)
            .with("latencies", self.latencies.to_text())
            .with("lags", self.lags.to_text())
            .with("error", self.first_error.take().unwrap_or_default());
        self.latencies.reset();
        self.lags.reset();
        (self.trips, self.bulk_bytes, self.failed, self.corrupt) = (0, 0, 0, 0);
        line
    }
}
