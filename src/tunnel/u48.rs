//! A count of bytes in six bytes, since a tunnel has four of them.

/// Up to 281 TB, and never more: days at 10 Gbit/s and years at less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct U48([u16; 3]);

impl U48 {
    pub const MAX: u64 = (1 << 48) - 1;

    /// The largest value stands for all that are larger.
    pub fn saturating(value: u64) -> U48 {
        let value = value.min(Self::MAX);
        U48([(value >> 32) as u16, (value >> 16) as u16, value as u16])
    }

    pub fn value(self) -> u64 {
        self.0.iter().fold(0, |value, part| value << 16 | u64::from(*part))
    }

    pub fn is_zero(self) -> bool {
        self.0 == [0; 3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_and_a_larger_one_is_the_largest() {
        for value in [0, 1, 0xffff, 0x1_0000, 0x1234_5678_9abc, U48::MAX] {
            assert_eq!(U48::saturating(value).value(), value);
            assert_eq!(U48::saturating(value).is_zero(), value == 0);
        }
        assert_eq!(U48::saturating(u64::MAX).value(), U48::MAX);
    }
}
