//! What the service's supervisor is told (sd_notify(3)): ready, reloading, stopping. Without `NOTIFY_SOCKET` nobody is.

use std::io;

use sd_notify::NotifyState;

use crate::model::LogLevel;
use crate::observe::error_log;
use crate::sys::errno::Errno;

/// The generation serves: after a start, and after each reload, whether that brought a new one or not.
pub(super) fn ready(generation: u64) {
    let status = format!("generation {generation} serves new connections");
    tell(Ok([NotifyState::Ready, NotifyState::Status(&status)]));
}

/// A reload begins; [`ready`] ends it. The time lets the supervisor tell this reload from one before.
pub(super) fn reloading() {
    tell(NotifyState::monotonic_usec_now().map(|now| [NotifyState::Reloading, now]));
}

/// The process ends, at once or when its last tunnel does.
pub(super) fn stopping() {
    tell(Ok([NotifyState::Stopping]));
}

fn tell<const N: usize>(states: io::Result<[NotifyState<'_>; N]>) {
    if let Err(error) = states.and_then(|states| sd_notify::notify(&states)) {
        let text = format_args!("sd_notify() failed ({}): NOTIFY_SOCKET leads nowhere", Errno(&error));
        error_log::write(LogLevel::Warn, None, text);
    }
}
