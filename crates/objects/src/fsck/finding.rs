use std::fmt;

use casemate_model::{Digest, UploadId};

use crate::blobs::inventory::{BaseFault, Form};
use crate::{BlobId, Place};

/// Most findings that are listed; a thoroughly damaged store has no use for more.
const FINDINGS_MAX: usize = 1000;

/// What a check found. No findings, if all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Blobs that were read.
    pub blobs: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Parts of uploads that were read.
    pub parts: u64,
    /// The findings, the worst first, at most 1000.
    pub findings: Vec<Finding>,
    /// Whether there were more.
    pub truncated: bool,
    /// How many findings are still so.
    pub unmended: u64,
    /// Files that were set aside, now or before. They are kept to be looked at, and nothing needs them.
    pub set_aside: Vec<SetAside>,
}

/// A file in the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its name.
    pub file: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// One thing that is not as it should be, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub fault: Fault,
    /// What was done.
    pub mending: Mending,
}

/// What was done about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mending {
    /// Nothing.
    None,
    /// A file was removed.
    Removed,
    /// The row was made to say what is so.
    RowCorrected,
    /// The damaged file was set aside; the content is there in another form.
    SetAside,
    /// The damaged file was set aside, and with it the content is gone until it is put again.
    SetAsideAndMissing,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A blob has a row and no file.
    Missing {
        /// The blob.
        blob: BlobId,
        /// The bytes of its content.
        size_bytes: u64,
        /// Some objects that had it.
        places: Vec<Place>,
    },
    /// The bytes of a file are not what was stored.
    Damaged {
        /// The blob.
        blob: BlobId,
        /// Which form of it.
        form: Form,
        /// Whether its other form is there and sound.
        readable: bool,
        /// Some objects that have it.
        places: Vec<Place>,
    },
    /// The disk does not give a file.
    Unreadable {
        /// The blob.
        blob: BlobId,
        /// Which form of it.
        form: Form,
        /// What the system says.
        text: String,
    },
    /// A blob is stored as a difference to one that cannot serve.
    Base {
        /// The blob.
        blob: BlobId,
        /// What it is a difference to.
        base: Digest,
        /// What is wrong with that.
        why: BaseFault,
    },
    /// The row of a blob names another base than its file.
    BaseDiffers {
        /// The blob.
        blob: BlobId,
        /// What the row says.
        noted: Option<Digest>,
        /// What the file says.
        named: Option<Digest>,
    },
    /// The row of a blob names another size than its content has.
    Size {
        /// The blob.
        blob: BlobId,
        /// What the row says.
        noted: u64,
        /// What its content has.
        found: u64,
    },
    /// The row of a blob says that it takes other space than it does.
    StoredSize {
        /// The blob.
        blob: BlobId,
        /// What the row says; `None` that it is not packed.
        noted: Option<u64>,
        /// What its file takes.
        found: u64,
    },
    /// A blob has a second form that is not needed.
    SecondForm {
        /// The blob.
        blob: BlobId,
        /// The form that is not needed.
        form: Form,
        /// The bytes that it takes.
        bytes: u64,
    },
    /// A blob has files and no row.
    Orphan {
        /// The blob.
        blob: BlobId,
        /// The bytes that it takes.
        bytes: u64,
    },
    /// A file was not written to its end.
    HalfWritten {
        /// Where it is, beneath the directory of objects.
        path: String,
    },
    /// Something is there that no node puts there.
    Stranger {
        /// Where it is, beneath the directory of objects.
        path: String,
    },
    /// The files of an upload that is over.
    EndedUpload {
        /// The upload.
        upload: UploadId,
        /// How many files.
        files: u64,
    },
    /// A file of an upload that is no part of it.
    EndedPart {
        /// The upload.
        upload: UploadId,
        /// The file's name.
        file: String,
    },
    /// A part of an upload has a row and no file.
    PartMissing {
        /// The upload.
        upload: UploadId,
        /// Its number.
        number: u32,
    },
    /// The bytes of a part are not what was uploaded.
    PartDamaged {
        /// The upload.
        upload: UploadId,
        /// Its number.
        number: u32,
    },
}

impl FsckReport {
    pub(super) fn add(&mut self, finding: Finding) {
        self.unmended += u64::from(!finding.mending.is_whole());
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.truncated = true;
        }
    }
}

impl Mending {
    /// Whether the matter is settled.
    pub const fn is_whole(self) -> bool {
        match self {
            Self::Removed | Self::RowCorrected | Self::SetAside => true,
            Self::None | Self::SetAsideAndMissing => false,
        }
    }

    /// A word for it; empty if nothing was done.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Removed => "removed",
            Self::RowCorrected => "row corrected",
            Self::SetAside | Self::SetAsideAndMissing => "set aside",
        }
    }
}

impl Fault {
    /// The fault as it was found, nothing done about it.
    pub(super) const fn found(self) -> Finding {
        Finding { fault: self, mending: Mending::None }
    }

    /// One word for the kind of fault.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Damaged { .. } => "damaged",
            Self::Unreadable { .. } => "unreadable",
            Self::Base { .. } => "bad_base",
            Self::BaseDiffers { .. } => "wrong_base",
            Self::Size { .. } => "wrong_size",
            Self::StoredSize { .. } => "wrong_stored_size",
            Self::SecondForm { .. } => "second_form",
            Self::Orphan { .. } => "orphan",
            Self::HalfWritten { .. } => "half_written",
            Self::Stranger { .. } => "stranger",
            Self::EndedUpload { .. } => "ended_upload",
            Self::EndedPart { .. } => "ended_part",
            Self::PartMissing { .. } => "part_missing",
            Self::PartDamaged { .. } => "part_damaged",
        }
    }

    /// Whether it only takes space, as a crash may leave it: no content is at stake.
    pub const fn is_leftover(&self) -> bool {
        matches!(
            self,
            Self::SecondForm { .. }
                | Self::Orphan { .. }
                | Self::HalfWritten { .. }
                | Self::EndedUpload { .. }
                | Self::EndedPart { .. }
        )
    }

    /// What a person can do about it.
    pub const fn way_out(&self) -> &'static str {
        match self {
            Self::Damaged { readable: true, .. } => {
                "`--repair` sets the damaged form aside; the other one serves"
            }
            Self::Missing { .. } | Self::Damaged { .. } => {
                "put the same content again under any key of the project, which heals it; or put its file back from a copy of \
                 `objects/`; or delete the objects that have it"
            }
            Self::Unreadable { .. } => "look at the disk and at who may read the file, then check again",
            Self::Base { .. } => "put the content of the base, or of this blob, again, which heals it",
            Self::BaseDiffers { .. } | Self::StoredSize { .. } => "`--repair` corrects the row",
            Self::Size { .. } => "restore the database from a backup (`casemate db restore`)",
            Self::SecondForm { .. }
            | Self::Orphan { .. }
            | Self::EndedUpload { .. }
            | Self::EndedPart { .. } => "nothing is lost: the node removes it, and so does `--repair`",
            Self::HalfWritten { .. } => {
                "nothing is lost: the node's next start removes it, and so does `--repair`"
            }
            Self::Stranger { .. } => "no node has put it there: look what it is and move it away",
            Self::PartMissing { .. } | Self::PartDamaged { .. } => {
                "upload the part again, or give the upload up"
            }
        }
    }

    /// What is worst stands first; what is alike stands together.
    pub(super) fn rank(&self) -> (bool, &'static str, String) {
        (self.is_leftover(), self.kind(), self.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { blob, size_bytes, places } => {
                write!(f, "the content {blob} of {size_bytes} bytes is missing{}", Had(places))
            }
            Self::Damaged { blob, form, readable, places } => {
                let rest = if *readable { "; its other form is sound" } else { "" };
                write!(f, "the {form} form of {blob} is damaged{rest}{}", Had(places))
            }
            Self::Unreadable { blob, form, text } => {
                write!(f, "the {form} form of {blob} cannot be read: {text}")
            }
            Self::Base { blob, base, why } => {
                write!(f, "{blob} is stored as a difference to {base}, which is {why}")
            }
            Self::BaseDiffers { blob, noted, named } => {
                let [noted, named] =
                    [noted, named].map(|base| base.map_or("none".to_owned(), |base| base.to_string()));
                write!(f, "the row of {blob} names the base {noted}, its file {named}")
            }
            Self::Size { blob, noted, found } => {
                write!(f, "the row of {blob} says {noted} bytes, its content has {found}")
            }
            Self::StoredSize { blob, noted: Some(noted), found } => {
                write!(f, "the row of {blob} says that it takes {noted} bytes, its file has {found}")
            }
            Self::StoredSize { blob, noted: None, found } => {
                write!(f, "the row of {blob} says that it is whole, it is packed in {found} bytes")
            }
            Self::SecondForm { blob, form, bytes } => {
                write!(f, "{blob} also has its {form} form of {bytes} bytes, which is not needed")
            }
            Self::Orphan { blob, bytes } => {
                write!(f, "no row knows the content {blob}, which takes {bytes} bytes")
            }
            Self::HalfWritten { path } => write!(f, "`{path}` was not written to its end"),
            Self::Stranger { path } => write!(f, "`{path}` does not belong there"),
            Self::EndedUpload { upload, files } => {
                write!(f, "{files} files are left of the upload {upload}, which is over")
            }
            Self::EndedPart { upload, file } => {
                write!(f, "`{file}` is no part of the upload {upload} any more")
            }
            Self::PartMissing { upload, number } => {
                write!(f, "part {number} of the upload {upload} is missing")
            }
            Self::PartDamaged { upload, number } => {
                write!(f, "part {number} of the upload {upload} is damaged")
            }
        }
    }
}

/// Which objects are concerned, for the end of a sentence.
struct Had<'p>(&'p [Place]);

impl fmt::Display for Had<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Place { project, bucket, key }) in self.0.iter().enumerate() {
            let before = if index == 0 { "; it is that of" } else { "," };
            write!(f, "{before} cm://{bucket}/{key} in {project}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "whole",
            Self::Packed => "packed",
        })
    }
}

impl fmt::Display for BaseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Difference => "a difference itself",
        })
    }
}
