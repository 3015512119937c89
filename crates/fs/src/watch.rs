//! Being told what happens in directories.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{EventfdFlags, PollFd, PollFlags};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::{Dir, FsError};

/// Watches directories for changes of what is in them, by inotify. Directories beneath are not watched with them:
/// whoever makes one adds it. Clones share the watches.
#[derive(Clone, Debug)]
pub struct DirWatch(Arc<Watches>);

#[derive(Debug)]
struct Watches {
    queue: OwnedFd,
    stop: OwnedFd,
    names: Mutex<HashMap<i32, String>>,
}

/// Something that happened in a watched directory, by whomever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// A file's content, mode, owner or number of names was changed in place.
    Altered {
        /// The label of the directory.
        dir: String,
        /// The name in it; none for the directory itself.
        name: Option<String>,
    },
    /// A name appeared, or leads elsewhere now.
    Appeared {
        /// The label of the directory.
        dir: String,
        /// The name in it.
        name: String,
    },
    /// A name went away.
    Vanished {
        /// The label of the directory.
        dir: String,
        /// The name in it; none for the directory itself.
        name: Option<String>,
    },
    /// More happened than the kernel keeps; anything may have changed.
    Overflow,
}

impl DirWatch {
    /// Starts with nothing to watch.
    pub fn new() -> Result<Self, FsError> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let queue = inotify::init(flags).map_err(failed("start"))?;
        let stop = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let stop = stop.map_err(failed("start"))?;
        Ok(Self(Arc::new(Watches { queue, stop, names: Mutex::default() })))
    }

    /// Watches a directory too, from this moment on; its events will carry the label. Watching it again is nothing.
    pub fn add(&self, dir: &Dir, label: &str) -> Result<(), FsError> {
        // By handle, so that it is this directory and not what has its name by now.
        let handle = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
        let mut names = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = inotify::add_watch(&self.0.queue, handle, WATCHED)
            .map_err(|errno| FsError::io("watch", dir.path(), errno))?;
        names.insert(watch, label.to_owned());
        Ok(())
    }

    /// Waits until something happened; none once [`DirWatch::stop`] was called.
    pub fn next(&self) -> Result<Option<Vec<WatchEvent>>, FsError> {
        loop {
            let mut waiting =
                [PollFd::new(&self.0.queue, PollFlags::IN), PollFd::new(&self.0.stop, PollFlags::IN)];
            match rustix::event::poll(&mut waiting, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("wait for")(errno)),
            }
            if !waiting[1].revents().is_empty() {
                return Ok(None);
            }
            let events = self.pending()?;
            if !events.is_empty() {
                return Ok(Some(events));
            }
        }
    }

    /// What has happened by now, without waiting.
    pub fn pending(&self) -> Result<Vec<WatchEvent>, FsError> {
        let mut buffer = [MaybeUninit::uninit(); QUEUE_BYTES];
        let mut reader = inotify::Reader::new(&self.0.queue, &mut buffer);
        let mut events = Vec::new();
        loop {
            match reader.next() {
                Ok(event) => events.extend(self.event(&event)),
                Err(Errno::WOULDBLOCK) => return Ok(events),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("read")(errno)),
            }
            if reader.is_buffer_empty() && events.len() >= BATCH {
                return Ok(events);
            }
        }
    }

    /// Ends all waiting, for good.
    pub fn stop(&self) {
        // It fails only if the counter is full, and then it was stopped often enough.
        let _ = rustix::io::write(&self.0.stop, &1_u64.to_ne_bytes());
    }

    fn event(&self, event: &inotify::Event<'_>) -> Option<WatchEvent> {
        let flags = event.events();
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(WatchEvent::Overflow);
        }
        let mut names = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        if flags.contains(ReadFlags::IGNORED) {
            names.remove(&event.wd());
            return None;
        }
        let dir = names.get(&event.wd())?.clone();
        let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
        let altered = flags.intersects(ReadFlags::MODIFY | ReadFlags::ATTRIB);
        let appeared = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
        Some(match name {
            name if altered => WatchEvent::Altered { dir, name },
            Some(name) if appeared => WatchEvent::Appeared { dir, name },
            name => WatchEvent::Vanished { dir, name },
        })
    }
}

fn failed(action: &'static str) -> impl FnOnce(Errno) -> FsError {
    move |errno| FsError::io(action, "changes of directories", errno)
}

const WATCHED: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Room for a few dozen events at once.
const QUEUE_BYTES: usize = 4096;

/// How many events are handed on at once, about.
const BATCH: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_with_their_place() {
        let top = tempfile::tempdir().unwrap();
        let dir = Dir::open(top.path()).unwrap();
        std::fs::write(top.path().join("old"), b"a").unwrap();
        let watch = DirWatch::new().unwrap();
        watch.add(&dir, "here").unwrap();
        std::fs::write(top.path().join("old"), b"b").unwrap();
        std::fs::remove_file(top.path().join("old")).unwrap();
        let place = || ("here".to_owned(), Some("old".to_owned()));
        let events = watch.next().unwrap().unwrap();
        let (dir, name) = place();
        assert!(events.contains(&WatchEvent::Altered { dir, name }));
        let (dir, name) = place();
        assert_eq!(events.last(), Some(&WatchEvent::Vanished { dir, name }));
        watch.stop();
        assert_eq!(watch.next().unwrap(), None);
    }
}
