//! The process: start, reload, stop, signals, privileges. The only importer of `config`.
//!
//! Everything here runs on the main thread, which carries no traffic: it may block, resolve names and read files. What
//! runs is in `shard`; control hands it generations and waits for signals and reports.

mod adopt;
mod daemon;
mod descriptors;
mod doctor;
mod listeners;
mod load;
mod locked;
mod logs;
mod notify;
mod obey;
mod options;
mod passed;
mod pid;
mod privileges;
mod process;
mod report;
mod ring;
mod signals;
mod start;
mod verify;
mod wake;

pub use descriptors::affordable_connections;
pub use doctor::{Question, doctor, sizing_markdown};
pub use load::{DIALECT_VERSION, configure_arguments};
pub use obey::{Order, order};
pub use options::{Configuration, Ender, OnServing, Start};
pub use start::serve;
pub use verify::test;
