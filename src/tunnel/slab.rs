//! Slots by index, in chunks that never move. An index is used again, its generation is not.

use super::slot::{GENERATION_MASK, Slot};

/// Slots that are allocated at once: a growing slab neither copies nor doubles.
const CHUNK_SLOTS: usize = 256;

/// A place. The generation is that of the next tunnel; a tunnel carries its own.
enum Entry {
    Vacant { generation: u32 },
    Held(Slot),
}

/// The generation of a vacant place must cost nothing beside the slot.
const _: () = assert!(size_of::<Entry>() == size_of::<Slot>());

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

    /// Gives the slot an index, and the generation of its place.
    pub fn insert(&mut self, mut slot: Slot) -> u32 {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow(),
        };
        let entry = &mut self.chunks[index as usize / CHUNK_SLOTS][index as usize % CHUNK_SLOTS];
        if let Entry::Vacant { generation } = entry {
            slot.generation = *generation;
        }
        *entry = Entry::Held(slot);
        self.held += 1;
        index
    }

    fn grow(&mut self) -> u32 {
        let first = self.end();
        self.chunks.push((0..CHUNK_SLOTS).map(|_| Entry::Vacant { generation: 0 }).collect());
        // The lowest index is handed out first, so that few tunnels touch few pages.
        self.free.extend((first + 1..self.end()).rev());
        first
    }

    /// The tunnel at an index.
    pub fn at(&mut self, index: u32) -> Option<&mut Slot> {
        match self.chunks.get_mut(index as usize / CHUNK_SLOTS)?.get_mut(index as usize % CHUNK_SLOTS)? {
            Entry::Held(slot) => Some(slot),
            Entry::Vacant { .. } => None,
        }
    }

    /// The tunnel that had this index and generation, if it is still there.
    pub fn get(&mut self, index: u32, generation: u32) -> Option<&mut Slot> {
        self.at(index).filter(|slot| slot.generation == generation)
    }

    /// Takes a tunnel out; its index is free again.
    pub fn remove(&mut self, index: u32) -> Option<Slot> {
        let generation = (self.at(index)?.generation + 1) & GENERATION_MASK;
        let entry = self.chunks.get_mut(index as usize / CHUNK_SLOTS)?.get_mut(index as usize % CHUNK_SLOTS)?;
        let Entry::Held(slot) = std::mem::replace(entry, Entry::Vacant { generation }) else { return None };
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
        let index = slab.insert(slot());
        let generation = slab.at(index).unwrap().generation;
        assert!(slab.get(index, generation).is_some());
        assert!(slab.remove(index).is_some() && slab.remove(index).is_none());
        assert!(slab.get(index, generation).is_none());
        let again = slab.insert(slot());
        let next = slab.at(again).unwrap().generation;
        assert_eq!(again, index);
        assert_ne!(next, generation);
        assert!(slab.get(again, generation).is_none() && slab.get(again, next).is_some());
    }

    #[test]
    fn indices_are_dense_over_chunks() {
        let mut slab = Slab::default();
        let mut indices: Vec<u32> = (0..CHUNK_SLOTS + 3).map(|_| slab.insert(slot())).collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..CHUNK_SLOTS as u32 + 3).collect::<Vec<u32>>());
        assert_eq!(slab.len(), CHUNK_SLOTS + 3);
    }
}
