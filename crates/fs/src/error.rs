use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why a file operation failed. Every variant names what it was about.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was attempted, as a verb: "open", "sync".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// The disk, or the quota on it, is full. Nothing was half-written.
    #[error(
        "cannot {action} `{}`: no space is left; free some, or move the directory to a larger disk",
        path.display()
    )]
    NoSpace {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// The name is taken, and the operation does not replace.
    #[error("`{}` exists already", path.display())]
    AlreadyExists {
        /// The name.
        path: PathBuf,
    },
    /// A relative path that could lead elsewhere than beneath its directory, or nowhere.
    #[error("`{}` is no usable relative path: {reason}", text.escape_debug())]
    BadRelativePath {
        /// The path as given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path that a symbolic link would lead elsewhere.
    #[error("`{}` leads through a symbolic link, which is refused; name the real place", path.display())]
    SymlinkRefused {
        /// The path.
        path: PathBuf,
    },
    /// Something other than a regular file where a file is expected.
    #[error("`{}` is a {found}, not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is: "directory", "FIFO", "device".
        found: &'static str,
    },
    /// A file larger than its reader takes.
    #[error("`{}` is larger than the {bytes_max} bytes allowed for it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most allowed.
        bytes_max: u64,
    },
    /// A directory with more entries than anyone here lists.
    #[error("`{}` has more than the {entries_max} entries allowed for it", path.display())]
    TooManyEntries {
        /// The directory.
        path: PathBuf,
        /// The most allowed.
        entries_max: usize,
    },
    /// An entry whose name is not UTF-8.
    #[error("`{}` has a name that is not UTF-8; rename it", path.display())]
    NotUtf8 {
        /// The entry.
        path: PathBuf,
    },
    /// Something that must be ours and is somebody else's.
    #[error(
        "`{}` belongs to user {owner}, not to user {expected} who runs this; choose another place, or change \
         its owner with chown",
        path.display()
    )]
    WrongOwner {
        /// The directory, file or socket.
        path: PathBuf,
        /// The user id it belongs to.
        owner: u32,
        /// The user id it must belong to.
        expected: u32,
    },
    /// Something that must be private and is open to others.
    #[error("`{}` is open to other users (mode {mode:04o}); take their rights away with chmod go=", path.display())]
    NotPrivate {
        /// The directory, file or socket.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A parent directory in which everybody may put something else in our place.
    #[error(
        "everybody may write in `{}` (mode {mode:04o}); choose another place, or take that right away with \
         chmod o-w",
        path.display()
    )]
    OpenParent {
        /// The parent.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that has further names, through which it could be changed.
    #[error("`{}` has {links} names where one is expected", path.display())]
    HardLinked {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// The directory is in use by another process.
    #[error("`{}` is in use by {owner}; stop that process, or choose another directory", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who holds it, as it described itself.
        owner: String,
    },
    /// Another process listens on the socket.
    #[error("another process listens on `{}`; stop it, or choose another directory", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something other than a socket has the socket's name.
    #[error("`{}` is not a socket; move it away", path.display())]
    NotASocket {
        /// What has the name.
        path: PathBuf,
    },
    /// Something other than a pipe has the pipe's name.
    #[error("`{}` is not a pipe; move it away", path.display())]
    NotAPipe {
        /// What has the name.
        path: PathBuf,
    },
    /// The socket was left by a process that is gone.
    #[error("nobody listens on `{}`; is the node running?", path.display())]
    NobodyListens {
        /// The socket.
        path: PathBuf,
    },
    /// A descriptor that was to be sealed memory and whose content somebody could still change.
    #[error("the descriptor is not sealed memory; its sender could change it while it is used")]
    NotSealed,
    /// Storage in a directory that belongs to the operating system.
    #[error(
        "`{}` lies in `{denied}`, which belongs to the operating system; choose a directory elsewhere, such as \
         one in your home or below /srv",
        path.display()
    )]
    SystemPath {
        /// The directory, after symbolic links.
        path: PathBuf,
        /// The system directory that it is in.
        denied: &'static str,
    },
    /// Storage outside of the directories that were allowed.
    #[error(
        "`{}` lies in none of the allowed roots ({roots}); choose a directory in one of them, or add its root \
         to the configuration",
        path.display()
    )]
    OutsideRoots {
        /// The directory, after symbolic links.
        path: PathBuf,
        /// The allowed roots, separated by commas.
        roots: String,
    },
}

impl FsError {
    /// Whether the reason is that something does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the reason is that a directory is where a file should be.
    pub fn is_directory(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::IsADirectory)
    }

    /// Places a refusal of the operating system.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.into(), source.into());
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => Self::NoSpace { action, path, source },
            Some(Errno::LOOP) => Self::SymlinkRefused { path },
            _ => Self::Io { action, path, source },
        }
    }
}

impl From<FsError> for io::Error {
    /// For `Read` and `Write`: keeps the kind, and the path and action as the message.
    fn from(error: FsError) -> Self {
        let kind = match &error {
            FsError::Io { source, .. } | FsError::NoSpace { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
