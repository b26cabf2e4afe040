//! Static files.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::config::parser::Node;
use crate::config::raw::{RawFiles, RawLevel, RawLocation, RawMatching, RawRoot};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{Alias, MediaType, Part, Template, Variable};

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
