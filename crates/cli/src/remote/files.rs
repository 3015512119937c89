//! Files of this machine, named by their path below a directory.

use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use casemate_fs::{Dir, EntryKind, File, SealedBytes, UserOutput};
use casemate_model::Timestamp;
use casemate_remote::Unusable;
use casemate_remote::deltaglider::Content;

use super::{Item, Listed};
use crate::report::{CliError, chain};

/// The place of a key below `root`; refused if it could lie elsewhere.
pub(super) fn file_at(root: &Path, name: &str) -> Result<PathBuf, CliError> {
    let leads_away = name.contains('\0') || name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if leads_away {
        return Err(CliError::UnsafeName { name: name.to_owned() });
    }
    Ok(root.join(name))
}

/// Every regular file below `root`. Links are not followed. What cannot be looked at is named apart.
pub(super) fn list(root: &Path) -> Result<Listed, CliError> {
    let mut listed = Listed::default();
    let mut open: Vec<(Dir, String)> = vec![(casemate_fs::open_user_dir(root)?, String::new())];
    while let Some((dir, path)) = open.pop() {
        let (entries, odd) = match dir.entries_and_odd_names() {
            Ok(found) => found,
            Err(error) if path.is_empty() => return Err(error.into()),
            Err(error) => {
                listed.unusable.push(Unusable { key: path, reason: chain(&error) });
                continue;
            }
        };
        for file in odd {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let reason = "its name is not UTF-8".to_owned();
            listed.unusable.push(Unusable { key: format!("{path}{name}"), reason });
        }
        for entry in entries {
            let name = format!("{path}{}", entry.name);
            match entry.kind {
                EntryKind::Directory => match dir.subdir(&entry.name) {
                    Ok(below) => open.push((below, format!("{name}/"))),
                    Err(error) => listed.unusable.push(Unusable { key: name, reason: chain(&error) }),
                },
                // What somebody is writing, or did not get to the end of, is no file yet.
                EntryKind::File if casemate_fs::is_staged(&entry.name) => {}
                EntryKind::File => {
                    let modified = modified(&dir, &entry.name)?;
                    listed.items.push(Item { name, size_bytes: entry.len, modified });
                }
                EntryKind::Symlink | EntryKind::Other => {}
            }
        }
    }
    listed.items.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(listed)
}

/// Unknown if the file may not be read; then reading it says so.
fn modified(dir: &Dir, name: &str) -> Result<Option<Timestamp>, CliError> {
    let file = match dir.open_file(name) {
        Ok(file) => file,
        Err(_) => return Ok(None),
    };
    let failed = |source| CliError::Input { what: format!("`{}`", dir.path().join(name).display()), source };
    let time = file.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).ok().and_then(|millis| Timestamp::from_millis(millis).ok()))
}

/// A regular file that is read a piece at a time, as long as it was when it was opened.
pub(super) struct FileContent {
    file: File,
    size_bytes: u64,
}

impl FileContent {
    /// Opens a file; none if it is no regular file, whose length says nothing.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, CliError> {
        let file = casemate_fs::read_user_file(path)?;
        let failed = |source| CliError::Input { what: format!("`{}`", path.display()), source };
        let metadata = file.metadata().map_err(failed)?;
        Ok(metadata.is_file().then_some(Self { file, size_bytes: metadata.len() }))
    }
}

impl Content for FileContent {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, position: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, position)
    }
}

/// How large a file is; nothing for what is none. Nothing is opened: a FIFO that is loses what it holds.
pub(super) fn size(path: &Path) -> Result<u64, CliError> {
    Ok(casemate_fs::user_file_bytes(path)?.unwrap_or(0))
}

/// Removes what a process of ours that was killed left in a directory, if there is one.
pub(crate) fn sweep(directory: &Path, now: Timestamp) {
    let before = Duration::from_millis(now.as_millis()).saturating_sub(LEFTOVER_AGE_MIN);
    // What cannot be removed now harms nobody, and is swept another time.
    if let Ok(dir) = casemate_fs::open_user_dir(directory) {
        let _ = dir.sweep_own_staged(UNIX_EPOCH + before);
    }
}

/// Starts to write a file, and the directories on the way to it.
pub(super) fn create(path: &Path) -> Result<UserOutput, CliError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        casemate_fs::make_user_dir(parent)?;
    }
    Ok(casemate_fs::create_user_file(path)?)
}

/// Lets a file that was written whole appear.
pub(super) async fn commit(output: UserOutput) -> Result<(), CliError> {
    blocking(move || Ok(output.commit()?)).await
}

/// Reads a file, or standard input for none.
pub(super) async fn read(path: Option<PathBuf>) -> Result<SealedBytes, CliError> {
    blocking(move || {
        let mut builder = SealedBytes::builder()?;
        let (what, copied) = match path {
            Some(path) => {
                let mut file = casemate_fs::read_user_file(&path)?;
                (format!("`{}`", path.display()), io::copy(&mut file, &mut builder))
            }
            None => ("standard input".to_owned(), io::copy(&mut io::stdin().lock(), &mut builder)),
        };
        copied.map_err(|source| CliError::Input { what, source })?;
        Ok(builder.seal()?)
    })
    .await
}

/// Writes a file, whole, and the directories on the way to it.
pub(super) async fn write(path: PathBuf, bytes: SealedBytes) -> Result<(), CliError> {
    let output = create(&path)?;
    fill(output, &path, bytes).await?;
    Ok(())
}

/// Writes all of a file that was begun, and says how much that is.
pub(super) async fn fill(mut output: UserOutput, path: &Path, bytes: SealedBytes) -> Result<u64, CliError> {
    let what = format!("`{}`", path.display());
    blocking(move || {
        output.write_all(bytes.as_slice()?).map_err(|source| CliError::Write { what, source })?;
        output.commit()?;
        Ok(bytes.len())
    })
    .await
}

/// Removes a file below `root`.
pub(super) fn remove(root: &Path, name: &str) -> Result<(), CliError> {
    file_at(root, name)?;
    casemate_fs::open_user_dir(root)?.remove_file(name)?;
    Ok(())
}

/// Nobody takes longer to write a file.
const LEFTOVER_AGE_MIN: Duration = Duration::from_hours(24);

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CliError::Runtime { source: io::Error::other(error) })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_lead_out_of_the_directory_are_refused() {
        assert_eq!(file_at(Path::new("to"), "a/b").unwrap(), Path::new("to/a/b"));
        for name in ["../a", "a/../../b", "/etc/passwd", "a//b", "", "a/.", "a\0b"] {
            assert!(matches!(file_at(Path::new("to"), name), Err(CliError::UnsafeName { .. })), "{name:?}");
        }
    }
}
