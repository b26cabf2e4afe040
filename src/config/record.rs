//! Tree -> raw: each directive is looked up in the table, checked for context and arity, and given to its setter.
//!
//! Knows blocks, but no directive by name.

use std::collections::HashSet;

use super::diagnostic::{Fault, nearest};
use super::directives::{self, location, rewrite};
use super::line::{Env, Line};
use super::names::Names;
use super::parser::Node;
use super::raw::{
    RawConfig, RawIf, RawLevel, RawLimitExcept, RawLocation, RawProcess, RawServer, RawServing, RawStep, RawUpstream,
};
use super::source::{Sources, Span};
use super::table::{self, Block, Class, Contexts, Directive, Setter, context_names, is_harmless};
use crate::model::Protocol;

/// What the directives of a block are recorded in.
enum Target<'a> {
    Main(&'a mut RawConfig),
    Events(&'a mut RawProcess),
    /// `http` or `stream`.
    Serving(&'a mut RawServing),
    Server(&'a mut RawServer, Protocol),
    Location(&'a mut RawLocation),
    Upstream(&'a mut RawUpstream, Protocol),
    /// `if` or `limit_except`, with its context.
    Inner(&'a mut RawLocation, Contexts),
}

impl Target<'_> {
    fn context(&self) -> Contexts {
        match self {
            Self::Main(_) => table::MAIN,
            Self::Events(_) => table::EVENTS,
            Self::Serving(serving) => of(serving.protocol, table::HTTP, table::STREAM),
            Self::Server(_, protocol) => of(*protocol, table::SERVER, table::STREAM_SERVER),
            Self::Location(_) => table::LOCATION,
            Self::Upstream(_, protocol) => of(*protocol, table::UPSTREAM, table::STREAM_UPSTREAM),
            Self::Inner(_, context) => *context,
        }
    }

    fn process(&mut self) -> Option<&mut RawProcess> {
        match self {
            Self::Main(config) => Some(&mut config.process),
            Self::Events(process) => Some(process),
            Self::Serving(_) | Self::Server(..) | Self::Location(_) | Self::Upstream(..) | Self::Inner(..) => None,
        }
    }

    fn level(&mut self) -> Option<&mut RawLevel> {
        match self {
            Self::Serving(serving) => Some(&mut serving.level),
            Self::Server(server, _) => Some(&mut server.level),
            Self::Location(location) | Self::Inner(location, _) => Some(&mut location.level),
            Self::Main(_) | Self::Events(_) | Self::Upstream(..) => None,
        }
    }
}

/// The context of a protocol.
fn of(protocol: Protocol, http: Contexts, stream: Contexts) -> Contexts {
    match protocol {
        Protocol::Http => http,
        Protocol::Stream => stream,
    }
}

/// Records trees.
pub struct Recorder<'a> {
    env: &'a Env,
    sources: &'a Sources,
    /// Names that were refused or warned of: once is enough.
    told: HashSet<&'static str>,
}

impl<'a> Recorder<'a> {
    /// `sources` are those of the trees.
    #[must_use]
    pub fn new(env: &'a Env, sources: &'a Sources) -> Self {
        Self { env, sources, told: HashSet::new() }
    }

    /// Records the directives of the main context.
    pub fn record(&mut self, nodes: &[Node], config: &mut RawConfig) {
        self.walk(nodes, &mut Target::Main(config));
    }

    fn walk(&mut self, nodes: &[Node], target: &mut Target<'_>) {
        for node in nodes {
            if self.env.is_full() {
                return;
            }
            if let Err(fault) = self.directive(node, target) {
                self.env.fault(self.with_missing_semicolon(fault, node));
            }
        }
    }

    fn directive(&mut self, node: &Node, target: &mut Target<'_>) -> Result<(), Fault> {
        let directive = look_up(node, target.context())?;
        check_arity(node, directive)?;
        let name = directive.name;
        match directive.class {
            Class::Supported(setter) => self.set(node, setter, target),
            Class::Accepted { why } => {
                self.warn_once(node, name, why);
                Ok(())
            }
            Class::Refused { reason, instead } => self.refuse_once(node, name, reason, instead),
            Class::ByValue { harmless, why, reason, instead } => {
                let words: Vec<&str> = node.args.iter().map(|word| word.text.as_str()).collect();
                if is_harmless(harmless, &words.join(" ")) {
                    self.warn_once(node, name, why);
                    Ok(())
                } else {
                    self.refuse_once(node, name, reason, instead)
                }
            }
        }
    }

    fn warn_once(&mut self, node: &Node, name: &'static str, why: &str) {
        if self.told.insert(name) {
            self.env.warn(Fault::new(node.span(), format!("\"{name}\" changes nothing here: {why}")));
        }
    }

    fn refuse_once(&mut self, node: &Node, name: &'static str, reason: &str, instead: &str) -> Result<(), Fault> {
        if !self.told.insert(name) {
            return Ok(());
        }
        Err(Fault::new(node.span(), format!("\"{name}\" directive is refused: {reason}")).help(instead))
    }

    fn set(&mut self, node: &Node, setter: Setter, target: &mut Target<'_>) -> Result<(), Fault> {
        let line = Line { node, env: self.env };
        let recorded = match (setter, target) {
            (Setter::Block(block), target) => return self.block(&line, block, target),
            (Setter::Process(set), target) => target.process().map(|process| set(process, &line)),
            (Setter::Level(set), target) => target.level().map(|level| set(level, &line)),
            (Setter::Time(field), target) => target.level().map(|level| line.time(field(level))),
            (Setter::Size(field), target) => target.level().map(|level| line.size(field(level))),
            (Setter::Number(field), target) => target.level().map(|level| line.number(field(level))),
            (Setter::Flag(field), target) => target.level().map(|level| line.flag(field(level))),
            (Setter::Serving(set), Target::Serving(serving)) => Some(set(serving, &line)),
            (Setter::Server(set), Target::Server(server, _)) => Some(set(server, &line)),
            (Setter::Location(set), Target::Location(location) | Target::Inner(location, _)) => {
                Some(set(location, &line))
            }
            (Setter::Upstream(set), Target::Upstream(upstream, _)) => Some(set(upstream, &line)),
            (
                Setter::Serving(_) | Setter::Server(_) | Setter::Location(_) | Setter::Upstream(_) | Setter::Include,
                _,
            ) => None,
        };
        recorded.unwrap_or_else(|| Err(line.fault("is not allowed here")))
    }

    fn block(&mut self, line: &Line<'_>, block: Block, target: &mut Target<'_>) -> Result<(), Fault> {
        let span = line.node.name.span;
        match (block, target) {
            (Block::Events, Target::Main(config)) => {
                if config.events.replace(span).is_some() {
                    return Err(line.fault("is duplicate").help("put all settings into one `events` block"));
                }
                self.walk(line.block(), &mut Target::Events(&mut config.process));
            }
            (Block::Http, Target::Main(config)) => self.serving(line, Protocol::Http, config)?,
            (Block::Stream, Target::Main(config)) => self.serving(line, Protocol::Stream, config)?,
            (Block::Server, Target::Serving(serving)) => {
                let mut server = RawServer::new(span);
                self.walk(line.block(), &mut Target::Server(&mut server, serving.protocol));
                location::check_duplicates(&server.locations, self.env, self.sources);
                serving.servers.push(server);
            }
            (Block::Upstream, Target::Serving(serving)) => self.upstream(line, serving)?,
            (Block::Location, Target::Server(server, _)) => {
                let mut location = location::head(line)?;
                self.walk(line.block(), &mut Target::Location(&mut location));
                server.locations.push(location);
            }
            (Block::Location, Target::Location(outer)) => {
                let mut location = location::head(line)?;
                location::check_nested(&location, outer)?;
                self.walk(line.block(), &mut Target::Location(&mut location));
                outer.children.push(location);
            }
            (Block::If, Target::Server(server, _)) => {
                let step = self.condition(line, String::new(), table::IF_IN_SERVER)?;
                server.level.steps.push(step);
            }
            (Block::If, Target::Location(location)) => {
                let step = self.condition(line, location.name.clone(), table::IF_IN_LOCATION)?;
                location.level.steps.push(step);
            }
            (Block::LimitExcept, Target::Location(location)) => self.limit_except(line, location)?,
            (
                Block::Events
                | Block::Http
                | Block::Stream
                | Block::Server
                | Block::Upstream
                | Block::Location
                | Block::If
                | Block::LimitExcept,
                _,
            ) => {
                return Err(line.fault("is not allowed here"));
            }
        }
        Ok(())
    }

    fn serving(&mut self, line: &Line<'_>, protocol: Protocol, config: &mut RawConfig) -> Result<(), Fault> {
        let before = &config.serving;
        if before.iter().any(|other| other.protocol == protocol) {
            let help = format!("put all servers into one `{}` block", line.name());
            return Err(line.fault("is duplicate").help(help));
        }
        let mut serving = RawServing::new(protocol, line.node.name.span, before);
        // A block has its own variables.
        let slots = before.last().map_or(0, |last| last.names.slots_end());
        let around = self.env.names.replace(Names::new(protocol, slots));
        self.walk(line.block(), &mut Target::Serving(&mut serving));
        serving.names = self.env.names.replace(around);
        config.serving.push(serving);
        Ok(())
    }

    fn condition(&mut self, line: &Line<'_>, name: String, context: Contexts) -> Result<RawStep, Fault> {
        let condition = rewrite::condition(line)?;
        let mut body = RawLocation::inner(line.span(), name);
        self.walk(line.block(), &mut Target::Inner(&mut body, context));
        Ok(RawStep::If(Box::new(RawIf { condition, body, has_settings: context == table::IF_IN_LOCATION })))
    }

    fn limit_except(&mut self, line: &Line<'_>, location: &mut RawLocation) -> Result<(), Fault> {
        if location.limit_except.is_some() {
            return Err(line.fault("is duplicate").help("name all methods in one block"));
        }
        let methods = location::limited_methods(line)?;
        let mut body = RawLocation::inner(line.span(), location.name.clone());
        self.walk(line.block(), &mut Target::Inner(&mut body, table::LIMIT_EXCEPT));
        location.limit_except = Some(Box::new(RawLimitExcept { methods, body }));
        Ok(())
    }

    fn upstream(&mut self, line: &Line<'_>, serving: &mut RawServing) -> Result<(), Fault> {
        let name = line.arg(0);
        if let Some(earlier) = serving.upstreams.iter().find(|other| other.name.text.eq_ignore_ascii_case(&name.text)) {
            let fault = Fault::new(name.span, format!("duplicate upstream \"{}\"", name.text));
            return Err(fault.also(earlier.name.span, "the first one"));
        }
        let mut upstream = RawUpstream {
            name: name.clone(),
            servers: Vec::new(),
            balance: None,
            keepalive: None,
            keepalive_requests: None,
            keepalive_time: None,
            keepalive_timeout: None,
            resolver: None,
            resolver_timeout: None,
        };
        let faults_before = self.env.faults.borrow().len();
        self.walk(line.block(), &mut Target::Upstream(&mut upstream, serving.protocol));
        let is_empty = upstream.servers.is_empty();
        serving.upstreams.push(upstream);
        if is_empty && self.env.faults.borrow().len() == faults_before {
            let fault = Fault::new(line.span(), "no servers are inside upstream");
            return Err(fault.help("add one, as in `server 127.0.0.1:8080;`"));
        }
        Ok(())
    }

    /// A directive that begins on a later line than its neighbour tells where a `;` was forgotten.
    fn with_missing_semicolon(&self, fault: Fault, node: &Node) -> Fault {
        let mut before = node.name.span;
        for word in &node.args {
            let between = Span { start: before.end, end: word.span.start, ..before };
            let is_next_line = before.file == word.span.file && self.sources.text(between).contains('\n');
            if is_next_line && !directives::named(&word.text).is_empty() {
                let help = format!("a `;` seems to be missing before `{}`", word.text);
                return fault.also(before, "no `;` follows this").help(help);
            }
            before = word.span;
        }
        fault
    }
}

/// The entry of a directive in a context.
fn look_up(node: &Node, context: Contexts) -> Result<&'static Directive, Fault> {
    let name = node.name.text.as_str();
    let entries = directives::named(name);
    if let Some(entry) = entries.iter().find(|entry| entry.contexts & context != 0) {
        return Ok(entry);
    }
    if entries.is_empty() {
        let fault = Fault::new(node.name.span, format!("unknown directive \"{name}\""));
        let likely = nearest(name, directives::names_in(context)).or_else(|| nearest(name, directives::names_in(!0)));
        return Err(match likely {
            Some(likely) => fault.help(format!("did you mean `{likely}`?")),
            None => fault,
        });
    }
    let contexts = entries.iter().fold(0, |all, entry| all | entry.contexts);
    let fault = Fault::new(node.name.span, format!("\"{name}\" directive is not allowed here"));
    Err(fault.help(format!("it may stand in: {}", context_names(contexts))))
}

fn check_arity(node: &Node, directive: &Directive) -> Result<(), Fault> {
    let name = directive.name;
    let arity = directive.arity;
    if arity.block && node.block.is_none() {
        return Err(Fault::new(node.span(), format!("directive \"{name}\" has no opening \"{{\"")));
    }
    if !arity.block && node.block.is_some() {
        let fault = Fault::new(node.span(), format!("directive \"{name}\" is not terminated by \";\""));
        return Err(fault.help("end it with `;`, and quote an argument that holds `{`"));
    }
    if !arity.allows(node.args.len()) {
        let fault = Fault::new(node.span(), format!("invalid number of arguments in \"{name}\" directive"));
        return Err(fault.help(format!("it takes {}, and has {}", arity_words(arity), node.args.len())));
    }
    if arity.flag
        && let [word] = node.args.as_slice()
        && !word.text.eq_ignore_ascii_case("on")
        && !word.text.eq_ignore_ascii_case("off")
    {
        let text = &word.text;
        let message = format!("invalid value \"{text}\" in \"{name}\" directive, it must be \"on\" or \"off\"");
        return Err(Fault::new(word.span, message));
    }
    Ok(())
}

fn arity_words(arity: table::Arity) -> String {
    let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
    match (arity.min, arity.max) {
        (0, 0) => "no arguments".to_owned(),
        (min, usize::MAX) => format!("{min} or more arguments"),
        (min, max) if min == max => format!("{min} {}", plural(min)),
        (min, max) => format!("{min} to {max} arguments"),
    }
}
