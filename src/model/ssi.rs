//! Server side includes: which answers are read for commands, and the names that commands may use.

use std::collections::BTreeMap;

use super::{MediaTypes, Variable};

/// `ssi` and what goes with it.
#[derive(Debug, Clone)]
pub struct Ssi {
    /// `ssi_types`.
    pub types: MediaTypes,
    /// `ssi_silent_errors`: what cannot be done leaves nothing in the answer.
    pub silent_errors: bool,
    /// `ssi_value_length`: the longest value of a parameter.
    pub value_bytes: usize,
    /// `ssi_last_modified`: `Last-Modified` stays.
    pub last_modified: bool,
}

impl Default for Ssi {
    /// nginx's defaults.
    fn default() -> Self {
        Self { types: MediaTypes::default(), silent_errors: false, value_bytes: 255, last_modified: false }
    }
}

/// Makes the variable whose name ends with these bytes.
pub type OfRest = fn(Box<[u8]>) -> Variable;

/// Variables by names that are only known while requests are served.
#[derive(Debug, Default)]
pub struct VariableNames {
    /// By their names in lower case, as nginx looks for them.
    pub whole: BTreeMap<Box<[u8]>, Variable>,
    /// Those that carry a name of the message in theirs, by what it begins with.
    pub prefixed: Box<[(&'static str, OfRest)]>,
}

impl VariableNames {
    /// The variable of a name in lower case.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<Variable> {
        self.whole.get(name).cloned().or_else(|| {
            self.prefixed.iter().find_map(|(prefix, of_rest)| {
                let rest = name.strip_prefix(prefix.as_bytes())?;
                Some(of_rest(rest.into()))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_or_end_with_one_of_the_message() {
        let whole = BTreeMap::from([((*b"http_x").into(), Variable::Uri), ((*b"args").into(), Variable::Args)]);
        let names = VariableNames { whole, prefixed: Box::new([("http_", Variable::Http)]) };
        assert_eq!(names.find(b"args"), Some(Variable::Args));
        assert_eq!(names.find(b"http_x"), Some(Variable::Uri));
        assert_eq!(names.find(b"http_y"), Some(Variable::Http((*b"y").into())));
        assert_eq!(names.find(b"arg"), None);
    }
}
