//! Sharing out clients by a hash: the same text always gets the same share, on nginx too.

use crate::model::Split;

/// The share that a text falls into; empty where the shares leave room.
#[must_use]
pub fn lookup<'s>(split: &'s Split, text: &[u8]) -> &'s [u8] {
    let hash = murmur2(text);
    let found = split.parts.iter().find(|part| part.end.is_none_or(|end| hash < end));
    found.map_or(b"", |part| &part.value)
}

/// MurmurHash2 with seed 0, 32 bits.
fn murmur2(text: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = text.len() as u32;
    let (words, rest) = text.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SplitPart;

    fn split(parts: &[(Option<u32>, &str)]) -> Split {
        Split {
            name: "share".into(),
            source: crate::model::Template::default(),
            parts: parts.iter().map(|(end, value)| SplitPart { end: *end, value: value.as_bytes().into() }).collect(),
        }
    }

    #[test]
    fn shares_are_as_large_as_they_say() {
        let split = split(&[(Some(u32::MAX / 4), "a"), (None, "b")]);
        let count = (0..10_000).filter(|n: &u32| lookup(&split, n.to_string().as_bytes()) == b"a").count();
        assert!((2300..2700).contains(&count), "{count}");
    }

    #[test]
    fn what_no_share_covers_is_empty() {
        assert_eq!(lookup(&split(&[(Some(0), "a")]), b"x"), b"");
        assert_eq!(lookup(&split(&[]), b"x"), b"");
    }

    #[test]
    fn the_hash_is_murmur2_for_every_length_of_its_tail() {
        assert_eq!(murmur2(b""), 0);
        let hashes: Vec<u32> = [b"a".as_slice(), b"ab", b"abc", b"abcd", b"abcde"].map(murmur2).to_vec();
        let mut distinct = hashes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), hashes.len());
    }
}
