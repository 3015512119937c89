//! Getting rid of the shared caches of DeltaGlider 5. Nothing in them can be trusted, so nothing is taken over.

use std::fmt;
use std::path::{Path, PathBuf};

use casemate_fs::{Dir, FsError, OwnRemoval};

/// Where old caches may lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldPlaces {
    /// The machine's directory for temporary files, such as `/tmp`.
    pub temporary: PathBuf,
    /// The user's directory for caches, such as `~/.cache`, if there is one.
    pub cache_home: Option<PathBuf>,
}

/// A cache that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldCache {
    /// The directory.
    pub path: PathBuf,
    /// What it is, for the question.
    pub kind: &'static str,
}

/// Who decides what is deleted.
pub enum Consent<'a> {
    /// Somebody is asked about each cache; whatever is no clear yes is a no.
    Ask(&'a mut dyn FnMut(&OldCache) -> bool),
    /// All are deleted, as on machines where nobody can answer.
    DeleteAll,
    /// None is, they are only reported.
    ReportOnly,
}

/// What was done with a cache that was found.
#[derive(Debug)]
pub struct Migration {
    /// The cache.
    pub cache: OldCache,
    /// What was done.
    pub outcome: Outcome,
}

/// What became of an old cache.
#[derive(Debug)]
pub enum Outcome {
    /// What was ours in it is gone; what was not has stayed.
    Deleted(OwnRemoval),
    /// It stays, as was decided.
    Kept,
    /// It is not ours, or leads elsewhere, and was not touched.
    Refused(FsError),
}

/// Finds the caches of DeltaGlider 5 and deletes those that are ours and may go. Never reads or takes over content.
pub fn migrate(places: &OldPlaces, mut consent: Consent<'_>) -> Vec<Migration> {
    let mut done = Vec::new();
    for candidate in candidates(places) {
        let cache = OldCache { path: candidate.path(), kind: candidate.kind };
        let found = match candidate.find() {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) => {
                done.push(Migration { cache, outcome: Outcome::Refused(error) });
                continue;
            }
        };
        let outcome = if consent.given(&cache) { candidate.remove(&found) } else { Outcome::Kept };
        done.push(Migration { cache, outcome });
    }
    done
}

impl Consent<'_> {
    fn given(&mut self, cache: &OldCache) -> bool {
        match self {
            Self::Ask(ask) => ask(cache),
            Self::DeleteAll => true,
            Self::ReportOnly => false,
        }
    }
}

/// A name that an old cache may have: a directory that exists, perhaps one in it, and the cache in that.
struct Candidate {
    top: PathBuf,
    holder: Option<&'static str>,
    name: String,
    kind: &'static str,
}

fn candidates(places: &OldPlaces) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for name in SHARED_NAMES {
        let (top, name) = (places.temporary.clone(), name.to_owned());
        candidates.push(Candidate { top, holder: Some(SHARED_HOLDER), name, kind: "shared cache" });
    }
    if let Some(top) = places.cache_home.clone() {
        candidates.push(Candidate {
            top,
            holder: None,
            name: USER_NAME.to_owned(),
            kind: "cache of the user",
        });
    }
    for name in left_over(&places.temporary).unwrap_or_default() {
        let top = places.temporary.clone();
        candidates.push(Candidate {
            top,
            holder: None,
            name,
            kind: "cache of one process, with plain content",
        });
    }
    candidates
}

fn left_over(temporary: &Path) -> Result<Vec<String>, FsError> {
    Dir::open(temporary)?.subdirs_named(PROCESS_PREFIX)
}

impl Candidate {
    fn path(&self) -> PathBuf {
        self.holder.map_or(self.top.clone(), |holder| self.top.join(holder)).join(&self.name)
    }

    /// The directory that the cache is in, if there is one. An error if any of it is not ours or leads elsewhere.
    fn find(&self) -> Result<Option<Dir>, FsError> {
        let holder = match self.holder {
            None => absent(Dir::open(&self.top))?,
            Some(name) => match absent(Dir::open(&self.top).and_then(|top| top.subdir(name)))? {
                Some(holder) => Some(require_ours(holder)?),
                None => None,
            },
        };
        let Some(holder) = holder else { return Ok(None) };
        let Some(cache) = absent(holder.subdir(&self.name))? else { return Ok(None) };
        require_ours(cache)?;
        Ok(Some(holder))
    }

    fn remove(&self, holder: &Dir) -> Outcome {
        match holder.remove_own(&self.name) {
            Ok(removal) => Outcome::Deleted(removal),
            Err(error) => Outcome::Refused(error),
        }
    }
}

fn absent(dir: Result<Dir, FsError>) -> Result<Option<Dir>, FsError> {
    match dir {
        Ok(dir) => Ok(Some(dir)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn require_ours(dir: Dir) -> Result<Dir, FsError> {
    dir.check_ours().map(|()| dir)
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, path) = (self.cache.kind, self.cache.path.display());
        match &self.outcome {
            Outcome::Kept => write!(f, "kept the old {kind} `{path}`; nothing uses it"),
            Outcome::Refused(error) => write!(f, "left the old {kind} `{path}` alone: {error}"),
            Outcome::Deleted(removal) => {
                let OwnRemoval { files, directories, left } = removal;
                write!(f, "deleted the old {kind} `{path}`: {files} files, {directories} directories")?;
                if *left > 0 {
                    write!(f, "; {left} that are not ours stayed")?;
                }
                Ok(())
            }
        }
    }
}

const SHARED_HOLDER: &str = ".deltaglider";
/// The first is what the documents say, the second what the program used.
const SHARED_NAMES: [&str; 2] = ["cache", "reference_cache"];
const USER_NAME: &str = "deltaglider";
/// Version 5.0.3 and later leave these behind when they are killed.
const PROCESS_PREFIX: &str = "deltaglider-";
