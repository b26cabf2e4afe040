//! Which slots the clock has to look at, and when. Pure.
//!
//! Neighbours in the slab share one entry: the earliest time at which anything may be due in one of them. A group whose
//! time has not come is not touched, so what a sweep costs follows what is due and not what is held. A time may be too
//! early: whoever looks then says when to look again. Where something new may be due earlier, [`Schedule::within`] says so.

use std::ops::Range;

use crate::limits;

use super::clock::{Moment, ticks};

/// Tunnels of one entry: an eighth of a byte for each, and two kilobytes of slots to look at where one is due.
const GROUP_SLOTS: u32 = 32;

/// The longest wait. Ticks wrap: half of their range tells earlier from later.
const TICKS_MAX: u32 = ticks(limits::TUNNEL_LOOK_TIME_MAX);

/// For each group of slots the tick at which it is looked at.
#[derive(Debug, Default)]
pub struct Schedule {
    ticks: Vec<u32>,
}

impl Schedule {
    /// The slot at `index` is looked at after `ticks` from now, or earlier.
    pub fn within(&mut self, index: u32, ticks: u32, now: Moment) {
        let group = (index / GROUP_SLOTS) as usize;
        if group >= self.ticks.len() {
            self.ticks.resize(group + 1, now.ticks().wrapping_add(TICKS_MAX));
        }
        let wanted = ticks.min(TICKS_MAX);
        let known = &mut self.ticks[group];
        if left(*known, now) > wanted {
            *known = now.ticks().wrapping_add(wanted);
        }
    }

    /// All slots are looked at with the next sweep.
    pub fn all(&mut self, now: Moment) {
        self.ticks.fill(now.ticks());
    }

    /// The next group that is due, of those from `from` on. It is taken out: what is not said by [`Schedule::within`] again
    /// is not looked at any more.
    pub fn take_due(&mut self, from: u32, now: Moment) -> Option<Range<u32>> {
        let first = (from / GROUP_SLOTS) as usize;
        let group = first + self.ticks.get(first..)?.iter().position(|ticks| left(*ticks, now) == 0)?;
        self.ticks[group] = now.ticks().wrapping_add(TICKS_MAX);
        let start = u32::try_from(group).ok()? * GROUP_SLOTS;
        Some(start..start + GROUP_SLOTS)
    }
}

/// The ticks from now until one that is less than half of their range away; 0 once it is reached.
pub fn left(ticks: u32, now: Moment) -> u32 {
    let left = ticks.wrapping_sub(now.ticks());
    if left > u32::MAX / 2 { 0 } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(schedule: &mut Schedule, now: Moment) -> Vec<u32> {
        let (mut from, mut groups) = (0, Vec::new());
        while let Some(slots) = schedule.take_due(from, now) {
            groups.push(slots.start / GROUP_SLOTS);
            from = slots.end;
        }
        groups
    }

    #[test]
    fn a_group_is_due_once_and_at_its_earliest() {
        let mut schedule = Schedule::default();
        schedule.within(0, 500, Moment(0));
        schedule.within(1, 300, Moment(0));
        schedule.within(2, 400, Moment(0));
        schedule.within(3 * GROUP_SLOTS, 100, Moment(0));
        assert_eq!(due(&mut schedule, Moment(990)), []);
        assert_eq!(due(&mut schedule, Moment(1_000)), [3]);
        assert_eq!(due(&mut schedule, Moment(3_000)), [0]);
        assert_eq!(due(&mut schedule, Moment(900_000)), []);
        schedule.all(Moment(900_000));
        assert_eq!(due(&mut schedule, Moment(900_000)), [0, 1, 2, 3]);
    }

    #[test]
    fn ticks_may_wrap_between() {
        let mut schedule = Schedule::default();
        let before = Moment(u64::from(u32::MAX - 50) * 10);
        schedule.within(0, 100, before);
        assert_eq!(due(&mut schedule, Moment(before.0 + 990)), []);
        assert_eq!(due(&mut schedule, Moment(before.0 + 1_000)), [0]);
        schedule.within(0, u32::MAX, before);
        assert_eq!(due(&mut schedule, before), []);
    }
}
