//! Values that evaluating a request's variables leaves behind: captures, named captures and maps already looked up.

use std::sync::Arc;

use crate::model::{MapId, SlotId};
use crate::route::Captures;

/// All of them for one exchange.
#[derive(Default)]
pub struct Facts {
    captures: Option<Captures>,
    slots: Vec<(SlotId, Box<[u8]>)>,
    maps: Vec<(MapId, Arc<[u8]>)>,
}

impl Facts {
    /// An expression matched: `$1` to `$9` are its groups from now on, and its named groups have values.
    pub fn captured(&mut self, captures: Captures) {
        for (slot, value) in captures.named() {
            self.set(slot, value);
        }
        self.captures = Some(captures);
    }

    /// Gives a variable a value.
    pub fn set(&mut self, slot: SlotId, value: &[u8]) {
        self.slots.retain(|(known, _)| *known != slot);
        self.slots.push((slot, value.into()));
    }

    /// Takes the groups away from those values that all requests made for one another share.
    #[must_use]
    pub fn take_captures(&mut self) -> Option<Captures> {
        self.captures.take()
    }

    pub fn put_captures(&mut self, captures: Option<Captures>) {
        self.captures = captures;
    }

    /// `$1` to `$9`.
    #[must_use]
    pub fn capture(&self, group: usize) -> Option<&[u8]> {
        self.captures.as_ref()?.group(group)
    }

    /// A named capture.
    #[must_use]
    pub fn slot(&self, slot: SlotId) -> Option<&[u8]> {
        self.slots.iter().find(|(known, _)| *known == slot).map(|(_, value)| &**value)
    }

    /// The value a map gave before.
    #[must_use]
    pub fn mapped(&self, map: MapId) -> Option<Arc<[u8]>> {
        self.maps.iter().find(|(known, _)| *known == map).map(|(_, value)| Arc::clone(value))
    }

    pub fn remember(&mut self, map: MapId, value: Arc<[u8]>) {
        self.maps.retain(|(known, _)| *known != map);
        self.maps.push((map, value));
    }
}
