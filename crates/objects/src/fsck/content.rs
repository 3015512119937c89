//! Blobs against their rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use casemate_model::{Digest, Project};
use tokio::task::JoinSet;

use super::rows::Rows;
use super::{Fault, Finding, Fsck, FsckOptions, FsckReport, Mending, Repair};
use crate::blobs::inventory::{Condition, Form, Forms};
use crate::blobs::{BlobStore, Blobs};
use crate::objects::off_runtime;
use crate::{BlobId, BlobRecord, Inventory, ObjectsError, Packing};

/// Objects that are named in a finding.
const PLACES_NAMED_MAX: u32 = 3;

/// What reading both forms of a blob showed.
#[derive(Clone, Debug)]
struct Examined {
    row: BlobRecord,
    forms: Forms,
    whole: Condition,
    packed: Condition,
    /// The base that the packed form names.
    named: Option<Digest>,
}

/// What a check of all blobs is at.
struct Checking<'c> {
    rows: Rows<'c>,
    checks: JoinSet<Result<Checked, ObjectsError>>,
    orphans: u64,
}

/// What came of one blob.
struct Checked {
    findings: Vec<Finding>,
    bytes: u64,
}

impl Fsck {
    pub(super) async fn check_content(
        &self,
        report: &mut FsckReport,
        read: &mut impl FnMut(u64),
    ) -> Result<(), ObjectsError> {
        let mut checking = Checking { rows: Rows::new(&*self.catalog), checks: JoinSet::new(), orphans: 0 };
        if let Some(store) = &self.blobs {
            for project in self.projects(store, report).await? {
                let store = store.clone();
                let blobs = off_runtime(move || store.existing(&project)).await?;
                self.check_project(&blobs, &mut checking, report, read).await?;
            }
        }
        while !checking.checks.is_empty() {
            take(&mut checking.checks, report, read).await?;
        }
        while let Some(row) = checking.rows.next_if(|_| true).await? {
            report.add(self.missing(row).await?);
        }
        match &self.blobs {
            Some(store) if checking.orphans > 0 && self.options.repair == Repair::FilesAndOrphans => {
                self.remove_orphans(store, report).await
            }
            _ => Ok(()),
        }
    }

    async fn check_project(
        &self,
        blobs: &Blobs,
        checking: &mut Checking<'_>,
        report: &mut FsckReport,
        read: &mut impl FnMut(u64),
    ) -> Result<(), ObjectsError> {
        for path in self.shelves(blobs, report).await? {
            let here = blobs.clone();
            let shelf = off_runtime(move || here.shelf(&path)).await?;
            let strangers = shelf.strangers.into_iter();
            let strangers = strangers.map(|path| format!("content/{}/{path}", blobs.project()));
            strangers.for_each(|path| report.add(Fault::Stranger { path }.found()));
            for forms in shelf.blobs {
                let blob = BlobId::new(blobs.project(), forms.digest);
                while let Some(row) = checking.rows.next_if(|id| *id < blob).await? {
                    report.add(self.missing(row).await?);
                }
                let Some(row) = checking.rows.next_if(|id| *id == blob).await? else {
                    checking.orphans += 1;
                    // Where they may go, they are told of when they do, after everything was looked at.
                    if self.options.repair != Repair::FilesAndOrphans {
                        report.add(orphan(blob, &forms).found());
                    }
                    continue;
                };
                while checking.checks.len() >= self.options.blobs_at_once.max(1) {
                    take(&mut checking.checks, report, read).await?;
                }
                let catalog = Arc::clone(&self.catalog);
                checking.checks.spawn(check(blobs.clone(), catalog, self.options, row, forms));
            }
        }
        Ok(())
    }

    /// The projects that have a directory; what else is there is reported.
    async fn projects(
        &self,
        store: &BlobStore,
        report: &mut FsckReport,
    ) -> Result<Vec<Project>, ObjectsError> {
        let here = store.clone();
        let (projects, others) = off_runtime(move || here.projects()).await?;
        others.into_iter().for_each(|name| self.report_other(&name, format!("content/{name}"), report));
        if self.repairs() {
            store.sweep()?;
        }
        Ok(projects)
    }

    /// The directories of a project's blobs; what else is there is reported.
    async fn shelves(&self, blobs: &Blobs, report: &mut FsckReport) -> Result<Vec<String>, ObjectsError> {
        let here = blobs.clone();
        let (shelves, others) = off_runtime(move || here.shelves()).await?;
        for name in others {
            self.report_other(&name, format!("content/{}/{name}", blobs.project()), report);
        }
        if self.repairs() {
            blobs.sweep()?;
        }
        Ok(shelves)
    }

    fn report_other(&self, name: &str, path: String, report: &mut FsckReport) {
        if !casemate_fs::is_staged(name) {
            report.add(Fault::Stranger { path }.found());
            return;
        }
        let mending = if self.repairs() { Mending::Removed } else { Mending::None };
        report.add(Finding { fault: Fault::HalfWritten { path }, mending });
    }

    async fn missing(&self, row: BlobRecord) -> Result<Finding, ObjectsError> {
        let places = self.catalog.places_of(&row.id, PLACES_NAMED_MAX).await?;
        Ok(Fault::Missing { blob: row.id, size_bytes: row.size_bytes, places }.found())
    }

    /// Removes what no row knows, except what some file is a difference to, whatever its row says of that.
    async fn remove_orphans(&self, store: &BlobStore, report: &mut FsckReport) -> Result<(), ObjectsError> {
        let needed = self.bases_named(report);
        for project in store.projects()?.0 {
            let blobs = store.existing(&project)?;
            for path in blobs.shelves()?.0 {
                for forms in blobs.shelf(&path)?.blobs {
                    let blob = BlobId::new(&project, forms.digest);
                    if self.catalog.blob_size(&blob).await?.is_some() {
                        continue;
                    }
                    let removed = !needed.contains(&blob) && !report.truncated;
                    if removed {
                        let blobs = blobs.clone();
                        off_runtime(move || blobs.remove(&forms.digest)).await?;
                    }
                    let mending = if removed { Mending::Removed } else { Mending::None };
                    report.add(Finding { fault: orphan(blob, &forms), mending });
                }
            }
        }
        Ok(())
    }

    /// Bases that files name and rows do not. Those that rows name have rows of their own.
    fn bases_named(&self, report: &FsckReport) -> BTreeSet<BlobId> {
        let named = |finding: &Finding| match &finding.fault {
            Fault::BaseDiffers { blob, named, .. } => named.map(|named| blob.beside(named)),
            _ => None,
        };
        report.findings.iter().filter_map(named).collect()
    }
}

async fn take(
    checks: &mut JoinSet<Result<Checked, ObjectsError>>,
    report: &mut FsckReport,
    read: &mut impl FnMut(u64),
) -> Result<(), ObjectsError> {
    let Some(checked) = checks.join_next().await else { return Ok(()) };
    let checked = checked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?;
    report.blobs += 1;
    report.bytes += checked.bytes;
    read(checked.bytes);
    checked.findings.into_iter().for_each(|finding| report.add(finding));
    Ok(())
}

/// Reads all of a blob, says what is wrong with it, and mends what it may.
async fn check(
    blobs: Blobs,
    catalog: Arc<dyn Inventory>,
    options: FsckOptions,
    row: BlobRecord,
    forms: Forms,
) -> Result<Checked, ObjectsError> {
    let bytes = forms.whole.unwrap_or(0) + forms.packed.unwrap_or(0);
    let here = blobs.clone();
    let examined = off_runtime(move || examine(&here, row, forms)).await?;
    let mut faults = examined.faults();
    for fault in &mut faults {
        if let Fault::Damaged { places, .. } = fault {
            *places = catalog.places_of(&examined.row.id, PLACES_NAMED_MAX).await?;
        }
    }
    if faults.is_empty() || options.repair == Repair::Nothing {
        let findings = faults.into_iter().map(Fault::found).collect();
        return Ok(Checked { findings, bytes });
    }
    let here = blobs.clone();
    let mut findings = off_runtime(move || {
        faults.into_iter().map(|fault| mend_file(&here, fault)).collect::<Result<Vec<_>, _>>()
    })
    .await?;
    correct_row(&blobs, &*catalog, options, &examined, &mut findings).await?;
    Ok(Checked { findings, bytes })
}

fn examine(blobs: &Blobs, row: BlobRecord, forms: Forms) -> Result<Examined, ObjectsError> {
    let look = |form, length: Option<u64>| match length {
        Some(_) => blobs.examine(&row.id.digest, form),
        None => Ok(Condition::Absent),
    };
    let whole = look(Form::Whole, forms.whole)?;
    let packed = look(Form::Packed, forms.packed)?;
    let named = blobs.named_base(&row.id.digest).flatten();
    Ok(Examined { row, forms, whole, packed, named })
}

impl Examined {
    /// What is wrong. It only calculates.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let whole_serves = self.whole_serves();
        let packed_serves = matches!(self.packed, Condition::Sound { .. });
        self.add_condition(Form::Whole, packed_serves, &mut faults);
        self.add_condition(Form::Packed, whole_serves, &mut faults);
        match (whole_serves, packed_serves) {
            (true, true) => self.add_second_form(&mut faults),
            (true, false) if matches!(self.packed, Condition::Base { .. }) => {
                let bytes = self.forms.packed.unwrap_or(0);
                faults.push(Fault::SecondForm { blob: self.row.id.clone(), form: Form::Packed, bytes });
            }
            (true, false) | (false, true) => self.add_packing(&mut faults),
            (false, false) => {}
        }
        faults
    }

    fn whole_serves(&self) -> bool {
        matches!(self.whole, Condition::Sound { .. })
    }

    fn add_condition(&self, form: Form, readable: bool, faults: &mut Vec<Fault>) {
        let blob = self.row.id.clone();
        let condition = match form {
            Form::Whole => &self.whole,
            Form::Packed => &self.packed,
        };
        match condition {
            Condition::Sound { size_bytes, .. } if *size_bytes != self.row.size_bytes => {
                faults.push(Fault::Size { blob, noted: self.row.size_bytes, found: *size_bytes });
            }
            Condition::Sound { .. } | Condition::Absent => {}
            Condition::Damaged => faults.push(Fault::Damaged { blob, form, readable, places: Vec::new() }),
            // With the whole form beside it, a difference is only a second form.
            Condition::Base { .. } if readable => {}
            Condition::Base { base, why } => faults.push(Fault::Base { blob, base: *base, why: *why }),
            Condition::Unreadable(text) => faults.push(Fault::Unreadable { blob, form, text: text.clone() }),
        }
    }

    /// Both forms serve. That is in order only until the packer has looked at the blob.
    fn add_second_form(&self, faults: &mut Vec<Fault>) {
        let Some(packing) = self.row.packing else { return };
        let (form, bytes) = if packing.stored_bytes < self.row.size_bytes {
            (Form::Whole, self.forms.whole)
        } else {
            (Form::Packed, self.forms.packed)
        };
        faults.push(Fault::SecondForm { blob: self.row.id.clone(), form, bytes: bytes.unwrap_or(0) });
        self.add_packing(faults);
    }

    /// One form serves. Does the row say so?
    fn add_packing(&self, faults: &mut Vec<Fault>) {
        let blob = self.row.id.clone();
        let (found, noted) = (self.packing_without_second_form(), self.row.packing);
        let Some(noted) = noted else {
            if !self.whole_serves() {
                faults.push(Fault::StoredSize { blob, noted: None, found: found.stored_bytes });
            }
            return;
        };
        if noted.stored_bytes != found.stored_bytes {
            let noted = Some(noted.stored_bytes);
            faults.push(Fault::StoredSize { blob: blob.clone(), noted, found: found.stored_bytes });
        }
        if noted.base != found.base {
            faults.push(Fault::BaseDiffers { blob, noted: noted.base, named: found.base });
        }
    }

    /// How the blob is stored once a second form and damage are out of the way.
    fn packing_without_second_form(&self) -> Packing {
        let wants_packed = self.row.packing.is_some_and(|packing| packing.stored_bytes < self.row.size_bytes);
        match (self.whole.stored_bytes(), self.packed.stored_bytes()) {
            (Some(stored_bytes), packed) if packed.is_none() || !wants_packed => {
                Packing { stored_bytes, base: None }
            }
            (_, packed) => Packing { stored_bytes: packed.unwrap_or(0), base: self.named },
        }
    }
}

/// Mends what concerns files alone.
fn mend_file(blobs: &Blobs, fault: Fault) -> Result<Finding, ObjectsError> {
    let mending = match &fault {
        Fault::Damaged { blob, form, readable, .. } => {
            match (blobs.set_form_aside(&blob.digest, *form)?, readable) {
                (false, _) => Mending::None,
                (true, true) => Mending::SetAside,
                (true, false) => Mending::SetAsideAndMissing,
            }
        }
        Fault::SecondForm { blob, form, .. } => {
            let kept = match form {
                Form::Whole => Form::Packed,
                Form::Packed => Form::Whole,
            };
            if blobs.keep_only(&blob.digest, kept)? { Mending::Removed } else { Mending::None }
        }
        _ => Mending::None,
    };
    Ok(Finding { fault, mending })
}

/// Makes the row say how the blob is stored, if it does not.
async fn correct_row(
    blobs: &Blobs,
    catalog: &dyn Inventory,
    options: FsckOptions,
    examined: &Examined,
    findings: &mut [Finding],
) -> Result<(), ObjectsError> {
    let serves =
        [&examined.whole, &examined.packed].into_iter().any(|form| matches!(form, Condition::Sound { .. }));
    let found = examined.packing_without_second_form();
    let is_packed = examined.whole.stored_bytes() != Some(found.stored_bytes);
    let wrong = match examined.row.packing {
        Some(noted) => noted != found,
        None => is_packed,
    };
    let size_is_right = !findings.iter().any(|finding| matches!(finding.fault, Fault::Size { .. }));
    if !serves || !wrong || !size_is_right {
        return Ok(());
    }
    // What the row is to name must serve, or the row would vouch for it.
    if let Some(base) = found.base {
        let here = blobs.clone();
        if catalog.blob_size(&examined.row.id.beside(base)).await?.is_none()
            || off_runtime(move || here.open_verified(&base)).await.is_err()
        {
            return Ok(());
        }
    }
    if catalog.note_packing(&examined.row.id, found, options.now).await? {
        for finding in findings {
            if matches!(finding.fault, Fault::StoredSize { .. } | Fault::BaseDiffers { .. }) {
                finding.mending = Mending::RowCorrected;
            }
        }
    }
    Ok(())
}

fn orphan(blob: BlobId, forms: &Forms) -> Fault {
    Fault::Orphan { blob, bytes: forms.whole.unwrap_or(0) + forms.packed.unwrap_or(0) }
}
