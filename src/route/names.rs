//! Names with wildcards at one end, shared by `server_name` and `map … hostnames`.
//!
//! Keys are stored without the wildcard and its dot. A name is looked up by its own parts, so the cost grows with the
//! dots in the name and not with the number of keys.

use std::collections::HashMap;

/// What stands for `*` in front: `a.b.c` gives `b.c`, then `c`.
fn above(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.iter().enumerate().filter(|(_, b)| **b == b'.').map(|(at, _)| &name[at + 1..])
}

/// What stands for `*` at the end: `a.b.c` gives `a.b`, then `a`.
fn before(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.iter().enumerate().rev().filter(|(_, b)| **b == b'.').map(|(at, _)| &name[..at])
}

/// Exact name, then the longest leading wildcard, then the longest trailing one.
pub(super) fn lookup<'m, V>(
    exact: &'m HashMap<Box<[u8]>, V>,
    suffixes: &'m HashMap<Box<[u8]>, V>,
    prefixes: &'m HashMap<Box<[u8]>, V>,
    name: &[u8],
) -> Option<&'m V> {
    let in_suffixes = || if suffixes.is_empty() { None } else { above(name).find_map(|part| suffixes.get(part)) };
    let in_prefixes = || if prefixes.is_empty() { None } else { before(name).find_map(|part| prefixes.get(part)) };
    exact.get(name).or_else(in_suffixes).or_else(in_prefixes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_longest_first() {
        assert_eq!(above(b"a.b.c").collect::<Vec<_>>(), [&b"b.c"[..], b"c"]);
        assert_eq!(before(b"a.b.c").collect::<Vec<_>>(), [&b"a.b"[..], b"a"]);
        assert_eq!(above(b"abc").count() + before(b"").count(), 0);
    }
}
