use casemate_model::{ByteSize, Digest, Label};
use serde::{Deserialize, Serialize};

mod text;

/// Most processors of a machine.
pub const CPUS_MAX: u8 = 64;
/// The least and most memory of a machine.
pub const MEMORY: std::ops::RangeInclusive<ByteSize> = ByteSize::mib(16)..=ByteSize::mib(1 << 20);
/// Most disks of a machine.
pub const DISKS_MAX: usize = 16;
/// Most bytes of what a kernel is told.
pub const APPEND_BYTES_MAX: usize = 2_047;

/// What a machine is made of, as its file says it. Unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSpec {
    /// The board.
    #[serde(default)]
    pub board: Board,
    /// Processors.
    #[serde(default = "one")]
    pub cpus: u8,
    /// Memory.
    #[serde(with = "text")]
    pub memory: ByteSize,
    /// What runs the processors.
    #[serde(default)]
    pub accelerator: Accelerator,
    /// A kernel that is loaded in the place of what is on the first disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// The disks, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk>,
}

const fn one() -> u8 {
    1
}

/// What the devices of a machine are put on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Board {
    /// A PC with PCI Express: everything works on it.
    #[default]
    Q35,
    /// A board without PCI and firmware tables: it starts in a third of the time, and takes a kernel only.
    Microvm,
}

/// What runs a machine's processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// KVM where it works, else TCG.
    #[default]
    Auto,
    /// The processor itself. It is the wall between guest and host.
    Kvm,
    /// Translation by QEMU. It is no wall: for guests that are trusted.
    Tcg,
}

/// A kernel, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// The image of the kernel.
    #[serde(with = "text")]
    pub image: Digest,
    /// The image of the first root file system.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    pub initrd: Option<Digest>,
    /// What the kernel is told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub append: String,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// By what it is told from the machine's other disks. Guests see it as the disk's serial number.
    #[serde(with = "text")]
    pub name: Label,
    /// The image that it begins as; without one it begins empty.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    pub image: Option<Digest>,
    /// Its size; that of the image unless given.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
    /// Whether the guest may only read it.
    #[serde(default)]
    pub read_only: bool,
}

/// A machine that cannot be as it is described. Each names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No processors, or too many.
    #[error("cpus: a machine has 1 to {CPUS_MAX} processors")]
    Cpus,
    /// Too little memory, too much, or no whole MiB.
    #[error("memory: a machine has {} to {} in whole MiB", MEMORY.start(), MEMORY.end())]
    Memory,
    /// Too many disks.
    #[error("disks: a machine has at most {DISKS_MAX}")]
    DiskCount,
    /// Two disks of one name.
    #[error("disks: two are called `{0}`")]
    DiskName(Label),
    /// A disk without image and size.
    #[error("disks: `{0}` has neither an image nor a size")]
    DiskSize(Label),
    /// An empty disk that cannot be written.
    #[error("disks: `{0}` is empty and read-only")]
    DiskEmpty(Label),
    /// Nothing to start.
    #[error("a machine needs a kernel, or a disk to start from")]
    Nothing,
    /// The board starts no disk.
    #[error("kernel: a microvm has no firmware that starts a disk, so it needs a kernel")]
    Kernel,
    /// What the kernel is told is too long, or no text.
    #[error("kernel.append: at most {APPEND_BYTES_MAX} bytes of printable ASCII")]
    Append,
}

impl MachineSpec {
    /// Checks what the types do not.
    pub fn check(&self) -> Result<(), SpecError> {
        if !(1..=CPUS_MAX).contains(&self.cpus) {
            return Err(SpecError::Cpus);
        }
        if !MEMORY.contains(&self.memory) || !self.memory.as_u64().is_multiple_of(1 << 20) {
            return Err(SpecError::Memory);
        }
        match &self.kernel {
            Some(kernel) => kernel.check()?,
            None if self.board == Board::Microvm => return Err(SpecError::Kernel),
            None if self.disks.is_empty() => return Err(SpecError::Nothing),
            None => {}
        }
        self.check_disks()
    }

    fn check_disks(&self) -> Result<(), SpecError> {
        if self.disks.len() > DISKS_MAX {
            return Err(SpecError::DiskCount);
        }
        for (index, disk) in self.disks.iter().enumerate() {
            let name = || disk.name.clone();
            if self.disks[..index].iter().any(|other| other.name == disk.name) {
                return Err(SpecError::DiskName(name()));
            }
            match (disk.image, disk.size) {
                (None, None) => return Err(SpecError::DiskSize(name())),
                (None, Some(_)) if disk.read_only => return Err(SpecError::DiskEmpty(name())),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Kernel {
    fn check(&self) -> Result<(), SpecError> {
        let printable = self.append.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if self.append.len() > APPEND_BYTES_MAX || !printable {
            return Err(SpecError::Append);
        }
        Ok(())
    }
}
