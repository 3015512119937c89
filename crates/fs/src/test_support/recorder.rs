use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::{AtFlags, Mode, Stat};
use rustix::io::{Errno, Result};

use super::crash::{self, DiskImage, Edit, Node, Step};
use crate::Dir;
use crate::steps::{Place, Steps, SystemSteps};

/// Stands between a directory and the operating system; see the module.
pub struct Recorder(Mutex<State>);

/// How a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk reports an error.
    Io,
    /// The disk is full. Half of a write still fits.
    NoSpace,
}

struct State {
    /// What the recorded directory held at the start; all of it is on the disk.
    base: crash::Base,
    /// Which file or directory has which device and inode number now.
    nodes: HashMap<(u64, u64), Node>,
    steps: Vec<Step>,
    attempts: usize,
    fault: Option<(usize, Fault, bool)>,
}

impl Recorder {
    /// Returns the same directory with all changes recorded, and the recorder.
    pub fn attach(dir: &Dir) -> (Dir, Arc<Self>) {
        let mut state = State {
            base: crash::Base::default(),
            nodes: HashMap::new(),
            steps: Vec::new(),
            attempts: 0,
            fault: None,
        };
        let root = state.add_dir(&rustix::fs::fstat(dir).expect("an open directory can be looked at"));
        state.scan(dir.path(), root);
        let recorder = Arc::new(Self(Mutex::new(state)));
        let mut recorded = dir.clone();
        recorded.steps = Arc::clone(&recorder) as Arc<dyn Steps>;
        (recorded, recorder)
    }

    /// Lets the step with this number, counted from now and from zero, fail; `lasting` lets all later ones too.
    pub fn fail_at(&self, step: usize, fault: Fault, lasting: bool) {
        let mut state = self.state();
        state.attempts = 0;
        state.fault = Some((step, fault, lasting));
    }

    /// Ends all failing.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// How many steps have succeeded.
    pub fn steps(&self) -> usize {
        self.state().steps.len()
    }

    /// What the disk may look like after a crash right after the first `steps` steps; see the module.
    pub fn crash_images(&self, steps: usize) -> Vec<DiskImage> {
        let state = self.state();
        crash::images(&state.base, &state.steps[..steps])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this lock")
    }

    /// Fails if this attempt is to fail.
    fn attempt(&self) -> Result<()> {
        let mut state = self.state();
        let attempt = state.attempts;
        state.attempts += 1;
        match state.fault {
            Some((step, fault, lasting)) if attempt == step || (lasting && attempt > step) => {
                Err(fault.errno())
            }
            _ => Ok(()),
        }
    }

    fn record(&self, make: impl FnOnce(&mut State) -> Step) {
        let mut state = self.state();
        let step = make(&mut state);
        state.steps.push(step);
    }
}

impl Fault {
    fn errno(self) -> Errno {
        match self {
            Self::Io => Errno::IO,
            Self::NoSpace => Errno::NOSPC,
        }
    }
}

impl State {
    fn add_dir(&mut self, stat: &Stat) -> Node {
        let node = Node::Dir(self.base.add_dir());
        self.nodes.insert((stat.st_dev, stat.st_ino), node);
        node
    }

    fn add_file(&mut self, stat: &Stat, content: Vec<u8>) -> Node {
        let node = Node::File(self.base.add_file(content));
        self.nodes.insert((stat.st_dev, stat.st_ino), node);
        node
    }

    fn scan(&mut self, path: &Path, dir: Node) {
        for entry in std::fs::read_dir(path).expect("a test's directory can be listed") {
            let path = entry.expect("a test's directory can be listed").path();
            let stat = rustix::fs::lstat(&path).expect("what a test made can be looked at");
            let node = if path.is_dir() {
                let child = self.add_dir(&stat);
                self.scan(&path, child);
                child
            } else {
                self.add_file(&stat, std::fs::read(&path).expect("what a test wrote can be read"))
            };
            let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            self.base.put(dir, name, node);
        }
    }

    fn node_of(&self, stat: &Stat) -> Node {
        *self.nodes.get(&(stat.st_dev, stat.st_ino)).expect("all changes go through the recorded directory")
    }

    fn held(&self, fd: BorrowedFd<'_>) -> Node {
        self.node_of(&rustix::fs::fstat(fd).expect("an open file can be looked at"))
    }

    fn at(&self, place: Place<'_>) -> Node {
        self.node_of(&look(place))
    }
}

fn look(place: Place<'_>) -> Stat {
    rustix::fs::statat(place.dir, place.name, AtFlags::SYMLINK_NOFOLLOW).expect("it was there a moment ago")
}

impl Steps for Recorder {
    fn create(&self, place: Place<'_>, mode: Mode) -> Result<OwnedFd> {
        self.attempt()?;
        let fd = SystemSteps.create(place, mode)?;
        self.record(|state| {
            let stat = rustix::fs::fstat(&fd).expect("an open file can be looked at");
            let file = state.add_file(&stat, Vec::new());
            Step::Names(vec![Edit::new(state.held(place.dir), vec![(place.name.to_owned(), Some(file))])])
        });
        Ok(fd)
    }

    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        if let Err(errno) = self.attempt() {
            let _ = SystemSteps.write(file, &bytes[..bytes.len() / 2]);
            return Err(errno);
        }
        let length = SystemSteps.write(file, bytes)?;
        self.record(|state| Step::Write { file: state.held(file), bytes: bytes[..length].to_vec() });
        Ok(length)
    }

    fn sync_file(&self, file: BorrowedFd<'_>) -> Result<()> {
        self.attempt()?;
        SystemSteps.sync_file(file)?;
        self.record(|state| Step::SyncFile { file: state.held(file) });
        Ok(())
    }

    fn sync_dir(&self, dir: BorrowedFd<'_>) -> Result<()> {
        self.attempt()?;
        SystemSteps.sync_dir(dir)?;
        self.record(|state| Step::SyncDir { dir: state.held(dir) });
        Ok(())
    }

    fn rename(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        self.attempt()?;
        SystemSteps.rename(from, to)?;
        self.record(|state| {
            let (source, target, node) = (state.held(from.dir), state.held(to.dir), state.at(to));
            let (gone, put) = ((from.name.to_owned(), None), (to.name.to_owned(), Some(node)));
            if source == target {
                return Step::Names(vec![Edit::new(target, vec![gone, put])]);
            }
            // A file system may show both names after a crash. None forgets the file.
            Step::Names(vec![Edit::new(target, vec![put]), Edit::new(source, vec![gone]).only_after_former()])
        });
        Ok(())
    }

    fn link(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        self.attempt()?;
        SystemSteps.link(from, to)?;
        self.record(|state| {
            let node = state.at(to);
            Step::Names(vec![Edit::new(state.held(to.dir), vec![(to.name.to_owned(), Some(node))])])
        });
        Ok(())
    }

    fn unlink(&self, place: Place<'_>) -> Result<()> {
        self.attempt()?;
        SystemSteps.unlink(place)?;
        self.record(|state| {
            Step::Names(vec![Edit::new(state.held(place.dir), vec![(place.name.to_owned(), None)])])
        });
        Ok(())
    }

    fn make_dir(&self, place: Place<'_>) -> Result<()> {
        self.attempt()?;
        SystemSteps.make_dir(place)?;
        self.record(|state| {
            let dir = state.add_dir(&look(place));
            Step::Names(vec![Edit::new(state.held(place.dir), vec![(place.name.to_owned(), Some(dir))])])
        });
        Ok(())
    }
}
