//! One load: texts -> trees -> raw -> model, with all faults on the way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Fault, Severity};
use super::directives::{self, core, error_log};
use super::line::Env;
use super::names::Names;
use super::parser::Parser;
use super::raw::{RawConfig, RawServing};
use super::record::Recorder;
use super::resolve;
use super::scope::{Resolve, Scope};
use super::source::{Files, Origin, Sources};
use crate::limits;
use crate::model::{Generation, Protocol, Serving};

/// Where the text comes from.
#[derive(Debug, Clone)]
pub enum Text {
    /// A file; a relative path is relative to the prefix.
    File(PathBuf),
    /// Text that this program made, with the name that messages give it.
    Generated { name: String, text: String },
}

/// What to load, and with whose help.
pub struct Request<'a> {
    pub text: Text,
    /// `-p`; without it relative paths are relative to the folder of the file.
    pub prefix: Option<PathBuf>,
    /// `-g`, read before the file in the main context.
    pub global_directives: Option<String>,
    /// `-e`: takes the place of the default error log, not of an `error_log` line.
    pub error_log: Option<PathBuf>,
    /// `$hostname` in `server_name`.
    pub hostname: String,
    /// Whether ports below 1024 may be bound: decides what a server without `listen` listens on.
    pub is_privileged: bool,
    /// [`Generation::number`].
    pub number: u64,
    pub files: &'a dyn Files,
    pub resolver: &'a dyn Resolve,
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    pub generation: Generation,
    pub warnings: Vec<Diagnostic>,
    /// All files that were read, in order, for `-T`.
    pub files: Vec<(PathBuf, String)>,
}

/// Reads a configuration.
///
/// # Errors
/// At least one and at most twenty, in the order in which they were found.
pub fn load(request: &Request<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    let prefix = request.prefix.clone().unwrap_or_else(|| match &request.text {
        Text::File(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
        Text::Generated { .. } => PathBuf::new(),
    });
    let folder = match &request.text {
        Text::File(path) => prefix.join(path).parent().unwrap_or(&prefix).to_owned(),
        Text::Generated { .. } => prefix.clone(),
    };
    let mut parser = Parser::new(request.files, folder);
    let mut nodes = match &request.global_directives {
        Some(text) => parser.read_text(Origin::CommandLine, text),
        None => Vec::new(),
    };
    nodes.append(&mut match &request.text {
        // Relative to the prefix if there is one; else the prefix is this file's own folder.
        Text::File(path) if request.prefix.is_some() => parser.read_file(&prefix.join(path), None, 0),
        Text::File(path) => parser.read_file(path, None, 0),
        Text::Generated { name, text } => parser.read_text(Origin::Generated(name.clone()), text),
    });
    let sources = parser.sources;
    let env = Env {
        prefix,
        hostname: request.hostname.clone(),
        is_privileged: request.is_privileged,
        names: RefCell::new(Names::default()),
        faults: RefCell::new(parser.faults),
        warnings: RefCell::new(Vec::new()),
    };
    let mut raw = RawConfig::default();
    Recorder::new(&env, &sources).record(&nodes, &mut raw);
    let error_logs = &raw.process.error_logs;
    let error_logs = error_log::of_process(error_logs, &env.prefix, request.error_log.clone(), &env, request.resolver);
    let process = core::resolve(raw.process, &env.prefix, error_logs);
    let serving = resolve_blocks(&env, &sources, request.resolver, raw.serving);
    let told = |faults: Vec<Fault>, severity, most| -> Vec<Diagnostic> {
        faults.into_iter().take(most).map(|fault| fault.finish(severity, &sources)).collect()
    };
    let faults = env.faults.into_inner();
    if !faults.is_empty() {
        return Err(told(faults, Severity::Emerg, limits::CONFIG_ERRORS_MAX));
    }
    let warnings = told(env.warnings.into_inner(), Severity::Warn, usize::MAX);
    let files = sources.iter().filter_map(|source| match &source.origin {
        Origin::File(path) => Some((path.clone(), source.text.clone())),
        Origin::CommandLine | Origin::Generated(_) => None,
    });
    let files = files.collect();
    Ok(Loaded { generation: Generation { number: request.number, process, serving }, warnings, files })
}

/// What `http` and `stream` come to; nothing where a line is broken: names that it would have defined would be told as
/// faults of their own.
fn resolve_blocks(env: &Env, sources: &Sources, resolver: &dyn Resolve, blocks: Vec<RawServing>) -> Serving {
    let mut serving = Serving::default();
    if !env.faults.borrow().is_empty() {
        return serving;
    }
    let mut scope = Scope {
        env,
        protocol: Protocol::Http,
        sources,
        resolver,
        unbuilt: directives::unbuilt_variable,
        upstreams: Vec::new(),
        resolvers: RefCell::default(),
        upstream_ids: HashMap::new(),
        log_formats: HashMap::new(),
        access_files: Vec::new(),
        syslogs: Vec::new(),
        log_caches: Vec::new(),
        error_logs: Vec::new(),
        tls_servers: Vec::new(),
        charsets: Vec::new(),
        tls_peers: Vec::new(),
        zones: HashMap::new(),
    };
    for block in blocks {
        resolve::block(block, &mut scope, &mut serving);
    }
    resolve::finish(scope, &mut serving);
    serving
}
