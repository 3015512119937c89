use std::os::fd::BorrowedFd;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

use crate::JailError;

/// The newest rules that are asked for; an older kernel enforces those it knows.
const NEWEST: ABI = ABI::V6;

/// What may be done with the files at and below a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAccess {
    /// Make, change, rename and remove files and directories. No execution; no device, socket or pipe nodes; no ioctl.
    Change,
    /// Read files and list directories.
    Read,
    /// The same, and run what is executable.
    Execute,
    /// Read, write and control one device.
    Device,
}

/// Files that may be used in spite of all.
#[derive(Clone, Copy, Debug)]
pub struct FileRule<'d> {
    /// A directory or file that is held open.
    pub at: BorrowedFd<'d>,
    /// What may be done there.
    pub access: FileAccess,
}

/// Denies all files but those of `rules`, all TCP, and signals and abstract sockets beyond the process. What is open already
/// stays usable. Returns the version of Landlock in force, or nothing on a kernel without it.
pub fn allow_only(rules: &[FileRule<'_>]) -> Result<Option<u32>, JailError> {
    let mut set = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for rule in rules {
        set = set.add_rule(PathBeneath::new(rule.at, rule.access.bits()))?;
    }
    let status = set.restrict_self()?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Ok(None);
    }
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => Some(effective_abi as u32),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => None,
    })
}

impl FileAccess {
    fn bits(self) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        match self {
            Self::Read => read,
            Self::Execute => read | AccessFs::Execute,
            Self::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev,
            Self::Change => {
                read | AccessFs::WriteFile
                    | AccessFs::Truncate
                    | AccessFs::MakeReg
                    | AccessFs::MakeDir
                    | AccessFs::MakeSym
                    | AccessFs::RemoveFile
                    | AccessFs::RemoveDir
                    // Renames and hard links between directories.
                    | AccessFs::Refer
            }
        }
    }
}
