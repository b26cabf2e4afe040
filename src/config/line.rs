//! One directive on its way into the raw configuration: its arguments, and the checks that many share.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::Fault;
use super::lexer::Word;
use super::names::Names;
use super::parser::Node;
use super::source::Span;
use super::value;
use crate::limits;

/// What holds for the whole load.
#[derive(Debug)]
pub struct Env {
    /// What relative paths are relative to.
    pub prefix: PathBuf,
    /// `$hostname` in `server_name`.
    pub hostname: String,
    /// Whether ports below 1024 may be bound.
    pub is_privileged: bool,
    pub names: RefCell<Names>,
    /// Found so far.
    pub faults: RefCell<Vec<Fault>>,
    pub warnings: RefCell<Vec<Fault>>,
}

impl Env {
    /// An absolute path.
    #[must_use]
    pub fn path(&self, text: &str) -> PathBuf {
        self.prefix.join(Path::new(text))
    }

    /// Takes note of a fault, if there is room for it.
    pub fn fault(&self, fault: Fault) {
        if !self.is_full() {
            self.faults.borrow_mut().push(fault);
        }
    }

    /// Whether further faults would go unsaid.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.faults.borrow().len() >= limits::CONFIG_ERRORS_MAX
    }

    /// Takes note of something that the user should know.
    pub fn warn(&self, warning: Fault) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < limits::CONFIG_WARNINGS_MAX {
            warnings.push(warning);
        }
    }
}

/// What a setter says.
pub type Recorded = Result<(), Fault>;

/// One directive with its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub node: &'a Node,
    pub env: &'a Env,
}

impl<'a> Line<'a> {
    /// The directive's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.node.name.text
    }

    /// All arguments.
    #[must_use]
    pub fn args(&self) -> &'a [Word] {
        &self.node.args
    }

    /// An argument that the arity promises.
    #[must_use]
    pub fn arg(&self, at: usize) -> &'a Word {
        self.node.args.get(at).unwrap_or(&self.node.name)
    }

    /// The directives of its block.
    #[must_use]
    pub fn block(&self) -> &'a [Node] {
        self.node.block.as_deref().unwrap_or_default()
    }

    /// From the name to the last argument.
    #[must_use]
    pub fn span(&self) -> Span {
        self.node.span()
    }

    /// `"X" directive <what>`.
    #[must_use]
    pub fn fault(&self, what: &str) -> Fault {
        Fault::new(self.span(), format!("\"{}\" directive {what}", self.name()))
    }

    /// `"X" directive invalid value` at an argument.
    #[must_use]
    pub fn invalid_value(&self, word: &Word) -> Fault {
        Fault::new(word.span, format!("\"{}\" directive invalid value", self.name()))
    }

    /// `invalid value "Y"`, where only certain words are known.
    #[must_use]
    pub fn unknown_value(&self, word: &Word) -> Fault {
        Fault::new(word.span, format!("invalid value \"{}\"", word.text))
    }

    /// `invalid parameter "Y"`.
    #[must_use]
    pub fn invalid_parameter(&self, word: &Word) -> Fault {
        Fault::new(word.span, format!("invalid parameter \"{}\"", word.text))
    }

    /// Sets a field that may be set once.
    ///
    /// # Errors
    /// It was set before, or the value cannot be read.
    pub fn once<T>(&self, field: &mut Option<T>, read: impl FnOnce(&Self) -> Result<T, Fault>) -> Recorded {
        if field.is_some() {
            return Err(self.fault("is duplicate").help("remove one of the two lines"));
        }
        *field = Some(read(self)?);
        Ok(())
    }

    /// A time as the first argument, once.
    ///
    /// # Errors
    /// As [`Line::once`].
    pub fn time(&self, field: &mut Option<Duration>) -> Recorded {
        self.once(field, |line| line.time_at(0))
    }

    /// A time at a place.
    ///
    /// # Errors
    /// It is not a time.
    pub fn time_at(&self, at: usize) -> Result<Duration, Fault> {
        let word = self.arg(at);
        value::time(&word.text).ok_or_else(|| self.invalid_value(word).help(value::TIME_HELP))
    }

    /// A number of bytes as the first argument, once.
    ///
    /// # Errors
    /// As [`Line::once`].
    pub fn size(&self, field: &mut Option<usize>) -> Recorded {
        self.once(field, |line| line.size_at(0))
    }

    /// A number of bytes at a place.
    ///
    /// # Errors
    /// It is not a size.
    pub fn size_at(&self, at: usize) -> Result<usize, Fault> {
        let word = self.arg(at);
        let bytes = value::size(&word.text).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.ok_or_else(|| self.invalid_value(word).help(value::SIZE_HELP))
    }

    /// A number as the first argument, once.
    ///
    /// # Errors
    /// As [`Line::once`].
    pub fn number(&self, field: &mut Option<u64>) -> Recorded {
        self.once(field, |line| line.as_number(line.arg(0)))
    }

    /// A word as a number.
    ///
    /// # Errors
    /// It is none.
    pub fn as_number(&self, word: &Word) -> Result<u64, Fault> {
        let invalid = || Fault::new(word.span, format!("\"{}\" directive invalid number", self.name()));
        value::number(&word.text).ok_or_else(|| invalid().help(value::NUMBER_HELP))
    }

    /// `on` or `off`, once. The arity has checked the word.
    ///
    /// # Errors
    /// As [`Line::once`].
    pub fn flag(&self, field: &mut Option<bool>) -> Recorded {
        self.once(field, |line| Ok(line.arg(0).text.eq_ignore_ascii_case("on")))
    }
}
