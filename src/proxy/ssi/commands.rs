//! The commands of a page, one after the other. What goes wrong is told in the log in the words of nginx and leaves the
//! message of `errmsg` in the page.

use super::Part;
use super::include::Include;
use crate::http::ssi::Event;
use crate::http::ssi::command::{Command, Known};
use crate::http::ssi::condition::{self, Condition, Test};
use crate::http::ssi::text::{Encoding, expand};
use crate::model::LogLevel;
use crate::proxy::exchange::Exchange;
use crate::proxy::includes::{Branch, Refused};

/// What `echo` shows of a variable without a value.
const NO_VALUE: &[u8] = b"(none)";

impl Exchange<'_> {
    /// What one event of a page leaves in it.
    pub(super) fn carry_out<'p>(&mut self, event: Event<'p>) -> Option<Part<'p>> {
        let done = match event {
            Event::Text(text) => return self.text(text),
            Event::Fault(words) => {
                self.report_refused(&words);
                return None;
            }
            Event::Broken => return self.error_message(),
            Event::Command(command) => self.command(&command),
        };
        done.unwrap_or_else(|words| {
            self.report_refused(&words);
            self.error_message()
        })
    }

    /// As all that nginx tells of a page it stands in the log with what was done with it.
    pub(super) fn report_refused(&self, words: &str) {
        self.report(LogLevel::Error, format_args!("{words} while sending response to client"));
    }

    fn text<'p>(&mut self, text: &'p [u8]) -> Option<Part<'p>> {
        let page = self.page()?;
        if page.is_shown {
            return Some(Part::Text(text));
        }
        if page.is_block {
            self.append_to_block(text);
        }
        None
    }

    fn error_message<'p>(&mut self) -> Option<Part<'p>> {
        let page = self.page()?;
        (!page.rules.silent_errors).then(|| Part::Made(page.error_message.clone()))
    }

    fn append_to_block(&mut self, text: &[u8]) {
        let Some(includes) = &mut self.includes else { return };
        if let Err(words) = includes.values.append_to_block(text) {
            self.report_refused(&words);
        }
    }

    fn command<'p>(&mut self, command: &Command) -> Result<Option<Part<'p>>, Refused> {
        let Some(page) = self.page() else { return Ok(None) };
        let Some(known) = command.known() else {
            return if page.is_shown { Err(format!("invalid SSI command: \"{command}\"")) } else { Ok(None) };
        };
        let needs = match known {
            Known::Elif | Known::Else => Some(Branch::If),
            Known::Endif => Some(Branch::Else),
            _ => None,
        };
        if !page.is_shown && known != Known::Endblock {
            if page.is_block {
                let mut text = Vec::new();
                command.append_to(&mut text);
                self.append_to_block(&text);
                return Ok(None);
            }
            if needs.is_none() {
                return Ok(None);
            }
        }
        if needs.is_some_and(|needs| page.branch == Branch::None || page.branch > needs) {
            return Err(format!("invalid context of SSI command: \"{command}\""));
        }
        command.check(known)?;
        match known {
            Known::Include => return self.prepare_include(command).map(|include| Some(Part::Include(include))),
            Known::Echo => return Ok(self.echo(command)?.map(Part::Made)),
            Known::Config => self.config(command),
            Known::Set => self.set_value(command)?,
            Known::If | Known::Elif => self.condition(command, known)?,
            Known::Else => {
                page.is_shown = !page.has_held;
                page.branch = Branch::Else;
            }
            Known::Endif => {
                page.is_shown = true;
                page.has_held = false;
                page.branch = Branch::None;
            }
            Known::Block => {
                let name = command.value("name").unwrap_or_default().into();
                page.is_shown = false;
                page.is_block = true;
                if let Some(includes) = &mut self.includes {
                    includes.values.begin_block(name)?;
                }
            }
            Known::Endblock => {
                page.is_shown = true;
                page.is_block = false;
            }
        }
        Ok(None)
    }

    fn echo(&mut self, command: &Command) -> Result<Option<Vec<u8>>, Refused> {
        let name = command.value("var").unwrap_or_default().to_ascii_lowercase();
        let mut value = Vec::new();
        if !self.append_named(&name, &mut value)? {
            value.extend_from_slice(command.value("default").unwrap_or(NO_VALUE));
        }
        if value.is_empty() {
            return Ok(None);
        }
        let named = command.value("encoding").map(|name| (Encoding::named(name), name));
        if let Some((None, name)) = named {
            let name = name.escape_ascii();
            self.report_refused(&format!("unknown encoding \"{name}\" in the \"echo\" command"));
        }
        let Some(page) = self.page() else { return Ok(None) };
        if let Some((Some(encoding), _)) = named {
            page.encoding = encoding;
        }
        Ok(Some(page.encoding.apply(value)))
    }

    fn config(&mut self, command: &Command) {
        let Some(page) = self.page() else { return };
        if let Some(form) = command.value("timefmt") {
            page.time_form = form.to_vec();
        }
        if let Some(message) = command.value("errmsg") {
            page.error_message = message.to_vec();
        }
    }

    fn set_value(&mut self, command: &Command) -> Result<(), Refused> {
        let name = command.value("var").unwrap_or_default().to_ascii_lowercase();
        let value = self.expanded(command.value("value").unwrap_or_default())?;
        match &mut self.includes {
            Some(includes) => includes.values.set(&name, value),
            None => Ok(()),
        }
    }

    fn condition(&mut self, command: &Command, known: Known) -> Result<(), Refused> {
        let Some(page) = self.page() else { return Ok(()) };
        if known == Known::If && page.branch != Branch::None {
            return Err("the \"if\" command inside the \"if\" command".to_owned());
        }
        if page.has_held {
            page.is_shown = false;
            return Ok(());
        }
        let holds = self.holds_of(command.value("expr").unwrap_or_default())?;
        if let Some(page) = self.page() {
            page.is_shown = holds;
            page.has_held = holds;
            page.branch = Branch::If;
        }
        Ok(())
    }

    fn holds_of(&mut self, expression: &[u8]) -> Result<bool, Refused> {
        let invalid = || format!("invalid expression in \"{}\"", expression.escape_ascii());
        let Condition { left, test } = condition::parse(expression).ok_or_else(invalid)?;
        let left = self.expanded(&left)?;
        let Some(Test { is_negated, is_pattern, right }) = test else { return Ok(!left.is_empty()) };
        let right = self.expanded(&right)?;
        let is_equal = match &mut self.includes {
            Some(includes) if is_pattern => includes.values.matches(&right, &left)?,
            Some(_) | None => left == right,
        };
        Ok(is_equal != is_negated)
    }

    /// A text with the values of its variables.
    pub(super) fn expanded(&self, text: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut failed = None;
        let out = expand(text, |name, out| failed = self.append_named(name, out).err().or(failed.take()))?;
        failed.map_or(Ok(out), Err)
    }

    fn prepare_include(&mut self, command: &Command) -> Result<Box<Include>, Refused> {
        Include::prepare(self, command).map(Box::new)
    }
}
