//! Values that evaluating a request's variables leaves behind: captures, named captures and what maps and their like gave.

use std::sync::Arc;

use crate::model::{GeoId, MapId, SlotId, SplitId};
use crate::route::Captures;

/// A variable whose value holds for the whole request once it was looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Computed {
    Map(MapId),
    Geo(GeoId),
    Split(SplitId),
}

/// All of them for one exchange. Most have none.
#[derive(Default)]
pub struct Facts(Option<Box<Known>>);

#[derive(Default)]
struct Known {
    captures: Option<Captures>,
    slots: Vec<(SlotId, Box<[u8]>)>,
    computed: Vec<(Computed, Arc<[u8]>)>,
}

impl Facts {
    /// An expression matched: `$1` to `$9` are its groups from now on, and its named groups have values.
    pub fn captured(&mut self, captures: Captures) {
        for (slot, value) in captures.named() {
            self.set(slot, value);
        }
        self.known().captures = Some(captures);
    }

    /// Gives a variable a value.
    pub fn set(&mut self, slot: SlotId, value: &[u8]) {
        let Known { slots, .. } = self.known();
        slots.retain(|(known, _)| *known != slot);
        slots.push((slot, value.into()));
    }

    /// Takes the groups away from those values that all requests made for one another share.
    #[must_use]
    pub fn take_captures(&mut self) -> Option<Captures> {
        self.0.as_mut()?.captures.take()
    }

    pub fn put_captures(&mut self, captures: Option<Captures>) {
        if captures.is_some() || self.0.is_some() {
            self.known().captures = captures;
        }
    }

    /// `$1` to `$9`.
    #[must_use]
    pub fn capture(&self, group: usize) -> Option<&[u8]> {
        self.0.as_ref()?.captures.as_ref()?.group(group)
    }

    /// A named capture.
    #[must_use]
    pub fn slot(&self, slot: SlotId) -> Option<&[u8]> {
        self.0.as_ref()?.slots.iter().find(|(known, _)| *known == slot).map(|(_, value)| &**value)
    }

    /// The value that was looked up before.
    #[must_use]
    pub fn computed(&self, variable: Computed) -> Option<Arc<[u8]>> {
        self.0.as_ref()?.computed.iter().find(|(known, _)| *known == variable).map(|(_, value)| Arc::clone(value))
    }

    pub fn remember(&mut self, variable: Computed, value: Arc<[u8]>) {
        let Known { computed, .. } = self.known();
        computed.retain(|(known, _)| *known != variable);
        computed.push((variable, value));
    }

    fn known(&mut self) -> &mut Known {
        self.0.get_or_insert_default()
    }
}
