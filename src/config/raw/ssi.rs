//! What the user wrote of server side includes.

/// `ssi` and what goes with it.
#[derive(Debug, Default)]
pub struct RawSsi {
    pub is_on: Option<bool>,
    /// In lower case; empty for `*`.
    pub types: Option<Vec<String>>,
    pub silent_errors: Option<bool>,
    pub value_bytes: Option<usize>,
    pub last_modified: Option<bool>,
}

impl RawSsi {
    /// Whether nothing was written of what `ssi` goes by.
    #[must_use]
    pub fn has_no_rules(&self) -> bool {
        let Self { is_on: _, types, silent_errors, value_bytes, last_modified } = self;
        types.is_none() && silent_errors.is_none() && value_bytes.is_none() && last_modified.is_none()
    }
}
