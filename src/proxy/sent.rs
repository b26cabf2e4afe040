//! What was sent to the client so far.

use std::cell::{OnceCell, Ref, RefCell, RefMut};
use std::time::Duration;

use crate::http::Fields;

/// An answer, as far as it is chosen, and how much of it has left.
#[derive(Debug, Default, Clone)]
pub struct Sent {
    /// 0 until an answer was chosen.
    pub status: u16,
    pub bytes: u64,
    /// Heads among them, once they are through.
    pub head_bytes: u64,
    /// Fields of the answer, without those that frame it.
    pub fields: Fields,
    /// How long the body is, if the client was told.
    pub length: Option<u64>,
    pub is_chunked: bool,
    /// Bytes of a body before and after it was compressed, once all of it is.
    pub compressed: Option<(u64, u64)>,
    /// What `Connection` says; empty before the head was made.
    pub connection: &'static str,
    /// What `Keep-Alive` says.
    pub keep_alive: Option<Duration>,
}

/// [`Sent`] as variables see it: while an answer is being made the one that makes it lends it for a moment. Where nobody
/// looks there is none.
#[derive(Debug, Default)]
pub struct Shown(OnceCell<Box<RefCell<Sent>>>);

impl Shown {
    fn sent(&self) -> &RefCell<Sent> {
        self.0.get_or_init(Box::default)
    }

    pub fn borrow(&self) -> Ref<'_, Sent> {
        self.sent().borrow()
    }

    pub fn borrow_mut(&self) -> RefMut<'_, Sent> {
        self.sent().borrow_mut()
    }

    /// Lends, or takes back what was lent.
    pub fn swap_with(&self, sent: &mut Sent) {
        std::mem::swap(&mut *self.sent().borrow_mut(), sent);
    }
}
