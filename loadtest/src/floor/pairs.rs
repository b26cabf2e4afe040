//! Which sockets are open and which belong together, by their descriptors' numbers: what is looked up is one place in memory.
//!
//! A socket is *new* until it has a partner. One that goes takes its partner along. Makes no call but `close`, by dropping.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

#[derive(Debug)]
struct End {
    socket: OwnedFd,
    partner: Option<RawFd>,
}

#[derive(Debug, Default)]
pub struct Pairs {
    ends: Vec<Option<End>>,
}

impl Pairs {
    /// Holds a socket that has no partner yet.
    pub fn add(&mut self, socket: OwnedFd) -> RawFd {
        let number = socket.as_raw_fd();
        let place = number as usize;
        if place >= self.ends.len() {
            self.ends.resize_with(place + 1, || None);
        }
        self.ends[place] = Some(End { socket, partner: None });
        number
    }

    fn end(&self, number: RawFd) -> Option<&End> {
        self.ends.get(number as usize)?.as_ref()
    }

    /// `None` when it has gone: the kernel may have told of it before.
    pub fn socket(&self, number: RawFd) -> Option<&OwnedFd> {
        self.end(number).map(|end| &end.socket)
    }

    /// `None` for one that is new or has gone.
    pub fn partner(&self, number: RawFd) -> Option<&OwnedFd> {
        self.socket(self.end(number)?.partner?)
    }

    /// Both must be held.
    pub fn join(&mut self, one: RawFd, other: RawFd) {
        for (from, to) in [(one, other), (other, one)] {
            if let Some(Some(end)) = self.ends.get_mut(from as usize) {
                end.partner = Some(to);
            }
        }
    }

    /// Closes a socket and before it its partner: the side that is still open learns of the end first.
    pub fn remove(&mut self, number: RawFd) {
        let end = self.ends.get_mut(number as usize).and_then(Option::take);
        if let Some(partner) = end.as_ref().and_then(|end| end.partner) {
            self.ends[partner as usize] = None;
        }
        drop(end);
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.ends.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> OwnedFd {
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into()
    }

    #[test]
    fn one_that_goes_takes_its_partner_along() {
        let mut pairs = Pairs::default();
        let [one, other, alone] = [(); 3].map(|()| pairs.add(socket()));
        assert!(pairs.partner(one).is_none());
        pairs.join(one, other);
        assert_eq!(pairs.partner(one).map(AsRawFd::as_raw_fd), Some(other));
        assert_eq!(pairs.partner(other).map(AsRawFd::as_raw_fd), Some(one));
        pairs.remove(other);
        assert!(pairs.socket(one).is_none() && pairs.socket(other).is_none() && pairs.partner(one).is_none());
        pairs.remove(one);
        assert_eq!(pairs.count(), 1);
        pairs.remove(alone);
        assert_eq!(pairs.count(), 0);
    }

    #[test]
    fn a_number_is_used_again_without_its_former_partner() {
        let mut pairs = Pairs::default();
        let [one, other] = [(); 2].map(|()| pairs.add(socket()));
        pairs.join(one, other);
        // What the kernel does with a number that was closed, other tests may do first.
        let again = pairs.ends[one as usize].take().map(|end| end.socket).unwrap();
        assert_eq!(pairs.add(again), one);
        assert!(pairs.socket(one).is_some() && pairs.partner(one).is_none());
        assert!(pairs.socket(RawFd::MAX).is_none() && pairs.partner(RawFd::MAX).is_none());
    }
}
