//! The fields of a head: one store of bytes and one index, in the order they came. Names keep their spelling and are
//! compared without case. A head has few fields, and is asked for many more than it has: a word tells of most names that
//! they are not there. For others the index is walked, lengths compared first.

use super::encode;
use super::token;

/// Where a field's name and value lie in the store.
#[derive(Debug, Clone, Copy)]
struct Entry {
    name_at: u32,
    name_bytes: u32,
    value_at: u32,
    value_bytes: u32,
}

/// Fields in order.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    store: Vec<u8>,
    index: Vec<Entry>,
    /// A bit for each name, see [`mark`]: of those that were removed too.
    marks: u64,
}

impl Fields {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With room for `count` fields of `bytes` altogether.
    #[must_use]
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        Self { store: Vec::with_capacity(bytes), index: Vec::with_capacity(count), marks: 0 }
    }

    /// Fields whose names and values are parts of `block`, which is copied as it is: one copy instead of two for each
    /// field. A part from elsewhere is left out.
    pub fn of_block<'b>(block: &'b [u8], parts: impl ExactSizeIterator<Item = (&'b [u8], &'b [u8])>) -> Self {
        let mut fields = Self::with_capacity(parts.len(), block.len());
        fields.store.extend_from_slice(block);
        for (name, value) in parts {
            if let (Some((name_at, name_bytes)), Some((value_at, value_bytes))) =
                (place(block, name), place(block, value))
            {
                fields.index.push(Entry { name_at, name_bytes, value_at, value_bytes });
                fields.marks |= mark(name);
            }
        }
        fields
    }

    /// Appends a field. Beyond four gigabytes, which no bound on heads lets through, it is left out.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let (Ok(name_at), Ok(name_bytes)) = (u32::try_from(self.store.len()), u32::try_from(name.len())) else {
            return;
        };
        let (Some(value_at), Ok(value_bytes)) = (name_at.checked_add(name_bytes), u32::try_from(value.len())) else {
            return;
        };
        if value_at.checked_add(value_bytes).is_none() {
            return;
        }
        self.store.extend_from_slice(name);
        self.store.extend_from_slice(value);
        self.index.push(Entry { name_at, name_bytes, value_at, value_bytes });
        self.marks |= mark(name);
    }

    /// Takes the place of all fields of that name, at the end.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.push(name, value);
    }

    /// Name and value of each field in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index.iter().map(|entry| (self.name(entry), self.value(entry)))
    }

    /// The value of the first field of that name.
    #[must_use]
    #[inline(always)]
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        let entries = self.entries(name);
        if entries.is_empty() { None } else { self.first_of(entries, name) }
    }

    /// The values of all fields of that name.
    #[inline]
    pub fn all<'f>(&'f self, name: &[u8]) -> impl Iterator<Item = &'f [u8]> {
        self.entries(name).iter().filter(move |entry| self.is_named(entry, name)).map(|entry| self.value(entry))
    }

    /// The only field of that name: `Err` with their number when there are several.
    ///
    /// # Errors
    /// There is more than one.
    #[inline]
    pub fn only<'f>(&'f self, name: &[u8]) -> Result<Option<&'f [u8]>, usize> {
        let mut all = self.all(name);
        match (all.next(), all.count()) {
            (value, 0) => Ok(value),
            (_, more) => Err(more + 1),
        }
    }

    /// How many fields have that name.
    #[must_use]
    pub fn count(&self, name: &[u8]) -> usize {
        self.entries(name).iter().filter(|entry| self.is_named(entry, name)).count()
    }

    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        self.entries(name).iter().any(|entry| self.is_named(entry, name))
    }

    /// Removes all fields of that name.
    pub fn remove(&mut self, name: &[u8]) {
        if self.marks & mark(name) == 0 {
            return;
        }
        let store = &self.store;
        self.index.retain(|entry| !named(store, entry, name));
    }

    /// Keeps the fields whose names the function accepts.
    pub fn retain_names(&mut self, mut keep: impl FnMut(&[u8]) -> bool) {
        let store = &self.store;
        self.index.retain(|entry| keep(&store[range(entry.name_at, entry.name_bytes)]));
    }

    /// Whether a comma list under that name has the token, in any of its fields, without case.
    #[must_use]
    #[inline]
    pub fn has_token(&self, name: &[u8], token: &[u8]) -> bool {
        self.all(name).any(|list| token::elements(list).any(|element| element.eq_ignore_ascii_case(token)))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Appends all fields as lines, without the empty line that ends a head.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.reserve(self.store.len() + 4 * self.index.len());
        for (name, value) in self.iter() {
            encode::field(out, name, value);
        }
    }

    #[inline(never)]
    fn first_of(&self, entries: &[Entry], name: &[u8]) -> Option<&[u8]> {
        entries.iter().find(|entry| self.is_named(entry, name)).map(|entry| self.value(entry))
    }

    /// Those among which a name may be. Most names that are asked for are constants: inlined, their mark is one too.
    #[inline(always)]
    fn entries(&self, name: &[u8]) -> &[Entry] {
        if self.marks & mark(name) == 0 { &[] } else { &self.index }
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        &self.store[range(entry.name_at, entry.name_bytes)]
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        &self.store[range(entry.value_at, entry.value_bytes)]
    }

    fn is_named(&self, entry: &Entry, name: &[u8]) -> bool {
        named(&self.store, entry, name)
    }
}

/// Equal when the same fields stand in the same order with the same spelling.
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

/// One of 64 bits for a name, the same for each spelling of it.
#[inline(always)]
fn mark(name: &[u8]) -> u64 {
    let letter = |byte: Option<&u8>| byte.map_or(0, |byte| u32::from(byte | 0x20));
    let sum = letter(name.first()).wrapping_mul(7) + letter(name.last()).wrapping_mul(3) + name.len() as u32;
    1 << (sum % 64)
}

/// Where a part of a block begins in it, and how long it is.
fn place(block: &[u8], part: &[u8]) -> Option<(u32, u32)> {
    let at = part.as_ptr().addr().checked_sub(block.as_ptr().addr())?;
    let is_inside = at.checked_add(part.len())? <= block.len();
    if is_inside { Some((u32::try_from(at).ok()?, u32::try_from(part.len()).ok()?)) } else { None }
}

fn range(at: u32, bytes: u32) -> std::ops::Range<usize> {
    at as usize..at as usize + bytes as usize
}

fn named(store: &[u8], entry: &Entry, name: &[u8]) -> bool {
    entry.name_bytes as usize == name.len() && token::is_same(&store[range(entry.name_at, entry.name_bytes)], name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Fields {
        let mut fields = Fields::new();
        fields.push(b"Host", b"a");
        fields.push(b"Cookie", b"x=1");
        fields.push(b"connection", b"keep-alive, Upgrade");
        fields.push(b"COOKIE", b"y=2");
        fields.push(b"X-Empty", b"");
        fields
    }

    #[test]
    fn names_are_found_without_case_and_keep_their_spelling() {
        let fields = sample();
        assert_eq!(fields.first(b"host"), Some(b"a".as_slice()));
        assert_eq!(fields.first(b"x-empty"), Some(b"".as_slice()));
        assert_eq!(fields.first(b"nothing"), None);
        assert_eq!(fields.all(b"cookie").collect::<Vec<_>>(), [b"x=1", b"y=2"]);
        assert_eq!(fields.count(b"cookie"), 2);
        assert_eq!(fields.only(b"cookie"), Err(2));
        assert_eq!(fields.only(b"host"), Ok(Some(b"a".as_slice())));
        assert_eq!(fields.only(b"nothing"), Ok(None));
        assert_eq!(fields.iter().nth(3), Some((b"COOKIE".as_slice(), b"y=2".as_slice())));
    }

    #[test]
    fn every_spelling_has_the_same_mark_and_most_names_have_their_own() {
        let names = [
            "accept-encoding",
            "authorization",
            "connection",
            "content-length",
            "content-type",
            "cookie",
            "expect",
            "host",
            "te",
            "transfer-encoding",
            "upgrade",
            "x-accel-buffering",
            "x-accel-redirect",
            "x-forwarded-for",
        ];
        for name in names {
            assert_eq!(mark(name.as_bytes()), mark(name.to_ascii_uppercase().as_bytes()));
        }
        let marks = names.iter().fold(0, |marks, name| marks | mark(name.as_bytes()));
        assert!(marks.count_ones() as usize >= names.len() - 3, "{}", marks.count_ones());
        assert_eq!(Fields::new().first(b""), None);
    }

    #[test]
    fn tokens_are_whole_elements() {
        let fields = sample();
        assert!(fields.has_token(b"Connection", b"upgrade"));
        assert!(fields.has_token(b"Connection", b"KEEP-ALIVE"));
        assert!(!fields.has_token(b"Connection", b"keep"));
        assert!(!fields.has_token(b"Upgrade", b"upgrade"));
    }

    #[test]
    fn a_block_keeps_its_parts() {
        let block = b"Host: a\r\nX:b\r\n";
        let parts: [(&[u8], &[u8]); 3] =
            [(&block[..4], &block[6..7]), (b"Y", b"elsewhere"), (&block[9..10], &block[11..12])];
        let mut fields = Fields::of_block(block, parts.into_iter());
        fields.push(b"Z", b"c");
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(all, [(b"Host".as_slice(), b"a".as_slice()), (b"X", b"b"), (b"Z", b"c")]);
    }

    #[test]
    fn removal_takes_all_of_a_name() {
        let mut fields = sample();
        fields.remove(b"cookie");
        assert_eq!(fields.len(), 3);
        assert!(!fields.has(b"cookie"));
        fields.set(b"host", b"b");
        assert_eq!(fields.first(b"Host"), Some(b"b".as_slice()));
        let mut out = Vec::new();
        fields.encode_into(&mut out);
        assert_eq!(out, b"connection: keep-alive, Upgrade\r\nX-Empty: \r\nhost: b\r\n");
    }
}
