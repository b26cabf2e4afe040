//! Lists of types that `gzip` and its like act on.

use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::model::MediaTypes;

/// What every list holds without being told.
const TYPE: &str = "text/html";

/// Adds the types of a line, in lower case; a list that holds every type is empty.
pub fn record(list: &mut Option<Vec<String>>, line: &Line) -> Recorded {
    let is_any = line.args().iter().any(|word| word.text == "*");
    let known = list.get_or_insert_with(|| vec![TYPE.to_owned()]);
    if is_any || known.is_empty() {
        known.clear();
        return Ok(());
    }
    for word in line.args() {
        let name = word.text.to_ascii_lowercase();
        if known.contains(&name) {
            line.env.warn(Fault::new(word.span, format!("duplicate MIME type \"{}\"", word.text)));
        } else {
            known.push(name);
        }
    }
    Ok(())
}

/// A level's list over the one around it.
#[must_use]
pub fn resolve(list: Option<&Vec<String>>, around: &MediaTypes) -> MediaTypes {
    match list {
        None => around.clone(),
        Some(names) if names.is_empty() => MediaTypes(None),
        Some(names) => MediaTypes(Some(names.iter().map(|name| name.as_bytes().into()).collect())),
    }
}
