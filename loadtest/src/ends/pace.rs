//! Messages at a rate: says to each tunnel in turn when its next one is due.
//!
//! Times come from a timer descriptor, because the runtime's own timers step by milliseconds. The schedule never waits
//! for anybody: a message that is due while the thread is busy is due all the same.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::{Duration, Instant};

use monoio::net::UnixStream;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::echo::Stop;
use super::lane::Entrance;

/// The longest sleep: how soon a stop is seen.
const SLEEP_MAX: Duration = Duration::from_millis(20);

struct Timer {
    descriptor: OwnedFd,
    /// A handle by which the runtime awaits the descriptor. A timer is no socket: only its readiness is used.
    readiness: UnixStream,
}

impl Timer {
    fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let handle = StdUnixStream::from(descriptor.try_clone()?);
        Ok(Self { descriptor, readiness: UnixStream::from_std(handle)? })
    }

    async fn sleep(&self, time: Duration) -> io::Result<()> {
        // All zero would switch the timer off.
        let time = time.clamp(Duration::from_nanos(1), SLEEP_MAX);
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) },
        };
        rustix::time::timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
        self.readiness.readable(false).await?;
        match rustix::io::read(&self.descriptor, &mut [0u8; 8]) {
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Until told to stop: `rate` messages in a second, spread evenly over time and tunnels.
pub async fn pace(tunnels: Vec<Entrance<Instant>>, rate: u32, stop: Stop) -> io::Result<()> {
    let timer = Timer::new()?;
    let step = Duration::from_secs(1) / rate.max(1);
    let mut due = Instant::now() + step;
    for tunnel in tunnels.iter().cycle() {
        loop {
            if stop.get() {
                return Ok(());
            }
            let now = Instant::now();
            if due <= now {
                break;
            }
            timer.sleep(due - now).await?;
        }
        tunnel.push(due);
        due += step;
    }
    Ok(())
}
