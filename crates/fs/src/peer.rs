//! Who is at the other end of a socket.
#![expect(unsafe_code, reason = "rustix has no SO_PEERPIDFD")]

use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

use crate::FsError;

/// The process at the other end of a connected Unix socket: who connected, or who listened there. It is a descriptor, so it
/// never becomes another process that has got the same number. Nothing on a kernel before 6.5, or if that process is gone.
pub fn peer_process(socket: impl AsFd) -> Result<Option<OwnedFd>, FsError> {
    let mut descriptor: RawFd = -1;
    let mut len = libc::socklen_t::try_from(size_of::<RawFd>()).unwrap_or_default();
    // SAFETY: the kernel writes at most `len` bytes to the place of `descriptor`, which has so many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERPIDFD,
            (&raw mut descriptor).cast(),
            &raw mut len,
        )
    };
    if result == 0 {
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
        return Ok(Some(unsafe { OwnedFd::from_raw_fd(descriptor) }));
    }
    let error = std::io::Error::last_os_error();
    match Errno::from_io_error(&error) {
        Some(Errno::NOPROTOOPT | Errno::SRCH | Errno::NODATA) => Ok(None),
        _ => Err(FsError::io("ask for the peer of", "the socket", error)),
    }
}

/// Of Linux 6.5; the libc crate does not name it for all systems.
const SO_PEERPIDFD: libc::c_int = 77;
