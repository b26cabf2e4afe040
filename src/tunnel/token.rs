//! The token under which the ring speaks of a tunnel, or of a parked socket.

use super::side::Side;
use super::slab::GENERATION_MASK;

/// What a completion belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The watch of a socket.
    Watch(Side),
    /// The removal of that watch.
    Unwatch(Side),
    /// The poll of a parked socket.
    Parked,
    /// Nothing but a reason to wake up.
    Wake,
}

/// A slot's index, its generation and a purpose in 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub index: u32,
    /// Only the lower 24 bits travel.
    pub generation: u32,
    pub purpose: Purpose,
}

impl Token {
    pub const WAKE: Token = Token { index: 0, generation: 0, purpose: Purpose::Wake };

    pub fn pack(self) -> u64 {
        let purpose: u64 = match self.purpose {
            Purpose::Watch(Side::Client) => 0,
            Purpose::Watch(Side::Upstream) => 1,
            Purpose::Unwatch(Side::Client) => 2,
            Purpose::Unwatch(Side::Upstream) => 3,
            Purpose::Wake => 4,
            Purpose::Parked => 5,
        };
        u64::from(self.index) << 32 | u64::from(self.generation & GENERATION_MASK) << 8 | purpose
    }

    /// `None` for a value that [`Token::pack`] never makes.
    pub fn unpack(packed: u64) -> Option<Token> {
        let purpose = match packed & 0xff {
            0 => Purpose::Watch(Side::Client),
            1 => Purpose::Watch(Side::Upstream),
            2 => Purpose::Unwatch(Side::Client),
            3 => Purpose::Unwatch(Side::Upstream),
            4 => Purpose::Wake,
            5 => Purpose::Parked,
            6.. => return None,
        };
        Some(Token { index: (packed >> 32) as u32, generation: (packed >> 8) as u32 & GENERATION_MASK, purpose })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_packing() {
        for purpose in Side::BOTH.into_iter().flat_map(|side| [Purpose::Watch(side), Purpose::Unwatch(side)]) {
            for (index, generation) in [(0, 0), (u32::MAX, GENERATION_MASK), (7, 9)] {
                let token = Token { index, generation, purpose };
                assert_eq!(Token::unpack(token.pack()), Some(token));
            }
        }
        let parked = Token { index: 7, generation: 9, purpose: Purpose::Parked };
        assert_eq!(Token::unpack(parked.pack()), Some(parked));
        assert_eq!(Token::unpack(Token::WAKE.pack()), Some(Token::WAKE));
        assert_eq!(Token::unpack(0xff), None);
    }
}
