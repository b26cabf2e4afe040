//! The client side of one process: the tunnels it holds and what it is doing with them.
//!
//! A busy tunnel belongs to its task; stopping brings it back. One that does not come back in time is counted as lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use monoio::task::JoinHandle;

use super::counts::{Counts, Shared};
use super::echo::{Stop, nanoseconds_since};
use super::lane::lane;
use super::open::{Target, Tunnel};
use super::{bulk, echo, http, pace};

/// Opens under way at once.
const OPENING_MAX: usize = 64;
/// What a busy tunnel may take to finish its message after a stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
/// All clients are back, or count as failed.
const STORM_TIME_MAX: Duration = Duration::from_secs(20);
const STORM_PAUSE: Duration = Duration::from_millis(50);
const CHECK_TIME_MAX: Duration = Duration::from_secs(20);

type Task = JoinHandle<Option<Tunnel>>;

pub struct Tunnels {
    target: Rc<Target>,
    pub counts: Shared,
    held: Vec<Tunnel>,
    busy: Vec<Task>,
    others: Vec<JoinHandle<()>>,
    stop: Stop,
    number: u32,
}

/// How an opening of many ended.
#[derive(Debug)]
pub struct Opened {
    pub ok: usize,
    pub failed: usize,
    pub seconds: f64,
}

impl Tunnels {
    pub fn new(target: Target, process: u8) -> Self {
        Self {
            target: Rc::new(target),
            counts: Rc::new(RefCell::new(Counts::default())),
            held: Vec::new(),
            busy: Vec::new(),
            others: Vec::new(),
            stop: Stop::default(),
            number: u32::from(process) << 24,
        }
    }

    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Opens `count` more, some at once.
    pub async fn open(&mut self, count: usize) -> Opened {
        let start = Instant::now();
        let left = Rc::new(Cell::new(count));
        let first = self.number;
        self.number += count as u32;
        let mut openers = Vec::new();
        for _ in 0..OPENING_MAX.min(count) {
            openers.push(monoio::spawn(open_some(self.target.clone(), left.clone(), first, self.counts.clone())));
        }
        let before = self.held.len();
        for opener in openers {
            self.held.extend(opener.await);
        }
        let ok = self.held.len() - before;
        Opened { ok, failed: count - ok, seconds: start.elapsed().as_secs_f64() }
    }

    fn take(&mut self, count: usize) -> Vec<Tunnel> {
        let count = count.min(self.held.len());
        self.held.drain(..count).collect()
    }

    pub fn run_in_turn(&mut self, busy: usize, bytes: usize) {
        for tunnel in self.take(busy) {
            let task = echo::in_turn(tunnel, bytes, self.counts.clone(), self.stop.clone());
            self.busy.push(monoio::spawn(task));
        }
    }

    pub fn run_at_rate(&mut self, busy: usize, bytes: usize, rate: u32) {
        let mut entrances = Vec::new();
        for tunnel in self.take(busy) {
            let (entrance, exit) = lane();
            entrances.push(entrance);
            self.busy.push(monoio::spawn(echo::when_due(tunnel, bytes, self.counts.clone(), exit)));
        }
        let (counts, stop) = (self.counts.clone(), self.stop.clone());
        self.others.push(monoio::spawn(async move {
            if let Err(error) = pace::pace(entrances, rate, stop).await {
                counts.borrow_mut().fail(&format!("the pacer's timer: {error}"));
            }
        }));
    }

    pub fn run_bulk(&mut self, busy: usize, bytes: usize, rate_mb: u32) {
        for (index, tunnel) in self.take(busy).into_iter().enumerate() {
            let pace = bulk::Pace::of(rate_mb, bytes, busy, index);
            let task = bulk::both_ways(tunnel, bytes, pace, self.counts.clone(), self.stop.clone());
            self.busy.push(monoio::spawn(task));
        }
    }

    /// Open, verified handshake, close, `busy` at once.
    pub fn run_churn(&mut self, busy: usize) {
        for index in 0..busy {
            let (target, counts, stop) = (self.target.clone(), self.counts.clone(), self.stop.clone());
            let first = self.number + index as u32;
            self.others.push(monoio::spawn(churn(target, first, busy as u32, counts, stop)));
        }
        self.number += busy as u32;
    }

    pub fn run_http(&mut self, busy: usize, bytes: usize) {
        for _ in 0..busy {
            let task = http::ask(self.target.clone(), bytes, self.counts.clone(), self.stop.clone());
            self.others.push(monoio::spawn(task));
        }
    }

    /// Lets every message under way come back, and takes the tunnels back.
    pub async fn stop(&mut self) {
        self.stop.set(true);
        let end = Instant::now() + STOP_TIME_MAX;
        for other in self.others.drain(..) {
            let _ = monoio::time::timeout(end.saturating_duration_since(Instant::now()), other).await;
        }
        for task in self.busy.drain(..) {
            match monoio::time::timeout(end.saturating_duration_since(Instant::now()), task).await {
                Ok(tunnel) => self.held.extend(tunnel),
                Err(_) => self.counts.borrow_mut().fail("a message did not come back in time"),
            }
        }
        self.stop = Stop::default();
    }

    /// One message on each held tunnel; those that do not echo it are gone afterwards.
    pub async fn check(&mut self) -> (usize, usize) {
        let before = self.held.len();
        let end = Instant::now() + CHECK_TIME_MAX;
        let mut kept = Vec::with_capacity(before);
        while !self.held.is_empty() {
            let some = self.take(OPENING_MAX);
            let check = |tunnel| {
                let (target, counts) = (self.target.clone(), self.counts.clone());
                monoio::spawn(async move { target.check(tunnel, counts).await })
            };
            let tasks: Vec<Task> = some.into_iter().map(check).collect();
            for task in tasks {
                match monoio::time::timeout(end.saturating_duration_since(Instant::now()), task).await {
                    Ok(tunnel) => kept.extend(tunnel),
                    Err(_) => self.counts.borrow_mut().fail("a held tunnel no longer answers"),
                }
            }
        }
        self.held = kept;
        (self.held.len(), before - self.held.len())
    }

    /// Closes all at once and opens all at once; each tries again until it is back or time is up.
    pub async fn storm(&mut self) -> Opened {
        let count = self.held.len();
        let start = Instant::now();
        self.held.clear();
        let first = self.number;
        self.number += count as u32;
        let comers: Vec<Task> = (0..count as u32)
            .map(|index| monoio::spawn(come_back(self.target.clone(), first + index, start, self.counts.clone())))
            .collect();
        for comer in comers {
            self.held.extend(comer.await);
        }
        Opened { ok: self.held.len(), failed: count - self.held.len(), seconds: start.elapsed().as_secs_f64() }
    }
}

async fn open_some(target: Rc<Target>, left: Rc<Cell<usize>>, first: u32, counts: Shared) -> Vec<Tunnel> {
    let mut opened = Vec::new();
    while left.get() > 0 {
        left.set(left.get() - 1);
        match target.open(first + left.get() as u32).await {
            Ok(tunnel) => opened.push(tunnel),
            Err(reason) => counts.borrow_mut().fail(&reason),
        }
    }
    opened
}

async fn churn(target: Rc<Target>, first: u32, step: u32, counts: Shared, stop: Stop) {
    let mut number = first;
    while !stop.get() {
        let start = Instant::now();
        match target.open(number).await {
            Ok(tunnel) => {
                drop(tunnel);
                counts.borrow_mut().trip(nanoseconds_since(start));
            }
            Err(reason) => {
                counts.borrow_mut().fail(&reason);
                // A target that refuses must not be asked as fast as it can refuse.
                monoio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        number = number.wrapping_add(step);
    }
}

async fn come_back(target: Rc<Target>, number: u32, start: Instant, counts: Shared) -> Option<Tunnel> {
    loop {
        match target.open(number).await {
            Ok(tunnel) => {
                counts.borrow_mut().trip(nanoseconds_since(start));
                return Some(tunnel);
            }
            Err(reason) => counts.borrow_mut().fail(&reason),
        }
        if start.elapsed() > STORM_TIME_MAX {
            return None;
        }
        monoio::time::sleep(STORM_PAUSE).await;
    }
}
