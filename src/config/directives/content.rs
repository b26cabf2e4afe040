//! Static files, and fields added to answers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::parser::Node;
use crate::config::raw::{RawAddHeader, RawFiles, RawLevel, RawLocation, RawMatching, RawRoot};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{AddHeader, Alias, MediaType, Part, Template, Variable};

/// What has no `index` of its own.
pub const INDEX: &str = "index.html";
/// What has no `root` of its own, below the prefix.
pub const ROOT: &str = "html";
/// What has no `default_type` of its own.
pub const DEFAULT_TYPE: &str = "text/plain";

pub const TABLE: &[Directive] = &[
    supported(
        "root",
        HTTP_LEVELS | IF_IN_LOCATION,
        ONE,
        Setter::Level(|level, line| folder(level, line, Alias::No)),
        "Folder of static files (`html`).",
    ),
    supported("alias", LOCATION, ONE, Setter::Location(alias), "Folder in place of the part of the path that matched."),
    supported("index", HTTP_LEVELS, ONE_OR_MORE, Setter::Level(index), "Files that stand for a folder (`index.html`)."),
    supported(
        "types",
        HTTP_LEVELS,
        block(NO_ARGS),
        Setter::Level(types),
        "Types of content by extension; without it a built-in list.",
    ),
    supported(
        "default_type",
        HTTP_LEVELS,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.files.default_type, |line| Ok(line.arg(0).text.clone()))),
        "Type of files with an unknown extension (`text/plain`).",
    ),
    supported(
        "log_not_found",
        HTTP_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut level.log_not_found),
        "Whether a missing file is told in the error log (on).",
    ),
    supported(
        "stub_status",
        SERVER | LOCATION,
        NONE_OR_ONE,
        Setter::Level(|level, _| {
            level.stub_status = true;
            Ok(())
        }),
        "Answers with the numbers of connections and requests.",
    ),
    supported(
        "add_header",
        HTTP_LEVELS | IF_IN_LOCATION,
        TWO_OR_THREE,
        Setter::Level(|level, line| added(line).map(|field| level.add_headers.push(field))),
        "Adds a field to answers; `always` also to errors. Inherited only by levels that have none.",
    ),
    supported(
        "add_trailer",
        HTTP_LEVELS | IF_IN_LOCATION,
        TWO_OR_THREE,
        Setter::Level(|level, line| added(line).map(|field| level.add_trailers.push(field))),
        "Adds a field behind the body of answers, for HTTP/1.1; inherited as `add_header` is.",
    ),
];

fn alias(location: &mut RawLocation, line: &Line) -> Recorded {
    let alias = match location.matching {
        RawMatching::Regex(_) => Alias::Whole,
        RawMatching::Named => {
            let message = "the \"alias\" directive cannot be used inside the named location";
            return Err(Fault::new(line.span(), message).help("use `root`"));
        }
        RawMatching::Exact | RawMatching::Prefix | RawMatching::PrefixBeforeRegex | RawMatching::Inner => {
            Alias::Path(location.name.len())
        }
    };
    folder(&mut location.level, line, alias)
}

fn folder(level: &mut RawLevel, line: &Line, alias: Alias) -> Recorded {
    let own = if alias == Alias::No { "root" } else { "alias" };
    if let Some(earlier) = &level.files.root {
        let other = if earlier.alias == Alias::No { "root" } else { "alias" };
        if other == own {
            return Err(line.fault("is duplicate").help("remove one of the two lines"));
        }
        return Err(line.fault(&format!("is duplicate, \"{other}\" directive was specified earlier")));
    }
    let word = line.arg(0);
    for name in ["document_root", "realpath_root"] {
        if word.text.contains(&format!("${name}")) || word.text.contains(&format!("${{{name}}}")) {
            let message = format!("the ${name} variable cannot be used in the \"{own}\" directive");
            return Err(Fault::new(word.span, message));
        }
    }
    level.files.root = Some(RawRoot { folder: word.clone(), alias });
    Ok(())
}

fn index(level: &mut RawLevel, line: &Line) -> Recorded {
    for word in line.args() {
        if word.text.is_empty() {
            let message = format!("index \"{}\" in \"index\" directive is invalid", word.text);
            return Err(Fault::new(word.span, message));
        }
        level.files.index.push(word.clone());
    }
    Ok(())
}

fn types(level: &mut RawLevel, line: &Line) -> Recorded {
    let list = level.files.types.get_or_insert_default();
    let mut places: HashMap<Box<str>, usize> =
        list.iter().enumerate().map(|(place, known)| (known.extension.clone(), place)).collect();
    for Node { name, args, block } in line.block() {
        if block.is_some() {
            line.env.fault(Fault::new(name.span, "unexpected \"{\"").help("a line of `types` ends with `;`"));
        }
        for extension in args {
            let lower: Box<str> = extension.text.to_ascii_lowercase().into();
            match places.get(&lower).and_then(|place| list.get_mut(*place)) {
                Some(known) => {
                    line.env.warn(Fault::new(
                        extension.span,
                        format!(
                            "duplicate extension \"{lower}\", content type: \"{}\", previous content type: \"{}\"",
                            name.text, known.content_type
                        ),
                    ));
                    known.content_type = name.text.as_str().into();
                }
                None => {
                    places.insert(lower.clone(), list.len());
                    list.push(MediaType { extension: lower, content_type: name.text.as_str().into() });
                }
            }
        }
    }
    Ok(())
}

fn added(line: &Line) -> Result<RawAddHeader, Fault> {
    let always = match line.args().get(2) {
        None => false,
        Some(word) if word.text == "always" => true,
        Some(word) => return Err(line.invalid_parameter(word).help("the third argument can only be `always`")),
    };
    let (name, value) = field(line)?;
    Ok(RawAddHeader { name, value, always })
}

/// A name and a value that are written into a head. nginx writes a line break as it is; here it becomes the space that
/// RFC 9112 5.2 puts in its place, for another byte would begin a field or end the head.
pub(super) fn field(line: &Line) -> Result<(Word, Word), Fault> {
    let (name, mut value) = (line.arg(0).clone(), line.arg(1).clone());
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.text.is_empty() || !name.text.bytes().all(is_token) {
        let fault = Fault::new(name.span, format!("invalid field name \"{}\"", name.text.escape_debug()));
        return Err(fault.help("a name has letters, digits and `-`, as in `X-Forwarded-For`"));
    }
    if value.text.contains(['\r', '\n']) {
        let message = format!("line breaks in the value of \"{}\" become spaces", name.text);
        line.env.warn(Fault::new(value.span, message));
        let parts: Vec<&str> = value.text.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
        value.text = parts.join(" ");
    }
    Ok((name, value))
}

/// A level's `add_header` lines, or those around it.
pub fn resolve_add_headers(raw: &[RawAddHeader], around: &Arc<[AddHeader]>, scope: &Scope<'_>) -> Arc<[AddHeader]> {
    if raw.is_empty() {
        return Arc::clone(around);
    }
    let one = |given: &RawAddHeader| AddHeader {
        name: given.name.text.as_bytes().into(),
        value: scope.template(&given.value),
        always: given.always,
    };
    raw.iter().map(one).collect()
}

/// What static files need, at one level.
#[derive(Debug, Clone)]
pub struct Files {
    pub root: Template,
    pub alias: Alias,
    pub index: Arc<[Template]>,
    pub default_type: Box<str>,
    pub types: Option<Arc<[MediaType]>>,
}

/// nginx's defaults.
#[must_use]
pub fn files_defaults(prefix: &Path) -> Files {
    Files {
        root: Template::text(prefix.join(ROOT).as_os_str().as_encoded_bytes()),
        alias: Alias::No,
        index: Arc::new([Template::text(INDEX.as_bytes())]),
        default_type: DEFAULT_TYPE.into(),
        types: None,
    }
}

/// A level's settings over those around it.
pub fn resolve_files(raw: &RawFiles, around: &Files, scope: &Scope<'_>) -> Files {
    let root = raw.root.as_ref().map(|RawRoot { folder: word, alias }| {
        // nginx drops one slash at the end: `$document_root$uri` would have two.
        let text = match alias {
            Alias::No => word.text.strip_suffix('/').unwrap_or(&word.text),
            Alias::Path(_) | Alias::Whole => &word.text,
        };
        let template = scope.template_of(text, word.span);
        let begins_with_variable = matches!(template.parts.first(), Some(Part::Variable(_)));
        if begins_with_variable || text.is_empty() {
            return template;
        }
        scope.template_of(&scope.env.path(text).to_string_lossy(), word.span)
    });
    Files {
        root: root.unwrap_or_else(|| around.root.clone()),
        alias: raw.root.as_ref().map_or(around.alias, |root| root.alias),
        index: if raw.index.is_empty() {
            Arc::clone(&around.index)
        } else {
            raw.index.iter().map(|name| scope.template(name)).collect()
        },
        default_type: raw.default_type.as_deref().map_or_else(|| around.default_type.clone(), Into::into),
        types: raw.types.as_ref().map_or_else(|| around.types.clone(), |list| Some(list.as_slice().into())),
    }
}

/// Whether a template uses the folder of static files, which would go in circles.
#[must_use]
pub fn uses_root(template: &Template) -> bool {
    template.parts.iter().any(|part| {
        matches!(part, Part::Variable(Variable::DocumentRoot | Variable::RealpathRoot | Variable::RequestFilename))
    })
}
