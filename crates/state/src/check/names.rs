use std::collections::{BTreeMap, BTreeSet};

use casemate_ledger::SignedNameRecord;
use casemate_model::Digest;
use casemate_objects::BlobId;

use super::records::{Counted, Table};
use super::{Finding, Findings};
use crate::failure::Failure;
use crate::registry::rows;
use crate::sql::{Row, Sql, values};

/// What follows from the names that were read, and must be in other tables.
#[derive(Default)]
struct Derived {
    /// Names that are held, by what they look like.
    skeletons: BTreeMap<String, String>,
    /// Project, tag and name.
    tags: BTreeSet<(String, String, String)>,
    /// The number of the newest version and the digest of its record, by name.
    newest: BTreeMap<String, (u64, Digest)>,
}

/// Reads every name and version, counts what they refer to, and compares what follows from them with what is there.
pub(super) async fn check(
    sql: &mut Sql<'_>,
    counted: &mut Counted,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let mut derived = Derived::default();
    let names = Table { statement: &rows::ALL_NAMES, before_first: values![""].to_vec() };
    names.walk(sql, findings, |row| derived.add_name(row, counted)).await?;
    let versions = Table { statement: &rows::ALL_VERSIONS, before_first: values!["", 0u64].to_vec() };
    let mut last = Last::default();
    versions.walk(sql, findings, |row| derived.check_version(row, &mut last)).await?;
    let tags = Table { statement: &rows::ALL_TAGS, before_first: values!["", "", ""].to_vec() };
    tags.walk(sql, findings, |row| derived.check_tag(row)).await?;
    let skeletons = Table { statement: &rows::ALL_SKELETONS, before_first: values![""].to_vec() };
    skeletons.walk(sql, findings, |row| derived.check_skeleton(row)).await?;
    derived.report_missing(findings);
    Ok(())
}

/// The version before.
#[derive(Default)]
struct Last {
    name: String,
    sequence: u64,
}

impl Derived {
    fn add_name(&mut self, row: Row, counted: &mut Counted) -> Result<Option<Finding>, Failure> {
        let held = rows::held_name(row.clone())?;
        let (record, name) = (&held.record, held.record.name.to_string());
        if let Some(digest) = record.digest {
            counted.refer(BlobId::new(&record.project, digest));
        }
        // Of names from before looks counted, the first has them.
        self.skeletons.entry(record.name.skeleton()).or_insert_with(|| name.clone());
        for tag in record.tags.iter() {
            self.tags.insert((record.project.to_string(), tag.to_string(), name.clone()));
        }
        self.newest.insert(name.clone(), (record.sequence, record.digest_of()));
        let reversed: Option<String> = row.last("name")?;
        let is_backwards = reversed == Some(record.name.reversed());
        Ok((!is_backwards).then(|| finding("name", format!("`{name}` does not stand backwards as it is"))))
    }

    /// Versions of a name count from 1 without gaps, and the newest is as the name stands.
    fn check_version(&mut self, row: Row, last: &mut Last) -> Result<Option<Finding>, Failure> {
        let version = rows::name_version(row.clone())?;
        let record: Option<Vec<u8>> = row.last("name version")?;
        let record = record.map(|bytes| SignedNameRecord::decode(&bytes)).transpose();
        let record = record.map_err(|error| Failure::damaged("name version", error))?;
        let (name, sequence) = (version.name.to_string(), version.sequence);
        let expected = if name == last.name { last.sequence + 1 } else { 1 };
        *last = Last { name: name.clone(), sequence };
        if sequence != expected {
            let text = format!("`{name}` has version {sequence} where version {expected} belongs");
            return Ok(Some(finding("name history", text)));
        }
        let digest = record.as_ref().map(|signed| signed.record().digest_of());
        if digest != version.record {
            let text = format!("version {sequence} of `{name}` has a record that its digest is not of");
            return Ok(Some(finding("name history", text)));
        }
        let stands = self.newest.get(&name).filter(|(newest, _)| *newest == sequence);
        if let (Some((_, stands)), Some(digest)) = (stands, digest)
            && *stands != digest
        {
            let text = format!("`{name}` does not stand as its version {sequence} says");
            return Ok(Some(finding("name", text)));
        }
        Ok(None)
    }

    fn check_tag(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        let mut columns = row.read("tag");
        let found: (String, String, String) = (columns.next()?, columns.next()?, columns.next()?);
        let is_known = self.tags.remove(&found);
        let text = format!("`{}` is found by the tag `{}`, which it does not have", found.2, found.1);
        Ok((!is_known).then(|| finding("tag", text)))
    }

    fn check_skeleton(&mut self, row: Row) -> Result<Option<Finding>, Failure> {
        let mut columns = row.read("what a name looks like");
        let (skeleton, name): (String, String) = (columns.next()?, columns.next()?);
        let (_, free_from): (String, Option<u64>) = (columns.next()?, columns.next()?);
        let held = self.skeletons.remove(&skeleton);
        let text = match (held, free_from) {
            (Some(held), None) if held == name => return Ok(None),
            (None, Some(_)) => return Ok(None),
            (Some(held), _) => format!("`{held}` is held, and its looks are written down for `{name}`"),
            (None, None) => format!("`{name}` is not held, and its looks are"),
        };
        Ok(Some(finding("name", text)))
    }

    fn report_missing(self, findings: &mut Findings) {
        for (_, tag, name) in self.tags {
            findings.add(finding("tag", format!("`{name}` is not found by its tag `{tag}`")));
        }
        for name in self.skeletons.into_values() {
            findings.add(finding("name", format!("what `{name}` looks like is not written down")));
        }
    }
}

fn finding(what: &'static str, text: String) -> Finding {
    Finding::Record { what, text }
}
