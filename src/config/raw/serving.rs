//! `http` and `stream` as blocks: what their servers share.

use std::time::Duration;

use super::{RawGeo, RawLevel, RawLogFormat, RawMap, RawServer, RawSplit, RawUpstream, RawZone};
use crate::config::lexer::Word;
use crate::config::names::Names;
use crate::config::source::Span;
use crate::model::Protocol;

/// `http` or `stream`.
#[derive(Debug)]
pub struct RawServing {
    pub protocol: Protocol,
    pub span: Span,
    /// The variables of the block.
    pub names: Names,
    /// How many maps, and of the others, the blocks before have: all are numbered together.
    pub first_map: usize,
    pub first_geo: usize,
    pub first_split: usize,
    pub level: RawLevel,
    pub servers: Vec<RawServer>,
    pub upstreams: Vec<RawUpstream>,
    pub maps: Vec<RawMap>,
    pub geos: Vec<RawGeo>,
    pub zones: Vec<RawZone>,
    pub splits: Vec<RawSplit>,
    pub log_formats: Vec<RawLogFormat>,
}

impl RawServing {
    /// A block without anything in it, behind those before.
    #[must_use]
    pub fn new(protocol: Protocol, span: Span, before: &[Self]) -> Self {
        let last = before.last();
        Self {
            protocol,
            span,
            names: Names::default(),
            first_map: last.map_or(0, |last| last.first_map + last.maps.len()),
            first_geo: last.map_or(0, |last| last.first_geo + last.geos.len()),
            first_split: last.map_or(0, |last| last.first_split + last.splits.len()),
            level: RawLevel::default(),
            servers: Vec::new(),
            upstreams: Vec::new(),
            maps: Vec::new(),
            geos: Vec::new(),
            zones: Vec::new(),
            splits: Vec::new(),
            log_formats: Vec::new(),
        }
    }
}

/// What acts in `stream` alone.
#[derive(Debug, Default)]
pub struct RawStream {
    pub timeout: Option<Duration>,
    pub half_close: Option<bool>,
    pub proxy_protocol: Option<bool>,
    pub upload_rate: Option<Word>,
    pub download_rate: Option<Word>,
    pub handshake_timeout: Option<Duration>,
    pub ssl: Option<bool>,
}
