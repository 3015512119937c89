//! Lists of objects, versions and uploads, with keys grouped into folders where a delimiter is given.

use casemate_model::{BucketName, ObjectKey, VersionId};
use casemate_policy::{Permit, operation};

use super::Objects;
use crate::{
    ObjectPage, ObjectRecord, ObjectsError, Place, UploadPage, UploadRecord, VersionPage, VersionRecord,
};

/// How many rows are looked at in one go. A folder of more is passed over in one step.
const ROWS_MAX: u32 = 1_000;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// What was asked for and lies in no folder.
    pub items: Vec<T>,
    /// Folders, each with its delimiter at the end.
    pub folders: Vec<String>,
    /// Whether there is more behind.
    pub truncated: bool,
    /// The last key or folder of the page.
    pub last: Option<String>,
}

/// What a list consists of.
trait Keyed {
    fn key(&self) -> &ObjectKey;
}

impl Keyed for ObjectRecord {
    fn key(&self) -> &ObjectKey {
        &self.key
    }
}

impl Keyed for VersionRecord {
    fn key(&self) -> &ObjectKey {
        &self.place.key
    }
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), folders: Vec::new(), truncated: false, last: None }
    }
}

impl Objects {
    /// Lists a part of a bucket.
    pub async fn list(
        &self,
        _permit: &Permit<operation::ListObjects>,
        page: &ObjectPage,
    ) -> Result<Vec<ObjectRecord>, ObjectsError> {
        Ok(self.catalog.objects(page).await?)
    }

    /// Lists a part of a bucket, with keys that share what comes up to `delimiter` behind the prefix as one folder.
    pub async fn list_folders(
        &self,
        _permit: &Permit<operation::ListObjects>,
        page: &ObjectPage,
        delimiter: &str,
    ) -> Result<Listing<ObjectRecord>, ObjectsError> {
        let mut listing = Listing::default();
        if page.limit == 0 {
            return Ok(listing);
        }
        let mut next = ObjectPage { limit: ROWS_MAX, ..page.clone() };
        loop {
            let rows = self.catalog.objects(&next).await?;
            let Some(last) = rows.last().map(|row| row.key.clone()) else {
                return Ok(listing);
            };
            let full = rows.len() >= ROWS_MAX as usize;
            if listing.take(rows, (&page.prefix, delimiter), page.limit) {
                return Ok(listing);
            }
            if !full {
                return Ok(listing);
            }
            next.past = listing.folders.last().filter(|folder| last.as_str().starts_with(*folder)).cloned();
            next.after = Some(last.to_string());
        }
    }

    /// Lists versions of a part of a bucket, in folders as [`Objects::list_folders`] does.
    pub async fn list_versions(
        &self,
        _permit: &Permit<operation::ListObjects>,
        page: &VersionPage,
        delimiter: &str,
    ) -> Result<Listing<VersionRecord>, ObjectsError> {
        let mut listing = Listing::default();
        if page.limit == 0 {
            return Ok(listing);
        }
        let mut next = VersionPage { limit: ROWS_MAX, ..page.clone() };
        loop {
            let rows = self.catalog.versions(&next).await?;
            let Some((key, sequence)) = rows.last().map(|row| (row.place.key.clone(), row.sequence)) else {
                return Ok(listing);
            };
            let full = rows.len() >= ROWS_MAX as usize;
            if listing.take(rows, (&page.prefix, delimiter), page.limit) || !full {
                return Ok(listing);
            }
            next.past = listing.folders.last().filter(|folder| key.as_str().starts_with(*folder)).cloned();
            next.after = Some((key.to_string(), sequence));
        }
    }

    /// The sequence of a version, to go on after it; 0 is behind all versions of the key.
    pub async fn sequence(
        &self,
        permit: &Permit<operation::ListObjects>,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<u64, ObjectsError> {
        let place = Place { project: permit.project().clone(), bucket: bucket.clone(), key: key.clone() };
        Ok(self.catalog.version(&place, version).await?.map_or(0, |version| version.sequence))
    }

    /// Lists uploads that are under way.
    pub async fn list_uploads(
        &self,
        _permit: &Permit<operation::ListObjects>,
        page: &UploadPage,
    ) -> Result<Vec<UploadRecord>, ObjectsError> {
        Ok(self.catalog.uploads(page).await?)
    }
}

#[expect(private_bounds, reason = "only this module fills a page")]
impl<T: Keyed> Listing<T> {
    /// Takes rows until `limit` items and folders are reached; true if the page is full and something is behind it.
    fn take(&mut self, rows: Vec<T>, (prefix, delimiter): (&str, &str), limit: u32) -> bool {
        for row in rows {
            let key = row.key().as_str();
            let folder = folder_of(key, prefix, delimiter).map(str::to_owned);
            if folder.is_some() && self.folders.last() == folder.as_ref() {
                continue;
            }
            if self.items.len() + self.folders.len() >= limit as usize {
                self.truncated = true;
                return true;
            }
            match folder {
                Some(folder) => {
                    self.last = Some(folder.clone());
                    self.folders.push(folder);
                }
                None => {
                    self.last = Some(key.to_owned());
                    self.items.push(row);
                }
            }
        }
        false
    }
}

/// The folder that a key is in, behind `prefix`.
fn folder_of<'k>(key: &'k str, prefix: &str, delimiter: &str) -> Option<&'k str> {
    if delimiter.is_empty() {
        return None;
    }
    let rest = key.strip_prefix(prefix)?;
    let at = rest.find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}

#[cfg(test)]
mod tests {
    use super::folder_of;

    #[test]
    fn a_folder_ends_with_the_first_delimiter_behind_the_prefix() {
        for (key, prefix, delimiter, folder) in [
            ("a/b/c", "", "/", Some("a/")),
            ("a/b/c", "a/", "/", Some("a/b/")),
            ("a/b/c", "a", "/", Some("a/")),
            ("a/b/c", "a/b/", "/", None),
            ("a/b/c", "x", "/", None),
            ("a/b", "", "", None),
            ("/x", "", "/", Some("/")),
            ("aXXb", "", "XX", Some("aXX")),
        ] {
            assert_eq!(folder_of(key, prefix, delimiter), folder, "{key} {prefix} {delimiter}");
        }
    }
}
