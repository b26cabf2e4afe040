//! What a run leaves behind: raw readings as CSV, the table, the report. Knows nothing of how anything was measured.

mod bare;
mod chart;
pub mod csv;
pub mod folder;
mod html;
pub mod markdown;
mod readme;
mod summary;
mod targets;
