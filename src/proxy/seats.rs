//! Who waits, by numbered seats: to sit down and to get up are a few stores each, however many there are.

/// Places that are kept when nobody sits any more: fewer take less than what it costs to ask for them again.
const KEPT: usize = 256;

/// One place.
enum Seat<T> {
    Taken(T),
    /// With the next free one, or one past the last.
    Free(usize),
}

/// All places.
pub(super) struct Seats<T> {
    seats: Vec<Seat<T>>,
    /// The first free seat; the others follow.
    free: usize,
    taken_count: usize,
}

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self { seats: Vec::new(), free: 0, taken_count: 0 }
    }
}

impl<T> Seats<T> {
    /// Takes a free seat and says which.
    pub fn take(&mut self, who: T) -> usize {
        let (seat, taken) = (self.free, Seat::Taken(who));
        match self.seats.get_mut(seat) {
            Some(free) => {
                if let Seat::Free(next) = std::mem::replace(free, taken) {
                    self.free = next;
                }
            }
            None => {
                self.seats.push(taken);
                self.free = self.seats.len();
            }
        }
        self.taken_count += 1;
        seat
    }

    /// Frees a seat that was taken. With the last one a burst is over, and its memory goes back.
    pub fn leave(&mut self, seat: usize) {
        let Some(place @ Seat::Taken(_)) = self.seats.get_mut(seat) else { return };
        *place = Seat::Free(std::mem::replace(&mut self.free, seat));
        self.taken_count -= 1;
        if self.taken_count == 0 && self.seats.capacity() > KEPT {
            *self = Self::default();
        }
    }

    pub fn taken(&self) -> impl Iterator<Item = &T> {
        self.seats.iter().filter_map(|seat| match seat {
            Seat::Taken(who) => Some(who),
            Seat::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_used_again() {
        let mut seats = Seats::default();
        assert_eq!((seats.take('a'), seats.take('b'), seats.take('c')), (0, 1, 2));
        seats.leave(1);
        seats.leave(0);
        seats.leave(0);
        assert_eq!(seats.taken().collect::<String>(), "c");
        assert_eq!((seats.take('d'), seats.take('e'), seats.take('f')), (0, 1, 3));
        assert_eq!(seats.taken().collect::<String>(), "decf");
    }

    #[test]
    fn a_burst_keeps_nothing() {
        let mut seats = Seats::default();
        for round in 0..2 {
            let taken: Vec<usize> = (0..4 * KEPT).map(|who| seats.take(who)).collect();
            assert_eq!(taken, (0..4 * KEPT).collect::<Vec<usize>>(), "round {round}");
            taken.into_iter().rev().for_each(|seat| seats.leave(seat));
            assert_eq!(seats.seats.capacity(), 0);
        }
        let seat = seats.take(0);
        seats.leave(seat);
        assert!(seats.seats.capacity() > 0, "few are kept");
    }
}
