//! Files of this machine, named by their path below a directory.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use casemate_fs::{Dir, EntryKind, SealedBytes};
use casemate_model::Timestamp;

use super::Item;
use crate::report::CliError;

/// The place of a key below `root`; refused if it could lie elsewhere.
pub(super) fn file_at(root: &Path, name: &str) -> Result<PathBuf, CliError> {
    let leads_away = name.contains('\0') || name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if leads_away {
        return Err(CliError::UnsafeName { name: name.to_owned() });
    }
    Ok(root.join(name))
}

/// Every regular file below `root`. Links are not followed.
pub(super) fn list(root: &Path) -> Result<Vec<Item>, CliError> {
    let mut found = Vec::new();
    let mut open: Vec<(Dir, String)> = vec![(casemate_fs::open_user_dir(root)?, String::new())];
    while let Some((dir, path)) = open.pop() {
        for entry in dir.entries()? {
            let name = format!("{path}{}", entry.name);
            match entry.kind {
                EntryKind::Directory => open.push((dir.subdir(&entry.name)?, format!("{name}/"))),
                EntryKind::File => {
                    let modified = modified(&dir, &entry.name)?;
                    found.push(Item { name, size_bytes: entry.len, modified });
                }
                EntryKind::Symlink | EntryKind::Other => {}
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Unknown if the file may not be read; then reading it says so.
fn modified(dir: &Dir, name: &str) -> Result<Option<Timestamp>, CliError> {
    let file = match dir.open_file(name) {
        Ok(file) => file,
        Err(_) => return Ok(None),
    };
    let failed = |source| CliError::Input { what: format!("`{}`", dir.path().join(name).display()), source };
    let time = file.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).ok().and_then(|millis| Timestamp::from_millis(millis).ok()))
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
    blocking(move || {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            casemate_fs::make_user_dir(parent)?;
        }
        let mut file = casemate_fs::create_user_file(&path)?;
        let what = || format!("`{}`", path.display());
        file.write_all(bytes.as_slice()?).map_err(|source| CliError::Write { what: what(), source })?;
        Ok(file.commit()?)
    })
    .await
}

/// Removes a file below `root`.
pub(super) fn remove(root: &Path, name: &str) -> Result<(), CliError> {
    file_at(root, name)?;
    casemate_fs::open_user_dir(root)?.remove_file(name)?;
    Ok(())
}

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
