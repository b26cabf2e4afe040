//! What is answered without a peer: static files, `return`, and fields added to answers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::names::has_variables;
use crate::config::parser::Node;
use crate::config::raw::{RawAddHeader, RawFiles, RawLevel, RawReturn};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::{AddHeader, MediaType, Part, Return, Step, Template, Variable};

/// What has no `index` of its own.
pub const INDEX: &str = "index.html";
/// What has no `root` of its own, below the prefix.
pub const ROOT: &str = "html";
/// What has no `default_type` of its own.
pub const DEFAULT_TYPE: &str = "text/plain";

pub const TABLE: &[Directive] = &[
    supported("root", HTTP_LEVELS, ONE, Setter::Level(root), "Folder of static files (`html`)."),
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
        "add_header",
        HTTP_LEVELS,
        TWO_OR_THREE,
        Setter::Level(add_header),
        "Adds a field to answers; `always` also to errors. Inherited only by levels that have none.",
    ),
    supported(
        "return",
        SERVER | LOCATION,
        ONE_OR_TWO,
        Setter::Level(record_return),
        "Answers with a status and a text or the URL of a redirect.",
    ),
];

fn root(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.files.root, |line| {
        let word = line.arg(0);
        for name in ["document_root", "realpath_root"] {
            if word.text.contains(&format!("${name}")) || word.text.contains(&format!("${{{name}}}")) {
                let message = format!("the ${name} variable cannot be used in the \"root\" directive");
                return Err(Fault::new(word.span, message));
            }
        }
        Ok(word.clone())
    })
}

fn index(level: &mut RawLevel, line: &Line) -> Recorded {
    for word in line.args() {
        if word.text.is_empty() {
            let message = format!("index \"{}\" in \"index\" directive is invalid", word.text);
            return Err(Fault::new(word.span, message));
        }
        if has_variables(word) {
            let fault = Fault::new(word.span, "variables in \"index\" are not supported yet");
            return Err(fault.help("name the files, as in `index index.html;`"));
        }
        level.files.index.push(word.text.clone());
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

fn add_header(level: &mut RawLevel, line: &Line) -> Recorded {
    let always = match line.args().get(2) {
        None => false,
        Some(word) if word.text == "always" => true,
        Some(word) => return Err(line.invalid_parameter(word).help("the third argument can only be `always`")),
    };
    let (name, value) = field(line)?;
    level.add_headers.push(RawAddHeader { name, value, always });
    Ok(())
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

fn record_return(level: &mut RawLevel, line: &Line) -> Recorded {
    let first = line.arg(0);
    let is_url = ["http://", "https://", "$scheme"].iter().any(|start| first.text.starts_with(start));
    let status = value::number(&first.text).filter(|status| *status <= 999);
    let given = match (status.and_then(|status| u16::try_from(status).ok()), line.args().get(1)) {
        (Some(status), text) => RawReturn { status, text: text.cloned() },
        (None, None) if is_url => RawReturn { status: 302, text: Some(first.clone()) },
        (None, _) => {
            let fault = Fault::new(first.span, format!("invalid return code \"{}\"", first.text));
            return Err(fault.help("a status as in `return 204;`, or a URL as in `return https://$host$request_uri;`"));
        }
    };
    level.returns.push(given);
    Ok(())
}

/// `return` lines as steps.
pub fn resolve_returns(raw: &[RawReturn], scope: &Scope<'_>) -> Vec<Step> {
    let text_of = |given: &RawReturn| given.text.as_ref().map(|text| scope.template(text));
    raw.iter().map(|given| Step::Return(Return { status: given.status, text: text_of(given) })).collect()
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
    pub index: Arc<[Box<str>]>,
    pub default_type: Box<str>,
    pub types: Option<Arc<[MediaType]>>,
}

/// nginx's defaults.
#[must_use]
pub fn files_defaults(prefix: &Path) -> Files {
    Files {
        root: Template::text(prefix.join(ROOT).as_os_str().as_encoded_bytes()),
        index: Arc::new([INDEX.into()]),
        default_type: DEFAULT_TYPE.into(),
        types: None,
    }
}

/// A level's settings over those around it.
pub fn resolve_files(raw: &RawFiles, around: &Files, scope: &Scope<'_>) -> Files {
    let root = raw.root.as_ref().map(|word| {
        // nginx drops one slash at the end: `$document_root$uri` would have two.
        let text = word.text.strip_suffix('/').unwrap_or(&word.text);
        let template = scope.template_of(text, word.span);
        let begins_with_variable = matches!(template.parts.first(), Some(Part::Variable(_)));
        if begins_with_variable || text.is_empty() {
            return template;
        }
        scope.template_of(&scope.env.path(text).to_string_lossy(), word.span)
    });
    Files {
        root: root.unwrap_or_else(|| around.root.clone()),
        index: if raw.index.is_empty() {
            Arc::clone(&around.index)
        } else {
            raw.index.iter().map(|name| name.as_str().into()).collect()
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
