//! Blobs against their rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use casemate_model::Digest;
use tokio::task::JoinSet;

use super::rows::Rows;
use super::{Fault, Finding, Fsck, FsckOptions, FsckReport, Mending, Repair};
use crate::blobs::Blobs;
use crate::blobs::inventory::{Condition, Form, Forms};
use crate::objects::off_runtime;
use crate::{BlobRecord, Inventory, ObjectsError, Packing};

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
        let mut rows = Rows::new(&*self.catalog);
        let mut checks = JoinSet::new();
        let mut orphans = 0;
        if let Some(blobs) = &self.blobs {
            for path in self.shelves(blobs, report).await? {
                let here = blobs.clone();
                let shelf = off_runtime(move || here.shelf(&path).map(|shelf| (shelf, path))).await?.0;
                let strangers = shelf.strangers.into_iter().map(|path| format!("blobs/{path}"));
                strangers.for_each(|path| report.add(Fault::Stranger { path }.found()));
                for forms in shelf.blobs {
                    while let Some(row) = rows.next_if(|digest| *digest < forms.digest).await? {
                        report.add(self.missing(row).await?);
                    }
                    let Some(row) = rows.next_if(|digest| *digest == forms.digest).await? else {
                        orphans += 1;
                        // Where they may go, they are told of when they do, after everything was looked at.
                        if self.options.repair != Repair::FilesAndOrphans {
                            report.add(orphan(&forms).found());
                        }
                        continue;
                    };
                    while checks.len() >= self.options.blobs_at_once.max(1) {
                        take(&mut checks, report, read).await?;
                    }
                    checks.spawn(check(blobs.clone(), Arc::clone(&self.catalog), self.options, row, forms));
                }
            }
        }
        while !checks.is_empty() {
            take(&mut checks, report, read).await?;
        }
        while let Some(row) = rows.next_if(|_| true).await? {
            report.add(self.missing(row).await?);
        }
        match &self.blobs {
            Some(blobs) if orphans > 0 && self.options.repair == Repair::FilesAndOrphans => {
                self.remove_orphans(blobs, report).await
            }
            _ => Ok(()),
        }
    }

    /// The directories of blobs; what else is there is reported.
    async fn shelves(&self, blobs: &Blobs, report: &mut FsckReport) -> Result<Vec<String>, ObjectsError> {
        let here = blobs.clone();
        let (shelves, others) = off_runtime(move || here.shelves()).await?;
        for name in others {
            let half_written = casemate_fs::is_staged(&name);
            let path = format!("blobs/{name}");
            if !half_written {
                report.add(Fault::Stranger { path }.found());
                continue;
            }
            let mending = if self.repairs() { Mending::Removed } else { Mending::None };
            report.add(Finding { fault: Fault::HalfWritten { path }, mending });
        }
        if self.repairs() {
            blobs.sweep()?;
        }
        Ok(shelves)
    }

    async fn missing(&self, row: BlobRecord) -> Result<Finding, ObjectsError> {
        let places = self.catalog.places_of(&row.digest, PLACES_NAMED_MAX).await?;
        Ok(Fault::Missing { digest: row.digest, size_bytes: row.size_bytes, places }.found())
    }

    /// Removes what no row knows, except what some file is a difference to, whatever its row says of that.
    async fn remove_orphans(&self, blobs: &Blobs, report: &mut FsckReport) -> Result<(), ObjectsError> {
        let needed = self.bases_named(report);
        for path in blobs.shelves()?.0 {
            for forms in blobs.shelf(&path)?.blobs {
                if self.catalog.blob_size(&forms.digest).await?.is_some() {
                    continue;
                }
                let removed = !needed.contains(&forms.digest) && !report.truncated;
                if removed {
                    let blobs = blobs.clone();
                    off_runtime(move || blobs.remove(&forms.digest)).await?;
                }
                let mending = if removed { Mending::Removed } else { Mending::None };
                report.add(Finding { fault: orphan(&forms), mending });
            }
        }
        Ok(())
    }

    /// Bases that files name and rows do not. Those that rows name have rows of their own.
    fn bases_named(&self, report: &FsckReport) -> BTreeSet<Digest> {
        let named = |finding: &Finding| match &finding.fault {
            Fault::BaseDiffers { named, .. } => *named,
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
            *places = catalog.places_of(&row.digest, PLACES_NAMED_MAX).await?;
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
        Some(_) => blobs.examine(&row.digest, form),
        None => Ok(Condition::Absent),
    };
    let whole = look(Form::Whole, forms.whole)?;
    let packed = look(Form::Packed, forms.packed)?;
    Ok(Examined { row, forms, whole, packed, named: blobs.named_base(&row.digest).flatten() })
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
                faults.push(Fault::SecondForm { digest: self.row.digest, form: Form::Packed, bytes });
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
        let digest = self.row.digest;
        let condition = match form {
            Form::Whole => &self.whole,
            Form::Packed => &self.packed,
        };
        match condition {
            Condition::Sound { size_bytes } if *size_bytes != self.row.size_bytes => {
                faults.push(Fault::Size { digest, noted: self.row.size_bytes, found: *size_bytes });
            }
            Condition::Sound { .. } | Condition::Absent => {}
            Condition::Damaged => faults.push(Fault::Damaged { digest, form, readable, places: Vec::new() }),
            // With the whole form beside it, a difference is only a second form.
            Condition::Base { .. } if readable => {}
            Condition::Base { base, why } => faults.push(Fault::Base { digest, base: *base, why: *why }),
            Condition::Unreadable(text) => {
                faults.push(Fault::Unreadable { digest, form, text: text.clone() })
            }
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
        faults.push(Fault::SecondForm { digest: self.row.digest, form, bytes: bytes.unwrap_or(0) });
        self.add_packing(faults);
    }

    /// One form serves. Does the row say so?
    fn add_packing(&self, faults: &mut Vec<Fault>) {
        let digest = self.row.digest;
        let (found, noted) = (self.packing_without_second_form(), self.row.packing);
        let Some(noted) = noted else {
            if !self.whole_serves() {
                faults.push(Fault::StoredSize { digest, noted: None, found: found.stored_bytes });
            }
            return;
        };
        if noted.stored_bytes != found.stored_bytes {
            let noted = Some(noted.stored_bytes);
            faults.push(Fault::StoredSize { digest, noted, found: found.stored_bytes });
        }
        if noted.base != found.base {
            faults.push(Fault::BaseDiffers { digest, noted: noted.base, named: found.base });
        }
    }

    /// How the blob is stored once a second form and damage are out of the way.
    fn packing_without_second_form(&self) -> Packing {
        let packed_serves = matches!(self.packed, Condition::Sound { .. });
        let wants_packed = self.row.packing.is_some_and(|packing| packing.stored_bytes < self.row.size_bytes);
        if packed_serves && (wants_packed || !self.whole_serves()) {
            Packing { stored_bytes: self.forms.packed.unwrap_or(0), base: self.named }
        } else {
            Packing { stored_bytes: self.forms.whole.unwrap_or(0), base: None }
        }
    }
}

/// Mends what concerns files alone.
fn mend_file(blobs: &Blobs, fault: Fault) -> Result<Finding, ObjectsError> {
    let mending = match &fault {
        Fault::Damaged { digest, form, readable, .. } => {
            match (blobs.set_form_aside(digest, *form)?, readable) {
                (false, _) => Mending::None,
                (true, true) => Mending::SetAside,
                (true, false) => Mending::SetAsideAndMissing,
            }
        }
        Fault::SecondForm { digest, form, .. } => {
            let kept = match form {
                Form::Whole => Form::Packed,
                Form::Packed => Form::Whole,
            };
            if blobs.keep_only(digest, kept)? { Mending::Removed } else { Mending::None }
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
    let is_packed =
        found.stored_bytes != examined.forms.whole.unwrap_or(u64::MAX) || !examined.whole_serves();
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
        if catalog.blob_size(&base).await?.is_none()
            || off_runtime(move || here.open_verified(&base)).await.is_err()
        {
            return Ok(());
        }
    }
    if catalog.note_packing(&examined.row.digest, found, options.now).await? {
        for finding in findings {
            if matches!(finding.fault, Fault::StoredSize { .. } | Fault::BaseDiffers { .. }) {
                finding.mending = Mending::RowCorrected;
            }
        }
    }
    Ok(())
}

fn orphan(forms: &Forms) -> Fault {
    Fault::Orphan { digest: forms.digest, bytes: forms.whole.unwrap_or(0) + forms.packed.unwrap_or(0) }
}
