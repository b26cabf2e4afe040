//! Server side includes: the commands that stand in a document as `<!--#name parameter="value" -->`.
//!
//! [`Parser`] reads a document as it comes, in any split of its bytes, and tells its text and its commands in turn. What
//! a command asks for is checked in [`command`], the text of values in [`text`], the conditions of `if` in
//! [`condition`]. The rules, those of what is wrong among them, are nginx's.

pub mod command;
pub mod condition;
pub mod text;

use std::fmt::Display;

use self::command::{Command, Parameter};
use crate::limits::{SSI_COMMAND_BYTES_MAX, SSI_PARAMETER_BYTES_MAX, SSI_PARAMETERS_MAX};

/// What a command begins with. A `<` stands only at its begin, so that text which is none of it is passed over at once.
const OPENING: &[u8] = b"<!--#";

/// What a document says next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'p> {
    Text(&'p [u8]),
    Command(Command),
    /// What is wrong with the command that is being read, for the log. Its end is told by [`Event::Broken`].
    Fault(String),
    /// The end of a command that could not be read.
    Broken,
}

/// The command that is being read, byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// None; so many bytes of [`OPENING`] were the last of what came.
    Text(usize),
    BeforeName,
    Name,
    BeforeParameter,
    Parameter,
    BeforeEqual,
    BeforeValue,
    /// Within these quotes.
    Value(u8),
    /// Behind a backslash within them.
    Escaped(u8),
    AfterValue,
    /// Behind the first and the second `-` of its end.
    End,
    AlmostEnd,
    /// It is broken: only its end counts.
    Broken,
    BrokenEnd,
    BrokenAlmostEnd,
}

/// Reads one document.
#[derive(Debug)]
pub struct Parser {
    state: State,
    value_bytes_max: usize,
    command: Command,
}

impl Parser {
    /// One for values up to so many bytes.
    #[must_use]
    pub fn new(value_bytes_max: usize) -> Self {
        Self { state: State::Text(0), value_bytes_max, command: Command::default() }
    }

    /// What comes next in `rest`, of which it takes what it has used; `None` when all of it is.
    pub fn next<'p>(&mut self, rest: &mut &'p [u8]) -> Option<Event<'p>> {
        loop {
            if let State::Text(seen) = self.state {
                if let Some(text) = self.text(seen, rest) {
                    return Some(Event::Text(text));
                }
                if let State::Text(_) = self.state {
                    return None;
                }
            }
            let (byte, after) = rest.split_first()?;
            *rest = after;
            if let Some(event) = self.step(*byte) {
                return Some(event);
            }
        }
    }

    /// The document is over: bytes that could have begun a command are text.
    pub fn end(&mut self) -> &'static [u8] {
        match std::mem::replace(&mut self.state, State::Text(0)) {
            State::Text(seen) => &OPENING[..seen],
            _ => b"",
        }
    }

    /// Text before the next command; `None` where there is none.
    fn text<'p>(&mut self, seen: usize, rest: &mut &'p [u8]) -> Option<&'p [u8]> {
        if seen > 0 {
            let more = rest.iter().zip(&OPENING[seen..]).take_while(|(byte, expected)| byte == expected).count();
            if seen + more < OPENING.len() && more < rest.len() {
                self.state = State::Text(0);
                return Some(&OPENING[..seen]);
            }
            *rest = &rest[more..];
            self.opened(seen + more);
            return None;
        }
        let (text, after) = match memchr::memmem::find(rest, OPENING) {
            Some(at) => {
                self.opened(OPENING.len());
                (&rest[..at], &rest[at + OPENING.len()..])
            }
            None => {
                let held = (1..OPENING.len()).rev().find(|held| rest.ends_with(&OPENING[..*held])).unwrap_or(0);
                self.state = State::Text(held);
                (&rest[..rest.len() - held], &b""[..])
            }
        };
        *rest = after;
        Some(text).filter(|text| !text.is_empty())
    }

    /// So many bytes of [`OPENING`] are there.
    fn opened(&mut self, seen: usize) {
        self.state = if seen == OPENING.len() { State::BeforeName } else { State::Text(seen) };
    }

    fn step<'p>(&mut self, byte: u8) -> Option<Event<'p>> {
        let is_blank = matches!(byte, b' ' | b'\r' | b'\n' | b'\t');
        match self.state {
            State::BeforeName if is_blank => {}
            State::BeforeName => {
                self.command = Command { name: vec![byte], parameters: Vec::new() };
                self.state = State::Name;
            }
            State::Name | State::BeforeParameter | State::AfterValue if is_blank => self.state = State::BeforeParameter,
            State::Name | State::BeforeParameter | State::AfterValue if byte == b'-' => self.state = State::End,
            State::Name if self.command.name.len() == SSI_COMMAND_BYTES_MAX => {
                return self.fault(format_args!("the \"{}{}...\" SSI command is too long", self.name(), shown(byte)));
            }
            State::Name => self.command.name.push(byte),
            State::BeforeParameter => {
                // One more than is allowed tells that there are too many.
                self.command.parameters.truncate(SSI_PARAMETERS_MAX);
                self.command.parameters.push(Parameter { name: vec![byte], value: Vec::new() });
                self.state = State::Parameter;
            }
            State::Parameter | State::BeforeEqual | State::BeforeValue => return self.before_value(byte, is_blank),
            State::Value(_) | State::Escaped(_) => return self.value(byte),
            State::AfterValue => {
                let (value, parameter, name) = (self.last_value(), self.last_name(), self.name());
                return self.fault(format_args!(
                    "unexpected \"{}\" symbol after \"{value}\" value of \"{parameter}\" parameter in \"{name}\" SSI \
                     command",
                    shown(byte)
                ));
            }
            State::End if byte == b'-' => self.state = State::AlmostEnd,
            State::AlmostEnd if byte == b'>' => {
                self.state = State::Text(0);
                return Some(Event::Command(std::mem::take(&mut self.command)));
            }
            State::End | State::AlmostEnd => {
                let text = format_args!("unexpected \"{}\" symbol in \"{}\" SSI command", shown(byte), self.name());
                return self.fault(text);
            }
            State::BrokenAlmostEnd if byte == b'>' => {
                self.state = State::Text(0);
                return Some(Event::Broken);
            }
            State::Broken if byte == b'-' => self.state = State::BrokenEnd,
            State::BrokenEnd if byte == b'-' => self.state = State::BrokenAlmostEnd,
            State::Broken | State::BrokenEnd | State::BrokenAlmostEnd => self.state = State::Broken,
            State::Text(_) => {}
        }
        None
    }

    /// From the name of a parameter to the quote before its value.
    fn before_value<'p>(&mut self, byte: u8, is_blank: bool) -> Option<Event<'p>> {
        let place = match (self.state, byte) {
            (State::Parameter, _) if is_blank => {
                self.state = State::BeforeEqual;
                return None;
            }
            (_, _) if is_blank => return None,
            (State::Parameter | State::BeforeEqual, b'=') => {
                self.state = State::BeforeValue;
                return None;
            }
            (State::BeforeValue, b'"' | b'\'') => {
                self.state = State::Value(byte);
                return None;
            }
            (State::Parameter, byte) if byte != b'-' => return self.name_parameter(byte),
            (State::BeforeValue, _) => "before value of",
            _ => "after",
        };
        let (parameter, name, byte_shown) = (self.last_name(), self.name(), shown(byte));
        let fault = self.fault(format_args!(
            "unexpected \"{byte_shown}\" symbol {place} \"{parameter}\" parameter in \"{name}\" SSI command"
        ));
        if byte == b'-' {
            self.state = State::BrokenEnd;
        }
        fault
    }

    fn name_parameter<'p>(&mut self, byte: u8) -> Option<Event<'p>> {
        let parameter = self.command.parameters.last_mut()?;
        if parameter.name.len() < SSI_PARAMETER_BYTES_MAX {
            parameter.name.push(byte);
            return None;
        }
        let (parameter, name) = (self.last_name(), self.name());
        self.fault(format_args!("too long \"{parameter}{}...\" parameter in \"{name}\" SSI command", shown(byte)))
    }

    fn value<'p>(&mut self, byte: u8) -> Option<Event<'p>> {
        let quote = match self.state {
            State::Value(quote) if byte == quote => {
                self.state = State::AfterValue;
                return None;
            }
            State::Value(quote) if byte == b'\\' => {
                self.state = State::Escaped(quote);
                None
            }
            State::Escaped(quote) => Some(quote),
            _ => None,
        };
        let parameter = self.command.parameters.last_mut()?;
        if parameter.value.len() == self.value_bytes_max {
            let (value, parameter, name) = (self.last_value(), self.last_name(), self.name());
            return self.fault(format_args!(
                "too long \"{value}{}...\" value of \"{parameter}\" parameter in \"{name}\" SSI command",
                shown(byte)
            ));
        }
        parameter.value.push(byte);
        if let Some(quote) = quote {
            self.state = State::Value(quote);
        }
        None
    }

    fn fault<'p>(&mut self, words: impl Display) -> Option<Event<'p>> {
        let words = words.to_string();
        self.state = State::Broken;
        Some(Event::Fault(words))
    }

    fn name(&self) -> String {
        self.command.name.escape_ascii().to_string()
    }

    fn last_name(&self) -> String {
        self.command.parameters.last().map(|last| last.name.escape_ascii().to_string()).unwrap_or_default()
    }

    fn last_value(&self) -> String {
        self.command.parameters.last().map(|last| last.value.escape_ascii().to_string()).unwrap_or_default()
    }
}

/// A byte as the log shows it.
fn shown(byte: u8) -> impl Display {
    std::ascii::escape_default(byte)
}

#[cfg(test)]
#[path = "tests/ssi.rs"]
mod tests;
