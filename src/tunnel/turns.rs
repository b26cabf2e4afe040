//! All tunnels of a shard, its parked sockets, and one turn over what has something to do. No runtime, no clock of its own.
//!
//! A turn takes the completions, serves the tunnels they concern, each within its budget, and hands the ring what came
//! up. Closing has three steps: remove the watches, wait for their last completions, then close the sockets; before
//! that the kernel holds them open and sends no FIN. Mostly it has removed the watches when it was told to, so that all
//! three pass in one turn; or there is none, since a side's first watch ends with what it tells. The upstream's socket may
//! serve another connection instead of being closed (`net::spare`).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use crate::limits;
use crate::model;
use crate::sys::ring::{BufferSizes, Completion, Readiness, Ring, SetupError};

use super::batch::Batch;
use super::clock::Moment;
use super::farewell::{self, Masks};
use super::frames;
use super::marks::{lose, reset_on_close, take_leave};
use super::parked::{Parking, Woken};
use super::pending;
use super::pump::{Next, Pump};
use super::rare::Ping;
use super::record::{Counts, Ending, Reason, Record};
use super::schedule::Schedule;
use super::side::{Direction, Known, Side};
use super::slab::{Numbered, Slab};
use super::slot::Slot;
use super::socket;
use super::sweep::{self, Due};
use super::token::{Purpose, Token};

const BUFFERS: BufferSizes = BufferSizes { count: limits::TUNNEL_BATCH_COUNT, bytes: limits::TUNNEL_COPY_BYTES };

/// A tunnel that is over, to be told outside of the turn: whoever is told may come back with a new tunnel.
pub type Over<K> = (K, Record);

/// The tunnels of a shard, and its parked sockets.
pub struct Turns<K, P = Infallible> {
    ring: Ring,
    slots: Slab<Slot, K>,
    parking: Parking<P>,
    /// Tunnels to be served, each at most once, in the order they asked.
    queue: VecDeque<u32>,
    /// Those of them that are served together.
    chosen: Vec<u32>,
    batch: Batch,
    /// When the clock may have something for which of them.
    schedule: Schedule,
    /// Where the sweep goes on that the turn before left.
    swept: Option<u32>,
    pump: Pump,
    masks: Masks,
    /// Settings whose tunnels drain, and since when.
    draining: Vec<(Arc<model::Tunnel>, u32)>,
    /// Tunnels whose end has begun: the ring is to remove their watches.
    parting: Vec<(u32, Ending)>,
    over: Vec<Over<K>>,
}

/// What completions say beside what is put into the tunnels they belong to.
#[derive(Default)]
struct Noted {
    /// Sides whose watch was too busy to be removed.
    busy: Vec<(u32, Side)>,
    /// Tunnels that end, of which the ring had not removed the watches when it was told to.
    late: Vec<u32>,
}

impl<K, P> Turns<K, P> {
    pub fn new(ring_submissions: u32, ring_completions: u32, pending_bytes_max: usize) -> Result<Self, SetupError> {
        Ok(Turns {
            ring: Ring::new(ring_submissions, ring_completions, BUFFERS)?,
            slots: Slab::default(),
            parking: Parking::default(),
            queue: VecDeque::new(),
            chosen: Vec::new(),
            batch: Batch::default(),
            schedule: Schedule::default(),
            swept: None,
            pump: Pump::new(pending_bytes_max),
            masks: Masks::default(),
            draining: Vec::new(),
            parting: Vec::new(),
            over: Vec::new(),
        })
    }

    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Tunnels whose sockets are not closed yet.
    pub fn active(&self) -> usize {
        self.slots.len()
    }

    pub fn counts(&self) -> Counts {
        let pipes = self.pump.pipes();
        Counts {
            active: self.active(),
            pipes_lent: pipes.lent_count(),
            pipes_refused: pipes.refused_count(),
            pending_bytes: pending::total_bytes(),
            pending_refused: self.pump.pending_refused(),
            ring_overflows: self.ring.overflow_count(),
        }
    }

    /// Tunnels that have ended since the last call.
    pub fn take_over(&mut self) -> Vec<Over<K>> {
        std::mem::take(&mut self.over)
    }

    /// Sockets that are parked no more, since the last call.
    pub fn take_woken(&mut self) -> Vec<Woken<P>> {
        self.parking.take_woken()
    }

    /// Frees the room of lists that only turns use.
    pub fn trim(&mut self) {
        self.queue.shrink_to_fit();
        self.chosen.shrink_to_fit();
        self.parting.shrink_to_fit();
        self.batch.trim();
    }

    /// Parks a socket. Its poll is armed by the next turn.
    pub fn park(&mut self, socket: OwnedFd, within: Duration, kept: P, now: Moment) {
        self.parking.park(&mut self.ring, socket, within, kept, now);
    }

    /// Ends the parking of those that `which` chooses.
    pub fn release(&mut self, which: impl Fn(&P) -> bool) {
        self.parking.release(which);
    }

    /// Takes a tunnel in. Its first bytes leave with the next turn, which tells of those that wait for it, too.
    pub fn adopt(&mut self, slot: Slot, kept: K, now: Moment) {
        let index = self.slots.insert(slot, kept);
        if let Some(slot) = self.slots.at(index) {
            let draining_since = drained(&self.draining, &slot.settings);
            self.schedule.within(index, sweep::wait(slot, index, draining_since, now), now);
            for side in Side::BOTH {
                watch_once(&mut self.ring, slot, index, side);
            }
            if slot.rare.is_some() {
                enqueue(&mut self.queue, slot, index);
            }
        }
    }

    /// Serves what is ready. True if tunnels are left that need another turn now; the ring is then readable.
    pub fn turn(&mut self, now: Moment) -> io::Result<bool> {
        let mut moved = 0;
        for _ in 0..limits::TUNNEL_TURN_PASSES {
            // What came up during a pass is mostly an answer: served here it needs no way through the runtime.
            self.take_completions(now)?;
            if self.queue.is_empty() || moved >= limits::TUNNEL_PASSES_BYTES {
                break;
            }
            moved += self.pass(now)?;
        }
        self.sweep_on(now);
        if !self.parting.is_empty() {
            self.ring.submit()?;
            self.take_completions(now)?;
            self.part(now);
        }
        let is_unfinished = !self.queue.is_empty() || self.swept.is_some();
        if is_unfinished {
            // The last thing in the ring: nobody takes it before the next turn.
            self.ring.wake(Token::WAKE.pack());
        }
        self.ring.submit()?;
        Ok(is_unfinished)
    }

    /// Serves what is in the queue now, each tunnel once. Returns how many bytes were moved.
    fn pass(&mut self, now: Moment) -> io::Result<usize> {
        let (mut waiting, mut moved) = (self.queue.len(), 0);
        while waiting > 0 && moved < limits::TUNNEL_TURN_BYTES {
            let count = waiting.min(usize::from(limits::TUNNEL_BATCH_COUNT));
            waiting -= count;
            moved += self.serve_batch(count, now)?;
        }
        Ok(moved)
    }

    /// Takes what the ring has to say, and closes what waited for nothing else.
    fn take_completions(&mut self, now: Moment) -> io::Result<()> {
        let Turns { ring, slots, parking, queue, .. } = self;
        let mut noted = Noted::default();
        ring.complete(|completion| note(slots, parking, queue, &mut noted, completion, now))?;
        self.act_on(noted, now);
        Ok(())
    }

    fn act_on(&mut self, noted: Noted, now: Moment) {
        for (index, side) in noted.busy {
            if let Some(slot) = self.slots.at(index).filter(|slot| slot.has(side, Known::WATCHED)) {
                unwatch(&mut self.ring, slot, index, side);
            }
        }
        for index in noted.late {
            let ending = self.slots.at(index).filter(|slot| !is_watched(slot)).and_then(|slot| slot.kept_ending());
            if let Some(ending) = ending {
                self.close(index, ending, now);
            }
        }
    }

    /// Serves so many of the queue: all that is short in one round, unless they are too few for one, and the rest one after
    /// the other until they have moved what a turn may. Returns how many bytes were moved.
    fn serve_batch(&mut self, count: usize, now: Moment) -> io::Result<usize> {
        let Turns { ring, slots, parking, queue, chosen, batch, .. } = self;
        chosen.extend(queue.drain(..count));
        let mut noted = Noted::default();
        let mut in_round = 0;
        // Where too much waits in memory there is no round: the pump asks for room before it reads.
        let is_round = count >= limits::TUNNEL_ROUND_MIN && !self.pump.is_full();
        if is_round {
            in_round = batch.run(ring, slots, chosen, now, |slots, completion| {
                note(slots, parking, queue, &mut noted, completion, now);
            })?;
        }
        let one_by_one = self.serve_chosen(is_round, now);
        self.act_on(noted, now);
        Ok(in_round + one_by_one)
    }

    /// Those chosen who want more than a round. Who finds no time goes first in the next turn.
    fn serve_chosen(&mut self, is_round: bool, now: Moment) -> usize {
        let mut chosen = std::mem::take(&mut self.chosen);
        let (mut served, mut moved) = (0, 0);
        while served < chosen.len() && moved < limits::TUNNEL_TURN_BYTES {
            let index = chosen[served];
            if !is_round || !self.pass_over(index) {
                self.serve(index, now);
                moved += self.pump.take_moved();
            }
            served += 1;
        }
        for index in chosen.drain(..).skip(served).rev() {
            self.queue.push_front(index);
        }
        self.chosen = chosen;
        moved
    }

    /// Of a calm tunnel nothing is left after a round but what came up meanwhile, or found no buffer: that is for the next
    /// one. False: it is not calm.
    fn pass_over(&mut self, index: u32) -> bool {
        let Some(slot) = self.slots.at(index).filter(|slot| slot.is_calm()) else { return false };
        slot.set_queued(false);
        if Side::BOTH.iter().any(|side| slot.has(*side, Known::READABLE)) {
            enqueue(&mut self.queue, slot, index);
        }
        true
    }

    fn serve(&mut self, index: u32, now: Moment) {
        let Some(slot) = self.slots.at(index) else { return };
        slot.set_queued(false);
        if slot.is_ending() {
            return;
        }
        let next = match slot.farewell() {
            None => self.pump.serve(slot, limits::TUNNEL_BUDGET_BYTES, now),
            Some(_) => farewell::serve(&mut self.pump, slot, &mut self.masks, now),
        };
        match next {
            Next::Wait => {}
            Next::Turn => enqueue(&mut self.queue, slot, index),
            Next::End(ending) => return self.end(index, ending, now),
        }
        for side in Side::BOTH {
            keep_watch(&mut self.ring, slot, index, side);
        }
        if slot.rare.is_some() || !Side::BOTH.iter().all(|side| slot.has(*side, Known::WATCHED)) {
            // What began to wait, or to end, has a time of its own. A side that is not watched has the next sweep.
            self.schedule.within(index, 0, now);
        }
    }

    /// First step of closing, and the last one where nothing is watched.
    fn end(&mut self, index: u32, ending: Ending, now: Moment) {
        let Some(slot) = self.slots.at(index) else { return };
        if must_reset(ending) {
            reset_on_close(slot);
        }
        self.pump.discard(slot);
        slot.begin_ending();
        if !is_watched(slot) {
            return self.close(index, ending, now);
        }
        for side in Side::BOTH {
            if slot.has(side, Known::WATCHED) {
                unwatch(&mut self.ring, slot, index, side);
            }
        }
        self.parting.push((index, ending));
    }

    /// Second step, once the ring has been told: mostly no watch is left.
    fn part(&mut self, now: Moment) {
        let mut parting = std::mem::take(&mut self.parting);
        for (index, ending) in parting.drain(..) {
            match self.slots.at(index) {
                Some(slot) if is_watched(slot) => slot.keep_ending(ending),
                Some(_) => self.close(index, ending, now),
                None => {}
            }
        }
        self.parting = parting;
    }

    /// Last step of closing.
    fn close(&mut self, index: u32, ending: Ending, now: Moment) {
        if let Some((slot, kept)) = self.slots.remove(index) {
            self.over.push((kept, slot.into_record(ending, now)));
        }
    }

    /// Does what is due by the clock, and returns how many tunnels it looked at for that. Some may then want a turn, and
    /// turns go on where much is due at once.
    pub fn sweep(&mut self, now: Moment) -> io::Result<usize> {
        self.parking.sweep(now);
        self.ring.release_buffers(limits::TUNNEL_BUFFERS_KEPT);
        // Nobody else has them: neither a tunnel nor the generation they came with.
        self.draining.retain(|(settings, _)| Arc::strong_count(settings) > 1);
        self.swept = Some(0);
        let looked_at = self.sweep_on(now);
        self.ring.submit()?;
        Ok(looked_at)
    }

    /// Goes on with a sweep until it is through, or enough sockets have been told of their probes for now.
    fn sweep_on(&mut self, now: Moment) -> usize {
        let (mut looked_at, mut told) = (0, 0);
        while let Some(from) = self.swept {
            if told >= limits::TUNNEL_PROBED_COUNT {
                break;
            }
            let slots = self.schedule.take_due(from, now).unwrap_or_default();
            self.swept = Some(slots.end).filter(|end| *end > 0);
            for index in slots.start..slots.end.min(self.slots.end()) {
                told += usize::from(self.look(index, now));
                looked_at += 1;
            }
        }
        looked_at
    }

    /// Does what is due in one tunnel, and notes when to look again. True if its sockets were told of their probes.
    fn look(&mut self, index: u32, now: Moment) -> bool {
        let Some(slot) = self.slots.at(index).filter(|slot| !slot.is_ending()) else { return false };
        slot.keep_in_range(now);
        self.pump.free_pipes(slot, now);
        for side in Side::BOTH {
            if !slot.has(side, Known::WATCHED) {
                watch(&mut self.ring, slot, index, side);
            }
        }
        let draining_since = drained(&self.draining, &slot.settings);
        let due = sweep::due(slot, index, draining_since, now);
        match due {
            None => {}
            Some(Due::End(ending)) => {
                self.end(index, ending, now);
                return false;
            }
            Some(Due::Farewell(ending)) => {
                self.take_leave(index, ending, now);
                return false;
            }
            Some(Due::Alive) => slot.settle_ping(),
            Some(Due::Probes) => probe(slot),
            Some(Due::Ping) => {
                let payload = self.masks.bytes();
                slot.keep(Direction::ToClient, &frames::ping_frame(payload), now);
                slot.set_ping(Some(Ping::new(payload, now.ticks())));
                enqueue(&mut self.queue, slot, index);
            }
        }
        self.schedule.within(index, sweep::wait(slot, index, draining_since, now), now);
        due == Some(Due::Probes)
    }

    /// From now on the tunnels with these settings drain.
    pub fn drain(&mut self, settings: &[Arc<model::Tunnel>], now: Moment) {
        for each in settings.iter().filter(|each| each.drain.is_some()) {
            if drained(&self.draining, each).is_none() {
                self.draining.push((Arc::clone(each), now.ticks()));
                self.schedule.all(now);
            }
        }
    }

    /// Ends the tunnels with these settings.
    pub fn end_of(&mut self, settings: &[Arc<model::Tunnel>], reason: Reason, now: Moment) -> io::Result<()> {
        self.each(|turns, index| {
            let Some(slot) = turns.slots.at(index) else { return };
            if settings.iter().any(|each| Arc::ptr_eq(each, &slot.settings)) {
                turns.stop(index, reason, now);
            }
        })
    }

    /// Ends all tunnels.
    pub fn end_all(&mut self, reason: Reason, now: Moment) -> io::Result<()> {
        self.each(|turns, index| turns.stop(index, reason, now))
    }

    fn stop(&mut self, index: u32, reason: Reason, now: Moment) {
        match reason {
            Reason::Stop => self.end(index, Ending::Stopped(reason), now),
            Reason::Drain => self.take_leave(index, Ending::Stopped(reason), now),
        }
    }

    /// Every tunnel that is not ending yet.
    fn each(&mut self, act: impl Fn(&mut Self, u32)) -> io::Result<()> {
        for index in 0..self.slots.end() {
            if self.slots.at(index).is_some_and(|slot| !slot.is_ending()) {
                act(self, index);
            }
        }
        self.ring.submit()
    }

    /// Ends a tunnel by Close frames, where it knows frames.
    fn take_leave(&mut self, index: u32, ending: Ending, now: Moment) {
        match self.slots.at(index) {
            Some(slot) if slot.trackers().is_some() => {
                if slot.farewell().is_none() {
                    take_leave(slot, ending, now);
                    enqueue(&mut self.queue, slot, index);
                }
            }
            _ => self.end(index, ending, now),
        }
    }
}

/// Since when tunnels with these settings drain. The very same settings are meant: equal ones may be another
/// generation's.
fn drained(draining: &[(Arc<model::Tunnel>, u32)], settings: &Arc<model::Tunnel>) -> Option<u32> {
    draining.iter().find(|(each, _)| Arc::ptr_eq(each, settings)).map(|(_, since)| *since)
}

fn enqueue(queue: &mut VecDeque<u32>, slot: &mut Slot, index: u32) {
    if !slot.is_queued() {
        slot.set_queued(true);
        queue.push_back(index);
    }
}

/// Tells both sockets of TCP's own probes.
fn probe(slot: &mut Slot) {
    slot.set_young(false);
    if let Some(keepalive) = &slot.settings.keepalive {
        Side::BOTH.iter().for_each(|side| socket::set_keepalive(slot.socket(*side), keepalive));
    }
}

/// That of the watch of a side.
fn token(slot: &Slot, index: u32, side: Side) -> Token {
    Token { index, generation: slot.generation(), purpose: Purpose::Watch(side) }
}

fn watch(ring: &mut Ring, slot: &mut Slot, index: u32, side: Side) {
    slot.set(side, Known::WATCHED);
    ring.watch(slot.socket(side), slot.has_asked_for_room(side), token(slot, index, side).pack());
}

/// The first watch, up to the first that comes. Where that is the end of the stream nothing has to be removed for the
/// sockets to close, and to remove a watch costs more than to arm one.
fn watch_once(ring: &mut Ring, slot: &mut Slot, index: u32, side: Side) {
    slot.set(side, Known::WATCHED);
    ring.watch_once(slot.socket(side), token(slot, index, side).pack());
}

fn is_watched(slot: &Slot) -> bool {
    Side::BOTH.iter().any(|side| slot.has(*side, Known::WATCHED))
}

/// Has a side watched, and from the first time that it took nothing more on for room as well.
fn keep_watch(ring: &mut Ring, slot: &mut Slot, index: u32, side: Side) {
    let needs_room = !slot.has(side, Known::WRITABLE) && !slot.has_asked_for_room(side);
    if needs_room {
        slot.ask_for_room(side);
    }
    if !slot.has(side, Known::WATCHED) {
        // The first watch is over, or the kernel has ended one whose completion found no room. Of a side that has finished
        // no more than a failure can come: mostly the other one finishes first, else the next sweep has it watched again.
        if needs_room || !slot.has(side, Known::ENDED) {
            watch(ring, slot, index, side);
        }
    } else if needs_room {
        // Its last completion brings the tunnel back here.
        unwatch(ring, slot, index, side);
    }
}

fn unwatch(ring: &mut Ring, slot: &Slot, index: u32, side: Side) {
    let watch = token(slot, index, side);
    ring.unwatch(watch.pack(), Token { purpose: Purpose::Unwatch(side), ..watch }.pack());
}

/// What is not an end of both streams, nor the proxy's own doing.
fn must_reset(ending: Ending) -> bool {
    match ending {
        Ending::Reset(_) | Ending::Failed(..) => true,
        Ending::Closed(_)
        | Ending::ReadTimeout
        | Ending::SendTimeout(_)
        | Ending::Idle
        | Ending::Lifetime
        | Ending::NoPong
        | Ending::MessageTooLong(_)
        | Ending::Stopped(_) => false,
    }
}

/// Puts what a completion says into its tunnel, and the tunnel into the queue, or aside if it ends.
fn note<K, P>(
    slots: &mut Slab<Slot, K>,
    parking: &mut Parking<P>,
    queue: &mut VecDeque<u32>,
    noted: &mut Noted,
    completion: Completion,
    now: Moment,
) {
    let Some(token) = Token::unpack(completion.token) else { return };
    let side = match token.purpose {
        Purpose::Watch(side) => side,
        Purpose::Parked => return parking.note(token, completion.result),
        // Otherwise the watch is over already: its last completion comes or has come.
        Purpose::Unwatch(side) => {
            if completion.result == -Errno::ALREADY.raw_os_error() {
                noted.busy.push((token.index, side));
            }
            return;
        }
        Purpose::Wake => return,
    };
    let Some(slot) = slots.get(token.index, token.generation) else { return };
    if !completion.more {
        slot.clear(side, Known::WATCHED);
    }
    if slot.is_ending() {
        if slot.kept_ending().is_some() {
            noted.late.push(token.index);
        }
        return;
    }
    slot.stir(now);
    note_watch(slot, side, completion.result);
    enqueue(queue, slot, token.index);
}

fn note_watch(slot: &mut Slot, side: Side, result: i32) {
    if result < 0 {
        // Without a watch nothing would ever be heard of this side again, except where it is to be watched for more.
        if result != -Errno::CANCELED.raw_os_error() {
            lose(slot, side, -result);
        }
        return;
    }
    let ready = Readiness::of(result);
    let is_over = ready.closed || ready.failed;
    if ready.readable || ready.read_closed || is_over {
        slot.set(side, Known::READABLE);
    }
    if ready.writable || is_over {
        slot.set(side, Known::WRITABLE);
    }
    if ready.read_closed {
        slot.set(side, Known::READ_CLOSED);
    }
    if ready.failed {
        slot.set(side, Known::FAILED);
    }
}

#[cfg(test)]
mod tests;
