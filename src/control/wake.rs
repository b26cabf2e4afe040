//! How the main thread waits: on descriptors that ring, without spinning.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::shard::{Mailbox, Report};

/// Waits until one of the descriptors is readable or the time is over.
pub(super) fn wait(bells: &[BorrowedFd<'_>], time: Option<Duration>) {
    let mut polled: Vec<PollFd<'_>> = bells.iter().map(|bell| PollFd::from_borrowed_fd(*bell, PollFlags::IN)).collect();
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    // EINTR: a signal, whose byte is in the pipe by then.
    let _ = poll(&mut polled, time.as_ref());
}

/// The next report, however long it takes.
pub(super) fn next_report(reports: &Mailbox<Report>) -> Report {
    loop {
        if let Some(report) = reports.take() {
            return report;
        }
        wait(&[reports.bell()], None);
        reports.quiet();
    }
}
