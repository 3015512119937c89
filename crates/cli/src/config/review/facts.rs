use std::path::Path;

use casemate_fs::{Dir, FsError};
use casemate_model::{Clock, Timestamp};
use casemate_server::Tls;
use casemate_state::Transport;

use crate::config::{Config, Database};
use crate::world::SystemClock;

/// Most bytes of the file with the database's URL that are read to see who may.
const URL_BYTES_MAX: u64 = 64 << 10;

/// What is written to see whether it can be. A block, so that a full disk shows.
const PROBE: [u8; 4_096] = [0x5a; 4_096];

/// The parts of the data directory.
const PARTS: [&str; 5] = ["secrets", "state", "objects", "log", "sandbox"];

/// Parts of `objects` between which files are renamed.
const RENAMED_BETWEEN: [&str; 3] = ["objects/content", "objects/quarantine", "objects/uploads"];

/// What rules are about: what was written, and how it looks where it points.
pub(super) struct Facts<'c> {
    pub(super) config: &'c Config,
    pub(super) data: Data,
    /// Why certificate and key cannot be used.
    pub(super) tls_error: Option<String>,
    /// Until when the certificate is good.
    pub(super) tls_not_after: Option<Timestamp>,
    pub(super) now: Timestamp,
    /// How what is sent to the database's server is protected.
    pub(super) database_transport: Option<Transport>,
    /// The file with the database's URL, if others may read it.
    pub(super) database_url_open: Option<String>,
    pub(super) machine: Machine,
}

/// The machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) memory_bytes: u64,
}

/// The data directory, or the nearest one that is there. Each text says where and what; nothing is the matter without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) unusable: Option<String>,
    pub(super) not_synced: Option<String>,
    pub(super) volatile: Option<String>,
    pub(super) apart: Option<String>,
    pub(super) locked_by: Option<String>,
    /// Of the part that has the least.
    pub(super) free_bytes: Option<u64>,
}

impl<'c> Facts<'c> {
    /// Looks at everything.
    pub(super) fn gather(config: &'c Config) -> Self {
        let (tls, tls_error) = match config.tls.clone().map(Tls::open) {
            Some(Ok(tls)) => (Some(tls), None),
            Some(Err(error)) => (None, Some(crate::report::chain(&error))),
            None => (None, None),
        };
        Self {
            config,
            data: Data::gather(&config.data_directory),
            tls_error,
            tls_not_after: tls.and_then(|tls| tls.not_after()),
            now: SystemClock.now(),
            database_transport: match &config.database {
                // What is wrong with it is said when it is opened.
                Database::Postgres(url) => casemate_state::postgres_transport(url).ok(),
                Database::Sqlite => None,
            },
            database_url_open: config.database_url_file.as_deref().and_then(open_to_others),
            machine: Machine::gather(),
        }
    }
}

impl Machine {
    fn gather() -> Self {
        let info = rustix::system::sysinfo();
        let memory_bytes = info.totalram.saturating_mul(u64::from(info.mem_unit));
        Self { cores: crate::config::cores(), memory_bytes }
    }
}

fn open_to_others(path: &Path) -> Option<String> {
    match casemate_fs::read_secret_file(path, URL_BYTES_MAX) {
        Err(FsError::NotPrivate { path, mode }) => Some(format!("{} has mode {mode:04o}", path.display())),
        Ok(_) | Err(_) => None,
    }
}

impl Data {
    fn gather(path: &Path) -> Self {
        let mut data = Self::default();
        match Dir::open(path) {
            Ok(root) => data.probe_all(&root),
            // It will be made, so its place is what counts.
            Err(error) if error.is_not_found() => data.look_at_place(path),
            Err(error) => data.unusable = Some(crate::report::chain(&error)),
        }
        data
    }

    fn probe_all(&mut self, root: &Dir) {
        match root.lock("casemate config check") {
            Ok(lock) => drop(lock),
            Err(FsError::Locked { owner, .. }) => self.locked_by = Some(owner),
            Err(error) => self.unusable = Some(crate::report::chain(&error)),
        }
        self.probe(root);
        for part in PARTS {
            match root.subdir(part) {
                Ok(directory) => self.probe(&directory),
                Err(error) if error.is_not_found() => {}
                Err(error) => note(&mut self.unusable, || crate::report::chain(&error)),
            }
        }
        let device = |name: &str| Some(root.subdir(name).ok()?.disk().ok()?.device);
        let Some(objects) = device("objects") else { return };
        for name in RENAMED_BETWEEN {
            if device(name).is_some_and(|device| device != objects) {
                note(&mut self.apart, || format!("`objects` and `{name}`"));
            }
        }
    }

    /// Writes a file that nobody sees, and takes it away.
    fn probe(&mut self, directory: &Dir) {
        self.measure(directory);
        let staged = directory.check_ours().and_then(|()| directory.stage());
        match staged.and_then(|mut staged| staged.append(&PROBE).map(|()| staged)) {
            Ok(mut staged) => {
                if let Err(error) = staged.sync() {
                    note(&mut self.not_synced, || crate::report::chain(&error));
                }
            }
            Err(error) => note(&mut self.unusable, || crate::report::chain(&error)),
        }
    }

    fn measure(&mut self, directory: &Dir) {
        let disk = match directory.disk() {
            Ok(disk) => disk,
            Err(error) => return note(&mut self.unusable, || crate::report::chain(&error)),
        };
        if disk.volatile {
            note(&mut self.volatile, || directory.path().display().to_string());
        }
        self.free_bytes = Some(self.free_bytes.map_or(disk.free_bytes, |least| least.min(disk.free_bytes)));
    }

    fn look_at_place(&mut self, path: &Path) {
        // A relative path ends in nothing rather than at the root.
        let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let nearest = path.ancestors().skip(1).find_map(|parent| casemate_fs::open_user_dir(parent).ok());
        let Some(nearest) = nearest else {
            self.unusable = Some(format!("{} cannot be made", path.display()));
            return;
        };
        self.measure(&nearest);
        if !nearest.may_write() {
            self.unusable =
                Some(format!("{} cannot be made in {}", path.display(), nearest.path().display()));
        }
    }
}

/// Keeps the first of several of a kind.
fn note(kept: &mut Option<String>, found: impl FnOnce() -> String) {
    kept.get_or_insert_with(found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_good_or_not_there_yet_is_no_matter() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a/b");
        let absent = Data::gather(&path);
        assert_eq!(Data { free_bytes: None, volatile: None, ..absent.clone() }, Data::default());
        assert!(absent.free_bytes.is_some());

        let root = Dir::open_private(&path).unwrap();
        root.private_subdir("objects").unwrap().private_subdir("content").unwrap();
        let there = Data::gather(&path);
        assert_eq!(Data { free_bytes: None, volatile: None, ..there }, Data::default());
        let left = root.subdir("objects").unwrap().entries().unwrap();
        assert_eq!(left.len(), 1, "nothing is left of the probe: {left:?}");
    }

    #[test]
    fn who_holds_the_directory_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Dir::open_private(&scratch.path().join("a")).unwrap();
        let _lock = root.lock("another node").unwrap();
        let locked_by = Data::gather(root.path()).locked_by.unwrap();
        assert!(locked_by.contains("another node"), "{locked_by}");
    }

    #[test]
    fn memory_is_told_by_what_it_is() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        assert_eq!(Data::gather(memory.path()).volatile, Some(memory.path().display().to_string()));
        let absent = Data::gather(&memory.path().join("not/yet"));
        assert_eq!(
            absent.volatile,
            Some(memory.path().display().to_string()),
            "of the place where it will be"
        );
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let there_is = |path: &str| Data::gather(Path::new(path)).unusable;
        assert!(there_is("/proc/sys/kernel").is_some_and(|said| said.contains("/proc/sys/kernel")));
        assert!(there_is("/proc/sys/no/such").is_some_and(|said| said.contains("cannot be made")));
        let scratch = tempfile::tempdir().unwrap();
        let root = Dir::open_private(&scratch.path().join("a")).unwrap();
        root.create_new("objects", b"a file").unwrap();
        let said = Data::gather(root.path()).unusable.unwrap();
        assert!(said.contains("objects"), "{said}");
    }
}
