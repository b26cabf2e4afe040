//! The fields of a head: one store of bytes and one index, in the order they came. Names keep their spelling; which of the
//! known ones a name is was looked at once, and a word tells which are there. What `Connection` says is read once too.

use super::connection::Options;
use super::encode;
use super::name::{Name, Names};
use super::token;

/// Where a field's name and value lie in the store.
#[derive(Debug, Clone, Copy)]
struct Entry {
    name_at: u32,
    name_bytes: u32,
    value_at: u32,
    value_bytes: u32,
    known: Name,
}

/// Fields in order.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    store: Vec<u8>,
    index: Vec<Entry>,
    /// The names that are there; others stay in it once they were.
    present: Names,
    connection: Options,
}

impl Fields {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With room for `count` fields of `bytes` altogether.
    #[must_use]
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        Self { store: Vec::with_capacity(bytes), index: Vec::with_capacity(count), ..Self::default() }
    }

    /// Fields whose names and values are parts of `block`, which is copied as it is: one copy instead of two for each
    /// field. A part from elsewhere is left out, and so are other names that are not `kept`.
    pub fn of_block<'b>(
        block: &'b [u8],
        parts: impl ExactSizeIterator<Item = (&'b [u8], &'b [u8])>,
        kept: impl Fn(&[u8]) -> bool,
    ) -> Self {
        let mut fields = Self::with_capacity(parts.len(), block.len());
        fields.store.extend_from_slice(block);
        for (name, value) in parts {
            let known = Name::of(name);
            if known == Name::Other && !kept(name) {
                continue;
            }
            if let (Some((name_at, name_bytes)), Some((value_at, value_bytes))) =
                (place(block, name), place(block, value))
            {
                fields.add(Entry { name_at, name_bytes, value_at, value_bytes, known }, value);
            }
        }
        fields
    }

    /// Appends a field.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        self.push_spelled(Name::of(name), name, value);
    }

    /// Appends a field with a known name in its usual spelling.
    pub fn push_known(&mut self, known: Name, value: &[u8]) {
        self.push_spelled(known, known.as_bytes(), value);
    }

    /// Appends a field whose name was looked at. Beyond four gigabytes, which no bound on heads lets through, it is left
    /// out.
    pub fn push_spelled(&mut self, known: Name, name: &[u8], value: &[u8]) {
        let (Ok(name_at), Ok(name_bytes)) = (u32::try_from(self.store.len()), u32::try_from(name.len())) else {
            return;
        };
        let (Some(value_at), Ok(value_bytes)) = (name_at.checked_add(name_bytes), u32::try_from(value.len())) else {
            return;
        };
        if value_at.checked_add(value_bytes).is_none() {
            return;
        }
        self.store.reserve(name.len() + value.len());
        self.store.extend_from_slice(name);
        self.store.extend_from_slice(value);
        self.add(Entry { name_at, name_bytes, value_at, value_bytes, known }, value);
    }

    /// Takes the place of all fields of that name, at the end.
    pub fn set(&mut self, name: Name, value: &[u8]) {
        self.remove(name);
        self.push_known(name, value);
    }

    /// Name and value of each field in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index.iter().map(|entry| (self.name(entry), self.value(entry)))
    }

    /// The same with what the name is.
    pub fn iter_known(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.index.iter().map(|entry| (entry.known, self.name(entry), self.value(entry)))
    }

    /// The value of the first field of a known name.
    #[must_use]
    #[inline]
    pub fn first(&self, name: Name) -> Option<&[u8]> {
        if self.has(name) { self.find(name) } else { None }
    }

    /// One copy for all who ask: mostly the name is not there.
    #[inline(never)]
    fn find(&self, name: Name) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The values of all fields of a known name.
    #[inline]
    pub fn all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        let index: &[Entry] = if self.has(name) { &self.index } else { &[] };
        index.iter().filter(move |entry| entry.known == name).map(|entry| self.value(entry))
    }

    /// The values of all fields of any name.
    pub fn all_named<'f>(&'f self, name: &[u8]) -> impl Iterator<Item = &'f [u8]> {
        let known = Name::of(name);
        let is_it = move |entry: &&Entry| {
            entry.known == known && (known != Name::Other || token::is_same(self.name(entry), name))
        };
        self.index.iter().filter(is_it).map(|entry| self.value(entry))
    }

    /// The only field of a known name: `Err` with their number when there are several.
    ///
    /// # Errors
    /// There is more than one.
    #[inline]
    pub fn only(&self, name: Name) -> Result<Option<&[u8]>, usize> {
        if self.has(name) { self.find_only(name) } else { Ok(None) }
    }

    #[inline(never)]
    fn find_only(&self, name: Name) -> Result<Option<&[u8]>, usize> {
        let mut all = self.all(name);
        match (all.next(), all.count()) {
            (value, 0) => Ok(value),
            (_, more) => Err(more + 1),
        }
    }

    /// How many fields have a known name.
    #[must_use]
    pub fn count(&self, name: Name) -> usize {
        self.all(name).count()
    }

    /// Whether a known name is there.
    #[must_use]
    #[inline]
    pub fn has(&self, name: Name) -> bool {
        self.present.has(name)
    }

    /// Whether one of several known names is there.
    #[must_use]
    pub fn has_any(&self, names: Names) -> bool {
        self.present.meets(names)
    }

    /// What the `Connection` fields say.
    #[must_use]
    pub fn connection(&self) -> Options {
        self.connection
    }

    /// Removes all fields of a known name.
    pub fn remove(&mut self, name: Name) {
        if !self.has(name) {
            return;
        }
        self.index.retain(|entry| entry.known != name);
        self.present.remove(name);
        if name == Name::Connection {
            self.connection = Options::default();
        }
    }

    /// Whether a comma list under a known name has the token, in any of its fields, without case.
    #[must_use]
    #[inline(never)]
    pub fn has_token(&self, name: Name, token: &[u8]) -> bool {
        // Most lists have one element.
        let has = |list| token::is_same(list, token) || token::elements(list).any(|one| token::is_same(one, token));
        self.all(name).any(has)
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

    fn add(&mut self, entry: Entry, value: &[u8]) {
        self.index.push(entry);
        self.present.add(entry.known);
        if entry.known == Name::Connection {
            self.connection.add(value);
        }
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        &self.store[range(entry.name_at, entry.name_bytes)]
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        &self.store[range(entry.value_at, entry.value_bytes)]
    }
}

/// Equal when the same fields stand in the same order with the same spelling.
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

/// Where a part of a block begins in it, and how long it is.
fn place(block: &[u8], part: &[u8]) -> Option<(u32, u32)> {
    let at = part.as_ptr().addr().checked_sub(block.as_ptr().addr())?;
    let is_inside = at.checked_add(part.len())? <= block.len();
    if is_inside { Some((u32::try_from(at).ok()?, u32::try_from(part.len()).ok()?)) } else { None }
}

fn range(at: u32, bytes: u32) -> std::ops::Range<usize> {
    at as usize..at as usize + bytes as usize
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
        assert_eq!(fields.first(Name::Host), Some(b"a".as_slice()));
        assert_eq!(fields.first(Name::Upgrade), None);
        assert_eq!(fields.all(Name::Cookie).collect::<Vec<_>>(), [b"x=1", b"y=2"]);
        assert_eq!(fields.count(Name::Cookie), 2);
        assert_eq!(fields.only(Name::Cookie), Err(2));
        assert_eq!(fields.only(Name::Host), Ok(Some(b"a".as_slice())));
        assert_eq!(fields.only(Name::Upgrade), Ok(None));
        assert!(fields.has_any(Names::of(&[Name::Upgrade, Name::Host])) && !fields.has_any(Names::of(&[Name::Te])));
        assert_eq!(fields.iter().nth(3), Some((b"COOKIE".as_slice(), b"y=2".as_slice())));
        assert_eq!(fields.iter_known().nth(4), Some((Name::Other, b"X-Empty".as_slice(), b"".as_slice())));
    }

    #[test]
    fn any_name_can_be_asked_for() {
        let mut fields = sample();
        fields.push(b"x-Other", b"1");
        fields.push(b"X-OTHER", b"2");
        let all = |name: &[u8]| fields.all_named(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!(all(b"x-other"), [b"1", b"2"]);
        assert_eq!(all(b"cooKIE"), [b"x=1", b"y=2"]);
        assert_eq!(all(b"x-empty"), [b""]);
        assert!(all(b"x-othes").is_empty() && all(b"te").is_empty() && all(b"").is_empty());
    }

    #[test]
    fn tokens_are_whole_elements() {
        let fields = sample();
        assert!(fields.has_token(Name::Connection, b"upgrade"));
        assert!(fields.has_token(Name::Connection, b"KEEP-ALIVE"));
        assert!(!fields.has_token(Name::Connection, b"keep"));
        assert!(!fields.has_token(Name::Upgrade, b"upgrade"));
    }

    #[test]
    fn what_connection_says_is_known() {
        let mut fields = sample();
        let upgrading = Options { keep_alive: true, upgrade: true, ..Options::default() };
        assert_eq!(fields.connection(), upgrading);
        fields.push(b"CONNECTION", b"close");
        assert_eq!(fields.connection(), Options { close: true, ..upgrading });
        fields.set(Name::Connection, b"x");
        assert_eq!(fields.connection(), Options { has_names: true, ..Options::default() });
    }

    #[test]
    fn a_block_keeps_its_parts() {
        let block = b"Host: a\r\nX:b\r\nConnection: close\r\nU: c\r\n";
        let parts: [(&[u8], &[u8]); 5] = [
            (&block[..4], &block[6..7]),
            (b"Y", b"elsewhere"),
            (&block[9..10], &block[11..12]),
            (&block[14..24], &block[26..31]),
            (&block[33..34], &block[36..37]),
        ];
        let mut fields = Fields::of_block(block, parts.into_iter(), |name| name != b"U");
        fields.push(b"Z", b"c");
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(all, [(b"Host".as_slice(), b"a".as_slice()), (b"X", b"b"), (b"Connection", b"close"), (b"Z", b"c")]);
        assert!(fields.connection().close);
    }

    #[test]
    fn removal_takes_all_of_a_name() {
        let mut fields = sample();
        fields.remove(Name::Cookie);
        assert_eq!(fields.len(), 3);
        assert!(!fields.has(Name::Cookie));
        fields.set(Name::Host, b"b");
        assert_eq!(fields.first(Name::Host), Some(b"b".as_slice()));
        let mut out = Vec::new();
        fields.encode_into(&mut out);
        assert_eq!(out, b"connection: keep-alive, Upgrade\r\nX-Empty: \r\nHost: b\r\n");
    }
}
