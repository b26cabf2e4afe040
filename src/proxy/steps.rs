//! The rewrite phase: a small interpreter of [`Step`]s.
//!
//! It changes the path, the arguments, the variables and, by `if`, the settings of an exchange; it sends nothing. What
//! is to be done then is its result.

use std::path::Path;

use super::exchange::Exchange;
use super::facts::Computed;
use super::failure::{Cause, Failure};
use crate::model::{
    AfterRewrite, Condition, Content, FileTest, If, Location, LogLevel, Part, Pattern, Return, Rewrite, Set, SetTarget,
    Step, Template, Variable,
};
use crate::observe::escape::Quoted;
use crate::route::{self, Captures};

/// What the steps of a level come to.
pub enum Ran {
    /// The next phase.
    On,
    /// The path is another: the location is looked up anew.
    Relocated,
    Answer(Given),
}

/// An answer that a step gives.
pub enum Given {
    Returned(Return),
    /// Status and URL or path.
    Redirect(u16, Vec<u8>),
}

/// Whether the next step is run.
enum Flow {
    On,
    Stop,
    Answer(Given),
}

impl<'c> Exchange<'c> {
    /// Runs the steps of a location or server in order.
    ///
    /// # Errors
    /// An expression gave up, or a path became empty.
    pub fn run_steps(&mut self, location: &'c Location) -> Result<Ran, Failure> {
        let mut is_relocated = false;
        Ok(match self.walk(location, &location.steps, &mut is_relocated)? {
            Flow::Answer(given) => Ran::Answer(given),
            Flow::On | Flow::Stop if is_relocated => Ran::Relocated,
            Flow::On | Flow::Stop => Ran::On,
        })
    }

    fn walk(&mut self, location: &'c Location, steps: &[Step], is_relocated: &mut bool) -> Result<Flow, Failure> {
        for step in steps {
            let flow = match step {
                Step::Set(set) => self.set(set),
                Step::Rewrite(rewrite) => self.rewrite(rewrite, is_relocated)?,
                Step::If(block) => self.branch(location, block, is_relocated)?,
                Step::Return(given) => Flow::Answer(Given::Returned(given.clone())),
                Step::Break => {
                    self.has_own_path = true;
                    *is_relocated = false;
                    Flow::Stop
                }
            };
            match flow {
                Flow::On => {}
                Flow::Stop | Flow::Answer(_) => return Ok(flow),
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, set: &Set) -> Flow {
        let value = self.evaluate(&set.value);
        self.assign(set.target, value);
        Flow::On
    }

    /// Gives a variable a value.
    pub fn assign(&mut self, target: SetTarget, value: Vec<u8>) {
        match target {
            SetTarget::Slot(slot) => self.facts.borrow_mut().set(slot, &value),
            SetTarget::Map(map) => self.facts.borrow_mut().remember(Computed::Map(map), value.into()),
            SetTarget::LimitRate => self.set_rate(&value),
            SetTarget::Args => {
                self.args = Some(value).filter(|args| !args.is_empty());
                self.raw_path = None;
            }
        }
    }

    fn branch(&mut self, location: &'c Location, block: &If, is_relocated: &mut bool) -> Result<Flow, Failure> {
        if !self.holds(&block.condition)? {
            return Ok(Flow::On);
        }
        if let Some(settings) = block.block.and_then(|at| location.if_blocks.get(at)) {
            // nginx lets the `proxy_pass` of an `if` before answer, with the settings of this one, which has none.
            self.passes_nowhere |= matches!(self.location.content, Content::Proxy(_));
            self.passes_nowhere &= matches!(settings.content, Content::Files);
            self.location = settings;
        }
        self.walk(location, &block.steps, is_relocated)
    }

    fn holds(&mut self, condition: &Condition) -> Result<bool, Failure> {
        Ok(match condition {
            Condition::IsTrue(value) => self.is_true(value),
            Condition::Equals { value, text, is_negated } => {
                (self.evaluate(value) == self.evaluate(text)) != *is_negated
            }
            Condition::Matches { value, pattern, is_negated } => {
                let value = self.evaluate(value);
                let found = self.find(pattern, &value)?;
                let matches = found.is_some();
                if let (Some(captures), false) = (found, *is_negated) {
                    self.facts.borrow_mut().captured(captures);
                }
                matches != *is_negated
            }
            Condition::File { test, path, is_negated } => {
                holds_of_file(*test, &super::files::path_of(self.evaluate(path))) != *is_negated
            }
        })
    }

    fn find(&self, pattern: &Pattern, subject: &[u8]) -> Result<Option<Captures>, Failure> {
        route::find(pattern, subject).map_err(|error| {
            self.report(LogLevel::Error, format_args!("{error}"));
            self.failure(Cause::Refused(500, "an expression of the rewrite phase could not be matched"))
        })
    }

    fn rewrite(&mut self, rewrite: &Rewrite, is_relocated: &mut bool) -> Result<Flow, Failure> {
        let found = self.find(&rewrite.pattern, &self.path)?;
        if self.location.rewrite_log {
            let what = if found.is_some() { "matches" } else { "does not match" };
            let (pattern, path) = (&rewrite.pattern.text, Quoted(&self.path));
            self.report(LogLevel::Notice, format_args!("\"{pattern}\" {what} \"{path}\""));
        }
        let Some(captures) = found else { return Ok(Flow::On) };
        self.facts.borrow_mut().captured(captures);
        let uses_escapes = self.had_escapes();
        self.raw_path = None;
        self.is_internal = true;
        if let AfterRewrite::Redirect { status, has_args } = rewrite.then {
            return Ok(Flow::Answer(self.redirect(rewrite, status, has_args, uses_escapes)));
        }
        let path = self.evaluate(&rewrite.path);
        let own_args = rewrite.args.as_ref().map(|args| self.evaluate_escaped(args, uses_escapes));
        self.args = match (own_args, self.args.take().filter(|_| rewrite.keeps_args)) {
            (Some(own), Some(given)) if !given.is_empty() => Some([&own, &b"&"[..], &given].concat()),
            (Some(own), _) => Some(own).filter(|own| !own.is_empty()),
            (None, given) => given,
        };
        if self.location.rewrite_log {
            let args = Quoted(self.args.as_deref().unwrap_or_default());
            let text = format_args!("rewritten data: \"{}\", args: \"{args}\"", Quoted(&path));
            self.report(LogLevel::Notice, text);
        }
        if path.is_empty() {
            return Err(self.failure(Cause::Refused(500, "the rewritten URI has a zero length")));
        }
        self.path = path;
        Ok(match rewrite.then {
            AfterRewrite::Break => {
                self.has_own_path = true;
                *is_relocated = false;
                Flow::Stop
            }
            AfterRewrite::Last => {
                *is_relocated = true;
                Flow::Stop
            }
            AfterRewrite::Next | AfterRewrite::Redirect { .. } => {
                *is_relocated = true;
                Flow::On
            }
        })
    }

    fn redirect(&self, rewrite: &Rewrite, status: u16, has_args: bool, uses_escapes: bool) -> Given {
        let mut to = unescape_redirect(&self.evaluate_escaped(&rewrite.path, uses_escapes));
        if let Some(args) = self.args.as_deref().filter(|args| rewrite.keeps_args && !args.is_empty()) {
            to.push(if has_args { b'&' } else { b'?' });
            to.extend_from_slice(args);
        }
        if self.location.rewrite_log {
            self.report(LogLevel::Notice, format_args!("rewritten redirect: \"{}\"", Quoted(&to)));
        }
        Given::Redirect(status, to)
    }

    /// Whether the client sent a path with escapes: only then can a capture hold a byte that must not stand in
    /// arguments as it is.
    fn had_escapes(&self) -> bool {
        let target = self.head.target();
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        path.iter().any(|byte| matches!(byte, b'%' | b'+'))
    }

    /// As [`Exchange::evaluate`] for arguments: what `$1` and kin hold is escaped.
    fn evaluate_escaped(&self, template: &Template, uses_escapes: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for part in &template.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Variable(variable @ Variable::Capture(_)) if uses_escapes => {
                    let mut value = Vec::new();
                    self.append(variable, &mut value);
                    escape_argument(&value, &mut out);
                }
                Part::Variable(variable) => {
                    self.append(variable, &mut out);
                }
            }
        }
        out
    }
}

fn holds_of_file(test: FileTest, path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    match test {
        FileTest::File => metadata.is_file(),
        FileTest::Folder => metadata.is_dir(),
        FileTest::Exists => true,
        FileTest::Executable => metadata.permissions().mode() & 0o111 != 0,
    }
}

/// Bytes that would end an argument or the target become escapes.
fn escape_argument(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            0..=b' ' | 0x7f.. | b'"' | b'#' | b'%' | b'&' | b'+' | b';' | b'<' | b'>' | b'?' => {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            plain => out.push(*plain),
        }
    }
}

/// Undoes escapes before the `?` that need not be there: those of visible bytes other than `%` and `?`.
fn unescape_redirect(url: &[u8]) -> Vec<u8> {
    let end = url.iter().position(|byte| *byte == b'?').unwrap_or(url.len());
    let (mut rest, args) = url.split_at(end);
    let mut out = Vec::with_capacity(url.len());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if let (b'%', Some((digits, after))) = (first, after.split_at_checked(2)) {
            let value = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
            if let Some(byte @ b'&'..=b'~') = value.filter(|byte| *byte != b'?') {
                out.push(byte);
                rest = after;
                continue;
            }
        }
        out.push(*first);
    }
    out.extend_from_slice(args);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &[u8]) -> String {
        let mut out = Vec::new();
        escape_argument(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn captures_cannot_end_an_argument() {
        assert_eq!(escaped(b"a b&c=d%?#\xff/"), "a%20b%26c=d%25%3F%23%FF/");
        assert_eq!(escaped(b"plain-1_~"), "plain-1_~");
    }

    #[test]
    fn redirects_lose_escapes_of_visible_bytes_in_the_path() {
        let of = |url: &[u8]| String::from_utf8(unescape_redirect(url)).unwrap();
        assert_eq!(of(b"/a%2Bb%26c%20d%25e%3Ff?x=%26"), "/a+b&c%20d%25e%3Ff?x=%26");
        assert_eq!(of(b"/%zz%4"), "/%zz%4");
    }

    #[test]
    fn files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "x").unwrap();
        assert!(holds_of_file(FileTest::File, &file) && holds_of_file(FileTest::Exists, &file));
        assert!(!holds_of_file(FileTest::Folder, &file) && !holds_of_file(FileTest::Executable, &file));
        assert!(holds_of_file(FileTest::Folder, folder.path()) && !holds_of_file(FileTest::File, folder.path()));
        assert!(!holds_of_file(FileTest::Exists, &folder.path().join("none")));
    }
}
