//! A process that is known by a descriptor: it is never another that has got the same number.
#![expect(unsafe_code, reason = "tokio takes foreign descriptors on somebody's word alone")]

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Signal, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process, ours or not.
#[derive(Debug)]
pub(crate) struct Process(AsyncFd<OwnedFd>);

impl Process {
    /// Watches a process by its descriptor.
    pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<Self> {
        // SAFETY: the descriptor is owned by the value and is neither closed nor replaced while that lives: nothing here gives
        // out more than a reference to it.
        let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        watched.map(Self).map_err(io::Error::from)
    }

    /// Kills it, if it has not ended.
    pub(crate) fn kill(&self) {
        // It may have ended already, which is what is wanted.
        let _ = pidfd_send_signal(self.0.get_ref(), Signal::KILL);
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) {
        // The descriptor can be read once the process has ended. It fails when the runtime ends, which ends all waiting.
        let _ = self.0.readable().await;
    }
}
