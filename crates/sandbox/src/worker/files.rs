#![expect(clippy::disallowed_methods, reason = "a worker is a process of its own with a clock of its own")]

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use casemate_model::LimitKind;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

use super::channel::{Channel, ChannelError};
use super::clock::VIRTUAL_START;
use super::directory;
use super::meter::{LimitReached, Meter};
use crate::Profile;
use crate::sealed_reader::SealedReader;
use crate::wire::frame::{Kind, REPLY_BYTES_MAX};
use crate::wire::message::{InputFile, RunRequest};

/// Names of a guest's directories in the scratch directory, which is the working directory.
pub(super) const INPUT: &str = "in";
pub(super) const OUTPUT: &str = "out";
/// How often the output directory is measured while a guest runs, at most.
const MEASURE_EVERY: Duration = Duration::from_millis(2);
/// Measuring may take one part in so many of a guest's time.
const MEASURE_SHARE: u32 = 8;

/// The one directory that a worker may touch. Between runs it is empty.
pub(super) struct Scratch {
    root: OwnedFd,
    file_bytes_max: u64,
    used: bool,
}

impl Scratch {
    pub(super) fn new(root: OwnedFd, file_bytes_max: u64) -> Self {
        Self { root, file_bytes_max, used: false }
    }

    /// Writes one file of the next run's input directory.
    pub(super) fn write_input(&mut self, file: &InputFile, bytes: OwnedFd) -> Result<(), Errno> {
        self.used = true;
        let mut parent = self.make_directory(self.root.as_fd(), INPUT)?;
        let mut names = file.path.split('/').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_some() {
                parent = self.make_directory(parent.as_fd(), name)?;
                continue;
            }
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let target = rustix::fs::openat(&parent, name, flags, Mode::RUSR | Mode::WUSR)?;
            copy(bytes, target, file.bytes)?;
            return Ok(());
        }
        Err(Errno::INVAL)
    }

    fn make_directory(&self, parent: std::os::fd::BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
        match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => directory::open_directory(parent, name),
            Err(error) => Err(error),
        }
    }

    /// Makes the directories that a run is granted, and bounds the files it may write.
    pub(super) fn prepare(&mut self, run: &RunRequest) -> Result<(), Errno> {
        if run.input_directory && run.profile == Profile::Det1 {
            let input = directory::open_directory(self.root.as_fd(), INPUT)?;
            directory::walk(input.as_fd(), &mut |entry| {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::utimensat(entry.parent, entry.name, &virtual_times(), flags)
            })?;
            rustix::fs::futimens(&input, &virtual_times())?;
        }
        if run.output_directory {
            self.used = true;
            self.make_directory(self.root.as_fd(), OUTPUT)?;
        }
        // One byte over the limit fits, so that the measuring sees a limit that is reached.
        self.bound_files(run.limits.output_bytes.saturating_add(1))
    }

    /// Empties the directory for the next run.
    pub(super) fn wipe(&mut self) -> Result<(), Errno> {
        if std::mem::take(&mut self.used) {
            directory::empty(self.root.as_fd())?;
        }
        self.bound_files(self.file_bytes_max)
    }

    fn bound_files(&self, bytes: u64) -> Result<(), Errno> {
        let (current, maximum) = (bytes.min(self.file_bytes_max), self.file_bytes_max);
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        rustix::process::setrlimit(Resource::Fsize, limit)
    }

    /// Opens the output directory for measuring and collecting.
    pub(super) fn output(&self) -> Result<OwnedFd, Errno> {
        directory::open_directory(self.root.as_fd(), OUTPUT)
    }
}

fn virtual_times() -> Timestamps {
    let start = i64::try_from(VIRTUAL_START.as_secs()).expect("the year 2000 fits");
    let time = Timespec { tv_sec: start, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

fn copy(from: OwnedFd, to: OwnedFd, bytes: u64) -> Result<(), Errno> {
    let copied = std::io::copy(&mut SealedReader::new(from).take(bytes), &mut Sink(to));
    match copied {
        Ok(copied) if copied == bytes => Ok(()),
        Ok(_) => Err(Errno::IO),
        Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
    }
}

struct Sink(OwnedFd);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Measures the output directory while a guest fills it.
///
/// The kernel bounds each single file; their sum and number are found by looking, which is why a guest may be a
/// few milliseconds over before it is stopped. What comes back is measured again and is never over.
pub(super) struct OutputWatch {
    output: OwnedFd,
    next: Instant,
}

impl OutputWatch {
    pub(super) fn new(output: OwnedFd, now: Instant) -> Self {
        Self { output, next: now + MEASURE_EVERY }
    }

    /// Measures if it is time to.
    pub(super) fn look(&mut self, now: Instant, meter: &Meter) -> Result<(), LimitReached> {
        if now < self.next {
            return Ok(());
        }
        self.measure(meter)?;
        let after = Instant::now();
        self.next = after + MEASURE_EVERY.max((after - now) * MEASURE_SHARE);
        Ok(())
    }

    /// Measures now.
    pub(super) fn measure(&self, meter: &Meter) -> Result<(), LimitReached> {
        match directory::measure(self.output.as_fd()) {
            Ok(bytes) => meter.set_files(bytes),
            Err(Errno::TOOBIG) => Err(meter.reach(LimitKind::Output)),
            // A guest's file vanished between listing and looking; the next look will tell.
            Err(_) => Ok(()),
        }
    }
}

/// Sends every regular file of the output directory. Returns the paths of what is none.
pub(super) fn send_outputs(output: &OwnedFd, channel: &Channel) -> Result<Vec<String>, ChannelError> {
    let mut refused = Vec::new();
    let mut failure = None;
    let walked = directory::walk(output.as_fd(), &mut |entry| {
        match entry.kind() {
            FileType::Directory => {}
            FileType::RegularFile if entry.name.to_str().is_ok() => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = rustix::fs::openat(entry.parent, entry.name, flags, Mode::empty())?;
                if let Err(error) = send_file(&entry.path, file, channel) {
                    failure = Some(error);
                    return Err(Errno::PIPE);
                }
            }
            _ => refused.push(entry.path.clone()),
        }
        Ok(())
    });
    match (failure, walked) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(ChannelError::System("collect the outputs for", error)),
        (None, Ok(())) => Ok(refused),
    }
}

fn send_file(path: &str, file: OwnedFd, channel: &Channel) -> Result<(), ChannelError> {
    channel.send(Kind::File, path.as_bytes())?;
    let mut file = SealedReader::new(file);
    let mut buffer = vec![0; REPLY_BYTES_MAX];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => channel.send(Kind::FileData, &buffer[..count])?,
            Err(error) => {
                let error = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                return Err(ChannelError::System("read an output for", error));
            }
        }
    }
}
