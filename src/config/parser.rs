//! Tokens -> tree of directives, `include` already replaced by what it names.
//!
//! Goes on after a fault, so that one reading tells of several. Depth of blocks, depth and number of inclusions are
//! bounded, and a file is never included in itself. Knows no directive but `include`.

use std::io;
use std::path::{Path, PathBuf};

use super::diagnostic::Fault;
use super::lexer::{Lexer, Token, Word};
use super::source::{FileId, Files, Origin, Sources, Span};
use crate::limits;

/// One directive as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: Word,
    pub args: Vec<Word>,
    pub block: Option<Vec<Node>>,
}

impl Node {
    /// From the name to the last argument.
    #[must_use]
    pub fn span(&self) -> Span {
        self.args.last().map_or(self.name.span, |last| self.name.span.to(last.span))
    }
}

/// Reads texts into trees.
pub struct Parser<'a> {
    files: &'a dyn Files,
    /// Folder of the configuration file: what `include` is relative to.
    folder: PathBuf,
    pub sources: Sources,
    pub faults: Vec<Fault>,
    /// Files being read now, outermost first.
    reading: Vec<PathBuf>,
    include_count: usize,
}

/// One text on its way into a tree.
struct Reading {
    tokens: std::vec::IntoIter<Token>,
    /// Without faults: an end that comes too early is then a fault of its own.
    is_lexed: bool,
}

/// What ended a list of directives.
enum Ended {
    Block,
    Text,
}

impl<'a> Parser<'a> {
    /// `folder` is what the paths of `include` are relative to.
    #[must_use]
    pub fn new(files: &'a dyn Files, folder: PathBuf) -> Self {
        Self { files, folder, sources: Sources::default(), faults: Vec::new(), reading: Vec::new(), include_count: 0 }
    }

    /// Takes note of a fault, if there is room for it.
    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < limits::CONFIG_ERRORS_MAX {
            self.faults.push(fault);
        }
    }

    /// Reads a text that is not a file.
    pub fn read_text(&mut self, origin: Origin, text: &str) -> Vec<Node> {
        let file = self.sources.add(origin, text.as_bytes().to_vec());
        self.read_source(file, 0)
    }

    /// Reads a file; `asked` is the `include` that names it.
    pub fn read_file(&mut self, path: &Path, asked: Option<Span>, depth: usize) -> Vec<Node> {
        let at = |message: String| match asked {
            Some(span) => Fault::new(span, message),
            None => Fault::without_place(message),
        };
        let file = match self.sources.find(path) {
            Some(file) => file,
            None => match self.files.read(path) {
                Ok(bytes) if bytes.len() as u64 > limits::CONFIG_FILE_BYTES_MAX => {
                    let most = limits::CONFIG_FILE_BYTES_MAX >> 20;
                    let message = format!("\"{}\" is larger than {most} MB, the most for one file", path.display());
                    self.fault(at(message));
                    return Vec::new();
                }
                Ok(bytes) => self.sources.add(Origin::File(path.to_owned()), bytes),
                Err(error) => {
                    let message = format!("open() \"{}\" failed ({})", path.display(), errno_text(&error));
                    self.fault(at(message));
                    return Vec::new();
                }
            },
        };
        self.reading.push(path.to_owned());
        let nodes = self.read_source(file, depth);
        self.reading.pop();
        nodes
    }

    fn read_source(&mut self, file: FileId, depth: usize) -> Vec<Node> {
        let mut tokens = Vec::new();
        let mut faults = Vec::new();
        let mut lexer = Lexer::new(self.sources.source(file), file);
        while faults.len() <= limits::CONFIG_ERRORS_MAX {
            match lexer.token() {
                Ok(token) => {
                    let is_end = matches!(token, Token::End(_));
                    tokens.push(token);
                    if is_end {
                        break;
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        let mut reading = Reading { tokens: tokens.into_iter(), is_lexed: faults.is_empty() };
        for fault in faults {
            self.fault(fault);
        }
        let mut nodes = Vec::new();
        // A `}` too many ends a list, but not the text.
        while let Ended::Block = self.read_list(&mut reading, depth, None, &mut nodes) {}
        nodes
    }

    /// Directives up to the end of a block (opened by `opener`) or of the text.
    fn read_list(
        &mut self,
        reading: &mut Reading,
        depth: usize,
        opener: Option<&Node>,
        nodes: &mut Vec<Node>,
    ) -> Ended {
        let mut words: Vec<Word> = Vec::new();
        while let Some(token) = reading.tokens.next() {
            if self.faults.len() >= limits::CONFIG_ERRORS_MAX {
                return Ended::Text;
            }
            match token {
                Token::Word(word) => words.push(word),
                Token::Semicolon(span) => match take_node(&mut words) {
                    Some(node) if node.name.text == "include" => self.include(&node, depth, nodes),
                    Some(node) => nodes.push(node),
                    None => self.fault(Fault::new(span, "unexpected \";\"").help("remove it")),
                },
                Token::Open(span) => match self.read_block(reading, depth, take_node(&mut words), span, nodes) {
                    Ended::Block => {}
                    Ended::Text => return Ended::Text,
                },
                Token::Close(span) => {
                    if let Some(last) = words.last() {
                        let fault = Fault::new(span, "unexpected \"}\"").also(last.span, "no `;` follows this");
                        self.fault(fault.help("end the directive before it with `;`"));
                    } else if opener.is_none() {
                        let fault = Fault::new(span, "unexpected \"}\"").label("no block is open here");
                        self.fault(fault.help("remove it, or look for one `}` too many above"));
                    }
                    return Ended::Block;
                }
                Token::End(span) if reading.is_lexed => {
                    self.text_ended(span, words.last(), opener);
                    return Ended::Text;
                }
                Token::End(_) => return Ended::Text,
            }
        }
        Ended::Text
    }

    /// The block of `node`, behind its `{`; without a name its content is read and dropped.
    fn read_block(
        &mut self,
        reading: &mut Reading,
        depth: usize,
        node: Option<Node>,
        open: Span,
        nodes: &mut Vec<Node>,
    ) -> Ended {
        if depth >= limits::CONFIG_BLOCK_DEPTH_MAX {
            let message = format!("blocks are nested more than {} deep", limits::CONFIG_BLOCK_DEPTH_MAX);
            self.fault(Fault::new(open, message));
            return Ended::Text;
        }
        let mut block = Vec::new();
        match node {
            Some(node) => {
                let ended = self.read_list(reading, depth + 1, Some(&node), &mut block);
                nodes.push(Node { block: Some(block), ..node });
                ended
            }
            None => {
                self.fault(Fault::new(open, "unexpected \"{\"").help("a block needs a name before it"));
                let unnamed = Node { name: Word { text: String::new(), span: open }, args: Vec::new(), block: None };
                self.read_list(reading, depth + 1, Some(&unnamed), &mut block)
            }
        }
    }

    /// The text ended where `;` or `}` had to come.
    fn text_ended(&mut self, end: Span, last: Option<&Word>, opener: Option<&Node>) {
        let of_what = match self.sources.source(end.file).origin {
            Origin::CommandLine => "parameter",
            Origin::File(_) | Origin::Generated(_) => "file",
        };
        let fault = match (last, opener) {
            (Some(last), _) => {
                let expected = if of_what == "file" { "\";\" or \"}\"" } else { "\";\"" };
                Fault::new(end, format!("unexpected end of {of_what}, expecting {expected}"))
                    .also(last.span, "no `;` follows this")
            }
            (None, Some(node)) => Fault::new(end, format!("unexpected end of {of_what}, expecting \"}}\""))
                .also(node.name.span, "this block is never closed"),
            (None, None) => return,
        };
        self.fault(fault);
    }

    /// `include`: adds the directives of all files it names.
    fn include(&mut self, node: &Node, depth: usize, nodes: &mut Vec<Node>) {
        let [pattern] = node.args.as_slice() else {
            let message = "invalid number of arguments in \"include\" directive";
            self.faults
                .push(Fault::new(node.span(), message).help("name one file or pattern, as in `include *.conf;`"));
            return;
        };
        let path = self.folder.join(&pattern.text);
        let has_wildcards = pattern.text.contains(['*', '?', '[']);
        let paths = match path.to_str() {
            Some(text) if has_wildcards => self.files.glob(text),
            Some(_) | None => vec![path],
        };
        for path in paths {
            let refused = if self.reading.contains(&path) {
                Some(format!("\"{}\" includes itself", path.display()))
            } else if self.reading.len() >= limits::CONFIG_INCLUDE_DEPTH_MAX {
                Some(format!("files are included more than {} deep", limits::CONFIG_INCLUDE_DEPTH_MAX))
            } else if self.include_count >= limits::CONFIG_INCLUDE_COUNT_MAX {
                Some(format!("more than {} files are included", limits::CONFIG_INCLUDE_COUNT_MAX))
            } else {
                None
            };
            if let Some(message) = refused {
                self.fault(Fault::new(pattern.span, message));
                return;
            }
            self.include_count += 1;
            let mut found = self.read_file(&path, Some(pattern.span), depth);
            nodes.append(&mut found);
        }
    }
}

fn take_node(words: &mut Vec<Word>) -> Option<Node> {
    let mut words = std::mem::take(words).into_iter();
    let name = words.next()?;
    Some(Node { name, args: words.collect(), block: None })
}

/// `2: No such file or directory`, as nginx writes it.
fn errno_text(error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (Some(number), _) => {
            let text = error.to_string();
            let words = text.rfind(" (os error").map_or(text.as_str(), |at| &text[..at]);
            format!("{number}: {words}")
        }
        (None, io::ErrorKind::IsADirectory) => "21: Is a directory".to_owned(),
        (None, _) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
