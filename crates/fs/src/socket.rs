//! Unix sockets that only their owner can reach.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::dir::{HELD, check};
use crate::relative::Relative;
use crate::{Dir, FsError};

impl Dir {
    /// Listens on a socket in this directory, which must be private. The socket has mode 0600 from the moment it
    /// exists. One that was left behind is removed, if it is ours and nobody listens on it.
    pub fn listen_private(&self, name: &str) -> Result<UnixListener, FsError> {
        let (socket, turn) = self.bind(name)?;
        rustix::net::listen(&socket, BACKLOG)
            .map_err(|errno| FsError::io("listen on", self.path().join(name), errno))?;
        drop(turn);
        Ok(UnixListener::from(socket))
    }

    /// The same for somebody else to listen on, who is told to those that connect. Until he does, it is stale to others who bind
    /// one of that name.
    pub fn bind_private(&self, name: &str) -> Result<OwnedFd, FsError> {
        self.bind(name).map(|(socket, _)| socket)
    }

    /// Binds a socket. Nobody else does so in this directory while the second descriptor is open.
    fn bind(&self, name: &str) -> Result<(OwnedFd, OwnedFd), FsError> {
        Relative::parse_name(name)?;
        self.check_private()?;
        let path = self.path().join(name);
        let failed = |errno| FsError::io("listen on", &*path, errno);
        // Two that start at once must not take each other's new socket for a stale one.
        let turn = rustix::fs::openat(self.as_fd(), ".", HELD, Mode::empty()).map_err(failed)?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&turn, FlockOperation::LockExclusive))
            .map_err(failed)?;
        self.remove_stale(name, &path)?;
        let socket = new_socket(SocketFlags::empty()).map_err(failed)?;
        // Linux gives the file the mode of the socket, less the umask, so there is no moment with a wider one.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        rustix::net::bind(&socket, &self.address(name).map_err(failed)?).map_err(failed)?;
        check(&self.look_at_socket(name, &path)?, &path)?;
        Ok((socket, turn))
    }

    /// Connects to a private socket in this directory, after checking that it and the directory are ours, and that the user
    /// `listener` listens there.
    pub fn connect_private(&self, name: &str, listener: u32) -> Result<UnixStream, FsError> {
        Relative::parse_name(name)?;
        let path = self.path().join(name);
        self.check_private()?;
        check(&self.look_at_socket(name, &path)?, &path)?;
        let socket = match self.connect(name, SocketFlags::empty()) {
            Ok(socket) => socket,
            Err(Errno::CONNREFUSED) => return Err(FsError::NobodyListens { path }),
            Err(errno) => return Err(FsError::io("connect to", path, errno)),
        };
        let owner = peer_uid(&socket)?;
        if owner != listener {
            return Err(FsError::WrongOwner { path, owner, expected: listener });
        }
        Ok(UnixStream::from(socket))
    }

    fn remove_stale(&self, name: &str, path: &Path) -> Result<(), FsError> {
        match self.look_at_socket(name, path) {
            Ok(stat) => check(&stat, path).or_else(|error| match error {
                // A stale socket of ours is removed whatever its mode is.
                FsError::NotPrivate { .. } => Ok(()),
                other => Err(other),
            })?,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        }
        match self.connect(name, SocketFlags::NONBLOCK) {
            Err(Errno::CONNREFUSED) => {}
            Ok(_) | Err(Errno::AGAIN) => return Err(FsError::SocketInUse { path: path.to_owned() }),
            Err(errno) => return Err(FsError::io("try", path, errno)),
        }
        rustix::fs::unlinkat(self.as_fd(), name, AtFlags::empty())
            .map_err(|errno| FsError::io("remove the stale socket", path, errno))
    }

    fn look_at_socket(&self, name: &str, path: &Path) -> Result<rustix::fs::Stat, FsError> {
        let stat = rustix::fs::statat(self.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| FsError::io("look at the socket", path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
            return Err(FsError::NotASocket { path: path.to_owned() });
        }
        Ok(stat)
    }

    fn connect(&self, name: &str, flags: SocketFlags) -> rustix::io::Result<OwnedFd> {
        let socket = new_socket(flags)?;
        let address = self.address(name)?;
        rustix::io::retry_on_intr(|| rustix::net::connect(&socket, &address))?;
        Ok(socket)
    }

    /// The socket's address by way of the held handle: it cannot be led elsewhere, and fits into the 108 bytes of
    /// an address however long the path is.
    fn address(&self, name: &str) -> rustix::io::Result<SocketAddrUnix> {
        SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}", self.as_fd().as_raw_fd()))
    }
}

/// Connects to a private socket, after checking that it, its directory and its listener are ours. Symbolic links
/// above the directory are followed.
pub fn connect_private(path: &Path) -> Result<UnixStream, FsError> {
    let (dir, name) = directory_of(path)?;
    dir.connect_private(&name, rustix::process::geteuid().as_raw())
}

/// The user id of the process at the other end of a connected Unix socket, as the kernel knows it.
pub fn peer_uid(socket: impl AsFd) -> Result<u32, FsError> {
    rustix::net::sockopt::socket_peercred(socket.as_fd())
        .map(|credentials| credentials.uid.as_raw())
        .map_err(|errno| FsError::io("ask for the peer of", "the socket", errno))
}

fn directory_of(path: &Path) -> Result<(Dir, String), FsError> {
    let bad = |reason| FsError::BadRelativePath { text: path.to_string_lossy().into_owned(), reason };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| bad("it names no socket"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((Dir::open_with(&parent, OFlags::PATH)?, name.to_owned()))
}

fn new_socket(flags: SocketFlags) -> rustix::io::Result<OwnedFd> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)
}

/// Connections that may wait to be accepted; more are told to try again.
const BACKLOG: i32 = 128;
