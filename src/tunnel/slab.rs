//! Slots by index, in chunks that never move. An index is used again, its generation is not.

use std::num::NonZeroU32;

/// Slots that are allocated at once. A growing slab neither copies nor doubles, and its pages are first touched by the
/// slots that live in them. Tests have no descriptors for so many.
const CHUNK_SLOTS: usize = if cfg!(test) { 256 } else { 16 << 10 };

/// The bits of a generation that fit beside index and purpose in a token of the ring.
pub const GENERATION_MASK: u32 = (1 << 24) - 1;

/// What lies in a slab.
pub trait Numbered {
    /// Given by the slab, so that completions of an earlier slot at the same index are told apart.
    fn generation(&self) -> u32;

    fn set_generation(&mut self, generation: u32);
}

/// A place. The generation is that of the next slot; a slot carries its own.
enum Entry<T, K> {
    Vacant { generation: u32, next: Option<NonZeroU32> },
    Held(T, K),
}

/// All slots of one kind on a shard, each with what is kept for its end.
pub struct Slab<T, K> {
    chunks: Vec<Vec<Entry<T, K>>>,
    /// One more than the index of the first vacant place; each knows the next.
    free: Option<NonZeroU32>,
    held: usize,
}

impl<T, K> Default for Slab<T, K> {
    fn default() -> Slab<T, K> {
        const { assert!(size_of::<Entry<T, K>>() <= size_of::<(T, K)>(), "a vacant place costs more than a held one") };
        Slab { chunks: Vec::new(), free: None, held: 0 }
    }
}

impl<T: Numbered, K> Slab<T, K> {
    /// Slots held.
    pub fn len(&self) -> usize {
        self.held
    }

    /// One past the highest index ever given out.
    pub fn end(&self) -> u32 {
        let end = self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK_SLOTS + last.len());
        u32::try_from(end).unwrap_or(u32::MAX)
    }

    /// Gives the slot an index, and the generation of its place.
    pub fn insert(&mut self, mut slot: T, kept: K) -> u32 {
        self.held += 1;
        let Some(free) = self.free else { return self.append(slot, kept) };
        let index = free.get() - 1;
        if let Some(entry) = self.entry(index) {
            let next = match entry {
                Entry::Vacant { generation, next } => {
                    slot.set_generation(*generation);
                    *next
                }
                Entry::Held(..) => None,
            };
            *entry = Entry::Held(slot, kept);
            self.free = next;
        }
        index
    }

    fn append(&mut self, slot: T, kept: K) -> u32 {
        let index = self.end();
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK_SLOTS => last.push(Entry::Held(slot, kept)),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK_SLOTS);
                chunk.push(Entry::Held(slot, kept));
                self.chunks.push(chunk);
            }
        }
        index
    }

    fn entry(&mut self, index: u32) -> Option<&mut Entry<T, K>> {
        self.chunks.get_mut(index as usize / CHUNK_SLOTS)?.get_mut(index as usize % CHUNK_SLOTS)
    }

    /// The slot at an index.
    pub fn at(&mut self, index: u32) -> Option<&mut T> {
        match self.entry(index)? {
            Entry::Held(slot, _) => Some(slot),
            Entry::Vacant { .. } => None,
        }
    }

    /// The slot that had this index and generation, if it is still there.
    pub fn get(&mut self, index: u32, generation: u32) -> Option<&mut T> {
        self.at(index).filter(|slot| slot.generation() == generation)
    }

    /// The slot at an index and what is kept beside it.
    pub fn both(&mut self, index: u32) -> Option<(&mut T, &K)> {
        match self.entry(index)? {
            Entry::Held(slot, kept) => Some((slot, kept)),
            Entry::Vacant { .. } => None,
        }
    }

    /// Takes a slot out; its index is free again.
    pub fn remove(&mut self, index: u32) -> Option<(T, K)> {
        let generation = (self.at(index)?.generation() + 1) & GENERATION_MASK;
        let vacant = Entry::Vacant { generation, next: self.free };
        let Entry::Held(slot, kept) = std::mem::replace(self.entry(index)?, vacant) else { return None };
        self.free = NonZeroU32::new(index + 1);
        self.held -= 1;
        Some((slot, kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::clock::Moment;
    use crate::tunnel::slot::Slot;
    use std::os::unix::net::UnixStream;

    fn slot() -> Slot {
        let (a, b) = UnixStream::pair().unwrap();
        Slot::new(a.into(), b.into(), std::sync::Arc::default(), Moment(0))
    }

    #[test]
    fn an_old_generation_finds_nothing() {
        let mut slab = Slab::default();
        let index = slab.insert(slot(), ());
        let generation = slab.at(index).unwrap().generation();
        assert!(slab.get(index, generation).is_some());
        assert!(slab.remove(index).is_some() && slab.remove(index).is_none());
        assert!(slab.get(index, generation).is_none());
        let again = slab.insert(slot(), ());
        let next = slab.at(again).unwrap().generation();
        assert_eq!(again, index);
        assert_ne!(next, generation);
        assert!(slab.get(again, generation).is_none() && slab.get(again, next).is_some());
    }

    #[test]
    fn indices_are_dense_over_chunks() {
        let mut slab = Slab::default();
        let mut indices: Vec<u32> = (0..CHUNK_SLOTS + 3).map(|_| slab.insert(slot(), ())).collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..CHUNK_SLOTS as u32 + 3).collect::<Vec<u32>>());
        assert_eq!(slab.len(), CHUNK_SLOTS + 3);
    }
}
