//! How many requests and tunnels of each key there are now.

use std::collections::HashMap;
use std::fmt;
use std::hash::RandomState;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Refused, lane_count, lane_of};
use crate::limits::ZONE_ENTRY_BYTES;

/// The keys of a `limit_conn_zone`.
pub struct Connections {
    hasher: RandomState,
    lanes: Box<[Lane]>,
    bytes: AtomicUsize,
    bytes_max: usize,
}

type Lane = Mutex<HashMap<Box<[u8]>, u32>>;

/// One request's or tunnel's place in the count of its key. It is given back when this is dropped.
pub struct Place {
    zone: Arc<Connections>,
    key: Box<[u8]>,
}

impl Connections {
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let lanes = (0..lane_count(bytes_max)).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), lanes, bytes: AtomicUsize::new(0), bytes_max }
    }

    /// Takes a place, if the key has fewer than `most`.
    ///
    /// # Errors
    /// It has not, or there is no memory for one more key.
    pub fn enter(self: &Arc<Self>, key: &[u8], most: u32) -> Result<Place, Refused> {
        let mut lane = self.lane(key);
        match lane.get_mut(key) {
            Some(count) if *count >= most => return Err(Refused::Limit { excess: 0 }),
            Some(count) => *count += 1,
            None => {
                let cost = cost(key);
                let room = |bytes: usize| bytes.checked_add(cost).filter(|bytes| *bytes <= self.bytes_max);
                let taken = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
                taken.map_err(|_| Refused::Full)?;
                lane.insert(key.into(), 1);
            }
        }
        drop(lane);
        Ok(Place { zone: Arc::clone(self), key: key.into() })
    }

    fn leave(&self, key: &[u8]) {
        let mut lane = self.lane(key);
        let Some(count) = lane.get_mut(key) else { return };
        *count -= 1;
        if *count == 0 {
            lane.remove(key);
            self.bytes.fetch_sub(cost(key), Ordering::Relaxed);
        }
    }

    fn lane(&self, key: &[u8]) -> MutexGuard<'_, HashMap<Box<[u8]>, u32>> {
        // A count is changed in one step: a panic elsewhere leaves it right.
        self.lanes[lane_of(&self.hasher, key, self.lanes.len())].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(key: &[u8]) -> usize {
    ZONE_ENTRY_BYTES + key.len()
}

impl Drop for Place {
    fn drop(&mut self) {
        self.zone.leave(&self.key);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.key.escape_ascii())
    }
}
