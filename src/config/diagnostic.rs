//! What is wrong with a configuration, and how it is told.
//!
//! A [`Fault`] points into the texts; a [`Diagnostic`] is the finished words: a first line in nginx's form, the quoted
//! line with carets, and help. The place is formatted by [`Sources::place`] alone.

use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level as Mark, Renderer, Snippet};

use super::source::{Sources, Span};

/// Most bytes of a line that are quoted before and behind the fault.
const QUOTED_BYTES_MAX: usize = 60;

/// Whether the configuration can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Emerg,
    Warn,
}

/// A fault with the place it is at, before it is put into words.
#[derive(Debug, Clone)]
pub struct Fault {
    /// nginx's words, without the place.
    pub message: String,
    /// Apart, because faults are returned by value from everywhere.
    around: Box<Around>,
}

#[derive(Debug, Clone)]
struct Around {
    span: Option<Span>,
    label: String,
    also: Option<(Span, String)>,
    help: Vec<String>,
}

impl Fault {
    /// A fault at a place.
    #[must_use]
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        let around = Around { span: Some(span), label: String::new(), also: None, help: Vec::new() };
        Self { message: message.into(), around: Box::new(around) }
    }

    /// A fault of the configuration as a whole.
    #[must_use]
    pub fn without_place(message: impl Into<String>) -> Self {
        let around = Around { span: None, label: String::new(), also: None, help: Vec::new() };
        Self { message: message.into(), around: Box::new(around) }
    }

    /// What stands beside the carets.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.around.label = label.into();
        self
    }

    /// A way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.around.help.push(help.into());
        self
    }

    /// A second place that belongs to the fault.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.around.also = Some((span, label.into()));
        self
    }

    /// Puts the fault into words.
    #[must_use]
    pub fn finish(self, severity: Severity, sources: &Sources) -> Diagnostic {
        let place = self.around.span.map(|span| sources.place(span)).unwrap_or_default();
        let message = format!("{}{place}", self.message);
        Diagnostic { severity, message, detail: self.detail(severity, sources) }
    }

    fn detail(&self, severity: Severity, sources: &Sources) -> String {
        let mut groups = Vec::new();
        let mark = match severity {
            Severity::Emerg => Mark::ERROR,
            Severity::Warn => Mark::WARNING,
        };
        if let Some(span) = self.around.span {
            groups.push(quoted(Group::with_level(mark), sources, span, &self.around.label));
        }
        if let Some((span, label)) = &self.around.also {
            groups.push(quoted(Group::with_level(Mark::NOTE), sources, *span, label));
        }
        let helps: Vec<String> = self.around.help.iter().map(|help| printable(help)).collect();
        let mut rendered = String::new();
        if !groups.is_empty() {
            let mut lines: Vec<String> =
                Renderer::plain().decor_style(DecorStyle::Ascii).render(&groups).lines().map(str::to_owned).collect();
            // Between two places stands an empty margin of each.
            lines.dedup_by(|next, line| next == line && line.trim() == "|");
            rendered = lines.join("\n");
        }
        for help in helps {
            if !rendered.is_empty() {
                rendered.push('\n');
            }
            rendered.push_str("   = help: ");
            rendered.push_str(&help);
        }
        rendered
    }
}

/// The line of a span with carets under it.
fn quoted<'a>(group: Group<'a>, sources: &Sources, span: Span, label: &str) -> Group<'a> {
    let text = sources.source(span.file).text.as_str();
    let start = floor(text, span.start as usize);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = floor(text, span.end as usize).clamp(start, line_end);
    let from = floor(text, line_start.max(start.saturating_sub(QUOTED_BYTES_MAX)));
    let to = floor(text, line_end.min(start + QUOTED_BYTES_MAX.max(end - start).min(4 * QUOTED_BYTES_MAX)));
    let line = printable(&text[from..to]);
    // Replacing control characters keeps their width of one byte.
    let mut at = start - from..end.min(to) - from;
    if at.is_empty() && at.end < line.len() {
        at.end += line[at.end..].chars().next().map_or(0, char::len_utf8);
    }
    let annotation = AnnotationKind::Primary.span(at);
    let annotation = if label.is_empty() { annotation } else { annotation.label(printable(label)) };
    group.element(Snippet::source(line).line_start(sources.line(span)).annotation(annotation))
}

/// The nearest boundary of a character at or before an offset.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Control characters as spaces: a file must not move the cursor of a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_ascii_control() { ' ' } else { character }).collect()
}

/// A finished message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// One line: nginx's words and the place.
    pub message: String,
    /// Quoted line with carets and help; may be empty.
    pub detail: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.severity {
            Severity::Emerg => "emerg",
            Severity::Warn => "warn",
        };
        write!(f, "longhaul: [{level}] {}", self.message)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, "\n{}", self.detail) }
    }
}

/// The name most like `wanted`, if one is like enough to have been meant.
#[must_use]
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A long word would cost its square, and no name is so long.
    if wanted.len() > 64 {
        return None;
    }
    let scored = names.map(|name| (strsim::damerau_levenshtein(wanted, name), name));
    scored.min().filter(|(distance, name)| *distance <= 1 + name.len() / 5).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Origin;

    #[test]
    fn the_first_line_is_that_of_nginx_and_carets_follow() {
        let mut sources = Sources::default();
        let file = sources.add(Origin::File("/etc/l.conf".into()), b"http {\n    proxi_pass x;\n}\n".to_vec());
        let span = Span { file, start: 11, end: 21 };
        let fault = Fault::new(span, "unknown directive \"proxi_pass\"").help("did you mean `proxy_pass`?");
        let text = fault.finish(Severity::Emerg, &sources).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "longhaul: [emerg] unknown directive \"proxi_pass\" in /etc/l.conf:2");
        assert!(text.contains("2 |     proxi_pass x;"), "{text}");
        assert!(text.contains("    ^^^^^^^^^^"), "{text}");
        assert!(text.ends_with("= help: did you mean `proxy_pass`?"), "{text}");
    }

    #[test]
    fn lines_without_end_are_quoted_in_part() {
        let mut sources = Sources::default();
        let file = sources.add(Origin::CommandLine, "é".repeat(100_000).into_bytes());
        let fault = Fault::new(Span { file, start: 100_001, end: 190_001 }, "x");
        let text = fault.finish(Severity::Warn, &sources).to_string();
        assert!(text.starts_with("longhaul: [warn] x in command line\n"));
        assert!(text.len() < 3000, "{}", text.len());
    }

    #[test]
    fn a_second_place_stands_below_the_first() {
        let mut sources = Sources::default();
        let file = sources.add(Origin::File("/f".into()), b"a;\na;\n".to_vec());
        let at = |start| Span { file, start, end: start + 1 };
        let text = Fault::new(at(3), "x").also(at(0), "the first one").finish(Severity::Emerg, &sources).to_string();
        assert_eq!(text, "longhaul: [emerg] x in /f:2\n  |\n2 | a;\n  | ^\n  |\n1 | a;\n  | ^ the first one");
    }

    #[test]
    fn only_a_like_name_is_proposed() {
        let names = ["proxy_pass", "listen", "root"];
        assert_eq!(nearest("proxi_pass", names.into_iter()), Some("proxy_pass"));
        assert_eq!(nearest("lisen", names.into_iter()), Some("listen"));
        assert_eq!(nearest("gzip", names.into_iter()), None);
    }
}
