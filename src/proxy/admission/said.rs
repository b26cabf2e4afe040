//! What one kind of access rule says of a request.

use crate::proxy::failure::Failure;

/// An answer of rules by address, or of those by password.
pub enum Said {
    Yes,
    /// It does not apply.
    Nothing,
    No(Failure),
}
