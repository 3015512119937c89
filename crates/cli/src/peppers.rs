//! The peppers of a node: files `pepper.1`, `pepper.2` and so on in `secrets/`, and what the database knows of them.

use std::collections::BTreeMap;

use casemate_fs::{Dir, FsError};
use casemate_identity::{Pepper, Peppers};
use casemate_ledger::{Decision, Event};
use casemate_model::{Clock, Entropy, PrincipalKind, Project, RequestId, StoreError};
use casemate_state::Store;

use crate::wire::{self, StartError};

/// How the names of the files begin; the version follows.
const PREFIX: &str = "pepper.";

/// Why the peppers of a node cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PepperError {
    /// The database was used with another one.
    #[error(
        "`{path}` is not the pepper that the database {place} was used with: with it nobody's credentials would be good"
    )]
    Other {
        /// The file.
        path: String,
        /// Which database.
        place: String,
    },
    /// One that credentials lean on is not there.
    #[error("`{path}` is missing, and the database {place} was used with it")]
    Missing {
        /// The file.
        path: String,
        /// Which database.
        place: String,
    },
    /// New hashes cannot be made.
    #[error("`{path}` should make new hashes, and it is {what}")]
    Sealing {
        /// The file.
        path: String,
        /// What is the matter with it.
        what: &'static str,
    },
    /// No pepper of the version.
    #[error("there is no pepper of version {version} here")]
    Unknown {
        /// The version.
        version: u32,
    },
    /// The one that makes new hashes.
    #[error("version {version} makes new hashes, or is newer than the one that does, and cannot be retired")]
    InUse {
        /// The version.
        version: u32,
    },
    /// The database is another one than the pepper was used with.
    #[error(
        "the database of this configuration has never seen version {version}, so it does not say what leans on it"
    )]
    Stranger {
        /// The version.
        version: u32,
    },
    /// Credentials would end.
    #[error("{leaning} still lean on version {version}, and would be refused")]
    LeanedOn {
        /// The version.
        version: u32,
        /// How many of what.
        leaning: String,
    },
    /// What the database knows could not be read or written.
    #[error("the database does not say which peppers there are")]
    Store(#[from] StoreError),
}

/// The name of a version's file.
pub(crate) fn file_name(version: u32) -> String {
    format!("{PREFIX}{version}")
}

fn path_of(secrets: &Dir, version: u32) -> String {
    secrets.path().join(file_name(version)).display().to_string()
}

/// The versions that there are files of, the oldest first. What is called otherwise is none.
pub(crate) fn versions(secrets: &Dir) -> Result<Vec<u32>, FsError> {
    let version = |name: &str| {
        let version: u32 = name.strip_prefix(PREFIX)?.parse().ok()?;
        (version >= 1 && name == file_name(version)).then_some(version)
    };
    let mut versions: Vec<u32> = secrets.entries()?.iter().filter_map(|entry| version(&entry.name)).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Reads all peppers, and makes the first if there is none.
pub(crate) fn read(secrets: &Dir, entropy: &dyn Entropy) -> Result<BTreeMap<u32, Pepper>, StartError> {
    let mut versions = versions(secrets).map_err(StartError::Directory)?;
    if versions.is_empty() {
        versions.push(1);
    }
    let read = |version| Ok((version, Pepper::new(wire::secret(secrets, &file_name(version), entropy)?.0)));
    versions.into_iter().map(read).collect()
}

/// Holds the peppers against what the database knows, and writes down those that are new to it. Returns those that are
/// good, of which `sealing`, or else the newest, makes new hashes.
pub(crate) async fn agree(
    secrets: &Dir,
    mut found: BTreeMap<u32, Pepper>,
    sealing: Option<u32>,
    store: &Store,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
) -> Result<Peppers, PepperError> {
    let place = || store.place().to_owned();
    let newest = *found.keys().next_back().expect("one was made if there was none");
    let all = Peppers::of(found.clone(), newest).expect("it is one of them");
    for (version, check) in all.checks() {
        let event = event("node.pepper_added", version, (clock, entropy));
        let known = store.note_pepper(version, check, event).await?;
        if known.check != check {
            return Err(PepperError::Other { path: path_of(secrets, version), place: place() });
        }
        if known.retired.is_some() {
            tracing::warn!(version, "a pepper that was retired is still in a file, and is not used");
            found.remove(&version);
        }
    }
    for known in store.peppers().await? {
        if known.retired.is_none() && !found.contains_key(&known.version) {
            return Err(PepperError::Missing { path: path_of(secrets, known.version), place: place() });
        }
    }
    let version = sealing.or_else(|| found.keys().next_back().copied()).unwrap_or(newest);
    let what = if sealing.is_some_and(|version| all.checks().all(|(found, _)| found != version)) {
        "not there"
    } else {
        "retired"
    };
    Peppers::of(found, version).ok_or_else(|| PepperError::Sealing { path: path_of(secrets, version), what })
}

/// What the log says of a change of peppers.
pub(crate) fn event(
    action: &'static str,
    version: u32,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
) -> Event {
    let time = clock.now();
    Event {
        time,
        request: RequestId::generate(time, entropy),
        actor: PrincipalKind::Node,
        project: Project::default_project(),
        action: action.into(),
        resource: format!("pepper:{version}"),
        decision: Decision::Allowed,
        outcome: "done".to_owned(),
        details: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_are_named_like_one_are_peppers() {
        let scratch = tempfile::tempdir().unwrap();
        let secrets = Dir::open_private(&scratch.path().join("secrets")).unwrap();
        for name in [
            "pepper.2",
            "pepper.10",
            "pepper.1",
            "pepper.01",
            "pepper.0",
            "pepper.1.old",
            "node.key",
            "pepper.",
        ] {
            secrets.create_new(name, &[7; 32]).unwrap();
        }
        assert_eq!(versions(&secrets).unwrap(), [1, 2, 10]);
    }
}
