//! `geo`: a variable that depends on an address; and `split_clients`: one that shares out values by a hash.

use std::sync::Arc;

use super::{Network, Template};

/// One `geo` block.
#[derive(Debug)]
pub struct Geo {
    /// Name of the variable, without `$`.
    pub name: Box<str>,
    /// The address; `None` is the client's.
    pub source: Option<Template>,
    /// `proxy`: of a client from there the last address of `X-Forwarded-For` counts.
    pub proxies: Box<[Network]>,
    /// `proxy_recursive`: the last one that is no proxy itself.
    pub proxy_recursive: bool,
    /// `ranges`: only IPv4 is looked up.
    pub uses_ranges: bool,
    /// The value is found anew at each use (`volatile`).
    pub volatile: bool,
    /// Disjoint, in order.
    pub v4: Box<[GeoRange<u32>]>,
    pub v6: Box<[GeoRange<u128>]>,
    /// Of addresses in no range.
    pub default: Arc<[u8]>,
}

/// Addresses that have the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeoRange<A> {
    pub first: A,
    pub last: A,
    pub value: Arc<[u8]>,
}

/// One `split_clients` block.
#[derive(Debug)]
pub struct Split {
    /// Name of the variable, without `$`.
    pub name: Box<str>,
    pub source: Template,
    /// In order.
    pub parts: Box<[SplitPart]>,
}

/// A share of all hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPart {
    /// The first hash behind it; `None` is the rest.
    pub end: Option<u32>,
    pub value: Box<[u8]>,
}
