//! Text -> tokens, by nginx's rules.
//!
//! A word ends at white space, `;` or `{`; `}` and `#` inside a word belong to it, and so does the brace of `${name}`.
//! A quoted word must be followed by white space, `;`, `{` or `)`. A backslash makes `\"`, `\'` and `\\` plain and
//! `\t`, `\r`, `\n` control characters; before anything else it stays. Knows no directive.

use super::diagnostic::Fault;
use super::source::{FileId, Source, Span};

/// A word with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Without quotes, escapes resolved.
    pub text: String,
    /// Quotes included.
    pub span: Span,
}

/// What the text is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Word(Word),
    Semicolon(Span),
    Open(Span),
    Close(Span),
    End(Span),
}

/// Reads one text.
#[derive(Debug)]
pub struct Lexer<'a> {
    source: &'a Source,
    bytes: &'a [u8],
    file: FileId,
    at: usize,
    /// The last token was a quoted word: something must stand between it and the next.
    after_quote: bool,
}

impl<'a> Lexer<'a> {
    /// At the start of a text.
    #[must_use]
    pub fn new(source: &'a Source, file: FileId) -> Self {
        // Editors of another system begin a file with a byte order mark.
        let at = if source.text.starts_with('\u{feff}') { 3 } else { 0 };
        Self { source, bytes: source.text.as_bytes(), file, at, after_quote: false }
    }

    /// The next token; [`Token::End`] again and again at the end.
    ///
    /// # Errors
    /// The text cannot be read as nginx reads it. The next call goes on behind the fault.
    pub fn token(&mut self) -> Result<Token, Fault> {
        let before = self.at;
        self.skip_blank();
        let start = self.at;
        let Some(&byte) = self.bytes.get(start) else {
            return Ok(Token::End(self.span(start.saturating_sub(1).max(before.min(start)), start)));
        };
        let glued = std::mem::take(&mut self.after_quote) && before == start;
        match byte {
            b';' => Ok(Token::Semicolon(self.step())),
            b'{' => Ok(Token::Open(self.step())),
            _ if glued && byte != b')' => {
                let character = self.source.text[start..].chars().next().unwrap_or(' ');
                let end = start + character.len_utf8();
                // Reading on from here would tell the same fault for each letter.
                self.word_end();
                let fault = Fault::new(self.span(start, end), format!("unexpected \"{character}\""));
                Err(fault.label("a quoted value ends before this").help("put a space or `;` after the closing quote"))
            }
            b'}' => Ok(Token::Close(self.step())),
            b'"' | b'\'' => self.quoted(byte),
            _ => self.plain(),
        }
    }

    fn skip_blank(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                // Inside a word this byte was read with it: here it begins a comment.
                b'#' => {
                    let rest = &self.bytes[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn step(&mut self) -> Span {
        self.at += 1;
        self.span(self.at - 1, self.at)
    }

    fn plain(&mut self) -> Result<Token, Fault> {
        let start = self.at;
        self.word_end();
        self.word(start, start, self.at)
    }

    /// Moves behind the word that begins here.
    fn word_end(&mut self) {
        let mut after_dollar = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'{' if after_dollar => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => return,
                b'\\' => self.at += 1,
                _ => {}
            }
            after_dollar = byte == b'$';
            self.at += 1;
        }
        self.at = self.bytes.len();
    }

    fn quoted(&mut self, quote: u8) -> Result<Token, Fault> {
        let start = self.at;
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            if byte == quote {
                self.after_quote = true;
                return self.word(start, start + 1, self.at - 1);
            }
            if byte == b'\\' {
                self.at += 1;
            }
        }
        self.at = self.bytes.len();
        let span = self.span(start, start + 1);
        Err(Fault::new(span, "unexpected end of file, expecting \";\" or \"}\"".to_owned())
            .label("this quote is never closed")
            .help(format!("add the closing {} on the same line", quote as char)))
    }

    /// The word of a byte range, escapes resolved.
    fn word(&self, start: usize, from: usize, to: usize) -> Result<Token, Fault> {
        let to = to.min(self.bytes.len());
        let span = self.span(start, self.at.min(self.bytes.len()));
        let invalid = &self.source.invalid_offsets;
        let first = invalid.partition_point(|offset| *offset < span.start);
        if let Some(offset) = invalid.get(first).copied().filter(|offset| *offset < span.end) {
            let at = self.span(offset as usize, offset as usize + 1);
            let message = format!("invalid UTF-8 at byte offset {offset}");
            return Err(Fault::new(at, message).help("save the file as UTF-8"));
        }
        if let Some(offset) = self.bytes[from..to].iter().position(|byte| *byte == 0) {
            let offset = from + offset;
            let message = format!("unexpected NUL byte at byte offset {offset}");
            return Err(Fault::new(self.span(offset, offset + 1), message).help("the file must be plain text"));
        }
        Ok(Token::Word(Word { text: unescape(&self.source.text[from..to]), span }))
    }

    fn span(&self, start: usize, end: usize) -> Span {
        // Texts are bounded by CONFIG_FILE_BYTES_MAX, far below 4 GB.
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { file: self.file, start: narrow(start), end: narrow(end) }
    }
}

fn unescape(raw: &str) -> String {
    if !raw.contains('\\') {
        return raw.to_owned();
    }
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some(plain @ ('"' | '\'' | '\\')) => text.push(plain),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::{Origin, Sources};

    fn tokens(text: &str) -> Result<Vec<String>, String> {
        let mut sources = Sources::default();
        let file = sources.add(Origin::File("/f".into()), text.as_bytes().to_vec());
        let mut lexer = Lexer::new(sources.source(file), file);
        let mut found = Vec::new();
        loop {
            found.push(match lexer.token().map_err(|fault| fault.message)? {
                Token::Word(word) => word.text,
                Token::Semicolon(_) => ";".to_owned(),
                Token::Open(_) => "{".to_owned(),
                Token::Close(_) => "}".to_owned(),
                Token::End(_) => return Ok(found),
            });
        }
    }

    #[test]
    fn words_end_at_space_semicolon_and_brace() {
        assert_eq!(tokens("a b;c{d}e f;}").unwrap(), ["a", "b", ";", "c", "{", "d}e", "f", ";", "}"]);
    }

    #[test]
    fn braces_of_a_variable_belong_to_the_word() {
        assert_eq!(tokens("return 200 a${b}c$d${e}").unwrap(), ["return", "200", "a${b}c$d${e}"]);
        assert_eq!(tokens("x $d{").unwrap(), ["x", "$d", "{"]);
    }

    #[test]
    fn comments_begin_only_between_words() {
        assert_eq!(tokens("a#b # c; d\ne;#f").unwrap(), ["a#b", "e", ";"]);
    }

    #[test]
    fn escapes_are_those_of_nginx() {
        assert_eq!(
            tokens(r#"a\"b "c\"d\\e" 'f"g' \d\.x h\;i;"#).unwrap(),
            ["a\"b", "c\"d\\e", "f\"g", "\\d\\.x", "h\\;i", ";"]
        );
        assert_eq!(tokens("\"a\\tb\\n\"").unwrap(), ["a\tb\n"]);
    }

    #[test]
    fn a_quoted_word_ends_with_its_quote() {
        assert_eq!(tokens("'a'b;").unwrap_err(), "unexpected \"b\"");
        assert_eq!(tokens("('a')").unwrap(), ["('a')"]);
        assert_eq!(tokens("'a'{\"\";").unwrap(), ["a", "{", "", ";"]);
        assert_eq!(tokens("x \"abc;\n").unwrap_err(), "unexpected end of file, expecting \";\" or \"}\"");
    }

    #[test]
    fn bytes_that_no_text_holds_are_named_by_offset() {
        assert_eq!(tokens("a\0b;").unwrap_err(), "unexpected NUL byte at byte offset 1");
    }
}
