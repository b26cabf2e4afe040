//! The locations of one level (a server, or a location with nested ones), indexed for lookup.
//!
//! Prefixes and exact paths stand in one list sorted by path. The longest prefix of a path is found by one binary
//! search and a walk over `enclosing`, whose length is how deep prefixes contain each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::captures::{self, Captures, MatchError};
use crate::model::{Content, Location, Matching};

/// Locations of one level.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// Sorted by path; a path is there once.
    entries: Vec<Entry>,
    /// Entries whose path less its final `/` is redirected to it, sorted by path.
    slashes: Vec<u32>,
    /// How long those paths are without it: a bit for each length, the highest for all beyond.
    stem_lengths: u64,
    /// In the order of the file.
    expressions: Vec<Place>,
}

#[derive(Debug)]
struct Entry {
    path: Box<[u8]>,
    exact: Option<Arc<Location>>,
    prefix: Option<Prefix>,
    /// The longest other prefix that this path begins with.
    enclosing: Option<u32>,
}

#[derive(Debug)]
struct Prefix {
    wins_over_regex: bool,
    place: Place,
}

/// A location and what is nested in it.
#[derive(Debug)]
struct Place {
    location: Arc<Location>,
    /// `None` where nothing is.
    inner: Option<Box<Level>>,
}

/// How far a level has come with a path. Captures of expressions that led here are kept beside it.
enum Found<'l> {
    Nothing,
    /// An exact path or an expression: no outer expression is asked.
    Final(&'l Arc<Location>),
    /// A prefix: expressions of the levels around it may still take the request.
    Prefix(&'l Arc<Location>),
    /// The path lacks the final slash of this location.
    AddSlash(&'l Arc<Location>),
}

/// Result of [`Level::locate`].
#[derive(Default)]
pub(super) struct Choice<'l> {
    pub location: Option<&'l Arc<Location>>,
    pub captures: Option<Box<Captures>>,
    pub add_slash: bool,
}

impl Level {
    pub(super) fn new(locations: &[Arc<Location>]) -> Self {
        let mut level = Self::default();
        let mut entries: HashMap<&[u8], Entry> = HashMap::new();
        for location in locations {
            match &location.matching {
                Matching::Exact(path) => {
                    let entry = entries.entry(path).or_insert_with(|| Entry::new(path));
                    entry.exact.get_or_insert_with(|| Arc::clone(location));
                }
                Matching::Prefix { path, wins_over_regex } => {
                    let entry = entries.entry(path).or_insert_with(|| Entry::new(path));
                    entry.prefix.get_or_insert_with(|| Prefix {
                        wins_over_regex: *wins_over_regex,
                        place: Place::new(location),
                    });
                }
                Matching::Regex(_) => level.expressions.push(Place::new(location)),
                // Found by name and never by path; a server is no location.
                Matching::Named(_) | Matching::Server | Matching::Inner => {}
            }
        }
        level.entries = entries.into_values().collect();
        level.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        level.link();
        level
    }

    /// Fills `enclosing` and `slashes`.
    fn link(&mut self) {
        let mut open: Vec<u32> = Vec::new();
        for at in 0..self.entries.len() {
            let path = &self.entries[at].path;
            while open.last().is_some_and(|&outer| !path.starts_with(&self.entries[outer as usize].path)) {
                open.pop();
            }
            let enclosing = open.last().copied();
            // A file has at most 64 MiB, so fewer than 2^32 locations.
            let number = at as u32;
            if self.entries[at].redirects() {
                self.stem_lengths |= length_bit(self.entries[at].stem());
                self.slashes.push(number);
            }
            if self.entries[at].prefix.is_some() {
                open.push(number);
            }
            self.entries[at].enclosing = enclosing;
        }
        // Without the final slash the order can be another: "/a!" stands before "/a/".
        let entries = &self.entries;
        self.slashes.sort_unstable_by(|a, b| entries[*a as usize].stem().cmp(entries[*b as usize].stem()));
    }

    /// nginx's search: see [`super::locate`].
    pub(super) fn locate(&self, path: &[u8]) -> Result<Choice<'_>, MatchError> {
        let mut captures = None;
        let found = self.search(path, &mut captures)?;
        let choice = match found {
            Found::Nothing => Choice { location: None, captures, add_slash: false },
            Found::Final(location) | Found::Prefix(location) => {
                Choice { location: Some(location), captures, add_slash: false }
            }
            Found::AddSlash(location) => Choice { location: Some(location), captures, add_slash: true },
        };
        Ok(choice)
    }

    fn search(&self, path: &[u8], captures: &mut Option<Box<Captures>>) -> Result<Found<'_>, MatchError> {
        let mut found = Found::Nothing;
        let mut asks_expressions = true;
        match self.by_path(path) {
            Static::Exact(location) => return Ok(Found::Final(location)),
            Static::AddSlash(location) => return Ok(Found::AddSlash(location)),
            Static::Prefix(prefix) => {
                asks_expressions = !prefix.wins_over_regex;
                found = match prefix.place.search(path, captures)? {
                    Found::Nothing => Found::Prefix(&prefix.place.location),
                    Found::Prefix(location) => Found::Prefix(location),
                    inner @ (Found::Final(_) | Found::AddSlash(_)) => return Ok(inner),
                };
            }
            Static::Nothing => {}
        }
        if !asks_expressions {
            return Ok(found);
        }
        for place in &self.expressions {
            let Matching::Regex(pattern) = &place.location.matching else { continue };
            let Some(mut new) = captures::find(pattern, path)? else { continue };
            if let Some(earlier) = captures {
                new.keep_named_of(earlier);
            }
            *captures = Some(Box::new(new));
            // An expression is final, and a redirect found inside it is not made: as in nginx.
            return Ok(match place.search(path, captures)? {
                Found::Nothing => Found::Final(&place.location),
                Found::Final(inner) | Found::Prefix(inner) | Found::AddSlash(inner) => Found::Final(inner),
            });
        }
        Ok(found)
    }

    fn by_path(&self, path: &[u8]) -> Static<'_> {
        let next = match self.entries.binary_search_by(|entry| (*entry.path).cmp(path)) {
            Ok(at) => match &self.entries[at] {
                Entry { exact: Some(location), .. } => return Static::Exact(location),
                Entry { prefix: Some(prefix), .. } => return Static::Prefix(prefix),
                Entry { exact: None, prefix: None, .. } => at,
            },
            Err(next) => next,
        };
        if let Some(location) = self.slash_added(path) {
            return Static::AddSlash(location);
        }
        // Whatever stands between a prefix of the path and the path itself begins with that prefix, so the entry
        // before the path is enclosed in the longest one.
        let mut at = next.checked_sub(1);
        while let Some(entry) = at.and_then(|at| self.entries.get(at)) {
            if let Some(prefix) = &entry.prefix
                && path.starts_with(&entry.path)
            {
                return Static::Prefix(prefix);
            }
            at = entry.enclosing.map(|at| at as usize);
        }
        Static::Nothing
    }

    fn slash_added(&self, path: &[u8]) -> Option<&Arc<Location>> {
        if self.stem_lengths & length_bit(path) == 0 {
            return None;
        }
        let found = self.slashes.binary_search_by(|at| self.entries[*at as usize].stem().cmp(path)).ok()?;
        let entry = &self.entries[self.slashes[found] as usize];
        entry.exact.as_ref().or(entry.prefix.as_ref().map(|prefix| &prefix.place.location))
    }
}

enum Static<'l> {
    Nothing,
    Exact(&'l Arc<Location>),
    Prefix(&'l Prefix),
    AddSlash(&'l Arc<Location>),
}

impl Entry {
    fn new(path: &[u8]) -> Self {
        Self { path: path.into(), exact: None, prefix: None, enclosing: None }
    }

    /// The path without its final slash, if it has one.
    fn stem(&self) -> &[u8] {
        self.path.strip_suffix(b"/").unwrap_or(&self.path)
    }

    /// `proxy_pass` in a location whose path ends in `/` makes nginx answer 301 to the path without it.
    fn redirects(&self) -> bool {
        let proxies = |location: &Location| matches!(location.content, Content::Proxy(_));
        self.path.ends_with(b"/")
            && (self.exact.as_deref().is_some_and(proxies)
                || self.prefix.as_ref().is_some_and(|prefix| proxies(&prefix.place.location)))
    }
}

impl Place {
    fn new(location: &Arc<Location>) -> Self {
        let inner = Level::new(&location.children);
        let is_empty = inner.entries.is_empty() && inner.expressions.is_empty();
        Self { location: Arc::clone(location), inner: (!is_empty).then(|| Box::new(inner)) }
    }

    /// What of it, if anything, the path is inside.
    fn search(&self, path: &[u8], captures: &mut Option<Box<Captures>>) -> Result<Found<'_>, MatchError> {
        self.inner.as_ref().map_or(Ok(Found::Nothing), |inner| inner.search(path, captures))
    }
}

/// Its bit among [`Level::stem_lengths`].
fn length_bit(path: &[u8]) -> u64 {
    1 << path.len().min(63)
}
