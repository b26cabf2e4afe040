//! `error_page` and `try_files`: where a request goes on inside when its first answer does not do.

use std::sync::Arc;

use super::Template;

/// All `error_page` settings of a location.
#[derive(Debug, Clone, Default)]
pub struct ErrorPages {
    /// In the order of the file; the first with the status counts.
    pub pages: Arc<[ErrorPage]>,
    /// `recursive_error_pages`: the answer of an error page may have an error page again.
    pub recursive: bool,
}

/// What `error_page` makes of one status.
#[derive(Debug)]
pub struct ErrorPage {
    pub status: u16,
    pub answers_with: PageStatus,
    pub target: Target,
}

/// The status that the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStatus {
    /// That of the error.
    Same,
    /// `=`: whatever the page answers with.
    OfPage,
    /// `=CODE`.
    Is(u16),
}

/// A place inside, or a URL elsewhere.
#[derive(Debug)]
pub enum Target {
    /// `@name`, without the `@`.
    Named(Box<str>),
    /// A path with arguments or a URL: what it is shows when it is evaluated.
    Uri(Template),
}

/// `try_files`.
#[derive(Debug)]
pub struct TryFiles {
    pub files: Box<[TryFile]>,
    pub last: LastResort,
}

/// One name of `try_files`.
#[derive(Debug)]
pub struct TryFile {
    /// Below the folder of files, without the final slash.
    pub name: Template,
    /// It ended in a slash: a folder is wanted.
    pub is_folder: bool,
}

/// The last parameter of `try_files`.
#[derive(Debug)]
pub enum LastResort {
    /// `=CODE`.
    Status(u16),
    Target(Target),
}
