//! Which sockets are open and which belong together, by their descriptors' numbers: what is looked up is one place in memory.
//!
//! A socket is *new* until it has a partner, and *ended* once nothing more comes from it. One that goes takes its partner
//! along. Makes no call but `close`, by dropping.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

#[derive(Debug)]
struct End {
    socket: OwnedFd,
    partner: Option<RawFd>,
    has_ended: bool,
    is_peers: bool,
}

/// What the end of a socket leaves.
#[derive(Debug)]
pub enum Left<'a> {
    /// Its partner goes on.
    Partner(&'a OwnedFd),
    /// Neither it nor its partner, if it has one, has anything more to say.
    Nothing,
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
        self.ends[place] = Some(End { socket, partner: None, has_ended: false, is_peers: false });
        number
    }

    fn end(&self, number: RawFd) -> Option<&End> {
        self.ends.get(number as usize)?.as_ref()
    }

    /// `None` when it has gone: the kernel may have told of it before. One that has ended is as good as gone.
    pub fn socket(&self, number: RawFd) -> Option<&OwnedFd> {
        self.end(number).filter(|end| !end.has_ended).map(|end| &end.socket)
    }

    /// `None` for one that is new or has gone.
    pub fn partner(&self, number: RawFd) -> Option<&OwnedFd> {
        self.end(self.end(number)?.partner?).map(|end| &end.socket)
    }

    /// Both must be held.
    pub fn join(&mut self, client: RawFd, peer: RawFd) {
        for (from, to, is_peers) in [(client, peer, false), (peer, client, true)] {
            if let Some(Some(end)) = self.ends.get_mut(from as usize) {
                (end.partner, end.is_peers) = (Some(to), is_peers);
            }
        }
    }

    /// Notes that nothing more comes from a socket.
    pub fn ended(&mut self, number: RawFd) -> Left<'_> {
        if let Some(Some(end)) = self.ends.get_mut(number as usize) {
            end.has_ended = true;
        }
        let partner = self.end(number).and_then(|end| self.end(end.partner?));
        partner.filter(|partner| !partner.has_ended).map_or(Left::Nothing, |partner| Left::Partner(&partner.socket))
    }

    /// Closes the client's of two sockets, and gives the peer's. One that has no partner is closed.
    pub fn part(&mut self, number: RawFd) -> Option<OwnedFd> {
        let end = self.ends.get_mut(number as usize).and_then(Option::take)?;
        let partner = self.ends.get_mut(end.partner? as usize).and_then(Option::take)?;
        Some(if end.is_peers { end.socket } else { partner.socket })
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
    fn two_part_once_both_have_ended() {
        let mut pairs = Pairs::default();
        for peer_is_first in [false, true] {
            let [client, peer] = [(); 2].map(|()| pairs.add(socket()));
            pairs.join(client, peer);
            let (first, second) = if peer_is_first { (peer, client) } else { (client, peer) };
            assert!(matches!(pairs.ended(first), Left::Partner(left) if left.as_raw_fd() == second));
            assert!(pairs.socket(first).is_none() && pairs.socket(second).is_some());
            assert_eq!(pairs.partner(second).map(AsRawFd::as_raw_fd), Some(first), "it still takes bytes");
            assert!(matches!(pairs.ended(second), Left::Nothing));
            assert_eq!(pairs.part(second).map(|socket| socket.as_raw_fd()), Some(peer));
            assert_eq!(pairs.count(), 0);
        }
        let alone = pairs.add(socket());
        assert!(matches!(pairs.ended(alone), Left::Nothing));
        assert!(pairs.part(alone).is_none() && pairs.part(alone).is_none());
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
