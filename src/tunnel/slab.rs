//! Slots by index, in chunks that never move. An index is used again, its generation is not.

use super::slot::{GENERATION_MASK, Slot};

/// Slots that are allocated at once: a growing slab neither copies nor doubles.
const CHUNK_SLOTS: usize = 256;

struct Entry {
    generation: u32,
    slot: Option<Slot>,
}

/// The bound of the project: what an idle tunnel costs.
const _: () = assert!(size_of::<Entry>() <= 128);

/// All tunnels of a shard.
#[derive(Default)]
pub struct Slab {
    chunks: Vec<Box<[Entry]>>,
    free: Vec<u32>,
    held: usize,
}

impl Slab {
    /// Tunnels held.
    pub fn len(&self) -> usize {
        self.held
    }

    /// One past the highest index ever given out.
    pub fn end(&self) -> u32 {
        u32::try_from(self.chunks.len() * CHUNK_SLOTS).unwrap_or(u32::MAX)
    }

    /// Gives the slot an index and a generation.
    pub fn insert(&mut self, slot: Slot) -> (u32, u32) {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow(),
        };
        let entry = &mut self.chunks[index as usize / CHUNK_SLOTS][index as usize % CHUNK_SLOTS];
        entry.slot = Some(slot);
        self.held += 1;
        (index, entry.generation)
    }

    fn grow(&mut self) -> u32 {
        let first = self.end();
        self.chunks.push((0..CHUNK_SLOTS).map(|_| Entry { generation: 0, slot: None }).collect());
        // The lowest index is handed out first, so that few tunnels touch few pages.
        self.free.extend((first + 1..self.end()).rev());
        first
    }

    fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        self.chunks.get_mut(index as usize / CHUNK_SLOTS)?.get_mut(index as usize % CHUNK_SLOTS)
    }

    /// The tunnel at an index, and its generation.
    pub fn at(&mut self, index: u32) -> Option<(u32, &mut Slot)> {
        let entry = self.entry(index)?;
        Some((entry.generation, entry.slot.as_mut()?))
    }

    /// The tunnel that had this index and generation, if it is still there.
    pub fn get(&mut self, index: u32, generation: u32) -> Option<&mut Slot> {
        self.at(index).filter(|(held, _)| *held == generation).map(|(_, slot)| slot)
    }

    /// Takes a tunnel out; its index is free again.
    pub fn remove(&mut self, index: u32) -> Option<Slot> {
        let entry = self.entry(index)?;
        let slot = entry.slot.take()?;
        entry.generation = (entry.generation + 1) & GENERATION_MASK;
        self.free.push(index);
        self.held -= 1;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::slot::Moment;
    use std::os::unix::net::UnixStream;

    fn slot() -> Slot {
        let (a, b) = UnixStream::pair().unwrap();
        Slot::new(a.into(), b.into(), std::sync::Arc::default(), Moment(0))
    }

    #[test]
    fn an_old_generation_finds_nothing() {
        let mut slab = Slab::default();
        let (index, generation) = slab.insert(slot());
        assert!(slab.get(index, generation).is_some());
        assert!(slab.remove(index).is_some() && slab.remove(index).is_none());
        assert!(slab.get(index, generation).is_none());
        let (again, next) = slab.insert(slot());
        assert_eq!(again, index);
        assert_ne!(next, generation);
        assert!(slab.get(again, generation).is_none() && slab.get(again, next).is_some());
    }

    #[test]
    fn indices_are_dense_over_chunks() {
        let mut slab = Slab::default();
        let mut indices: Vec<u32> = (0..CHUNK_SLOTS + 3).map(|_| slab.insert(slot()).0).collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..CHUNK_SLOTS as u32 + 3).collect::<Vec<u32>>());
        assert_eq!(slab.len(), CHUNK_SLOTS + 3);
    }
}
