//! Machines: QEMU in a jail, one driver each, that outlive the daemon.

mod arguments;
mod host;
mod launch;
mod process;
mod qcow2;
mod qmp;
mod spec;
#[cfg(feature = "test-support")]
pub mod test_support;

pub use arguments::{Engine, ImageFormat, OpenDisk, OpenImage, OpenKernel};
pub use host::{Host, Running, SERIAL_IN, SERIAL_OUT, Start, StartError};
pub use launch::{Cell, LaunchError, LauncherProgram, run_launcher_process};
pub use qcow2::{ImageError, Qcow2Header, VIRTUAL_BYTES_MAX, write_overlay};
pub use qmp::{Qmp, QmpError, QmpEvent, QmpEventKind};
pub use spec::{
    APPEND_BYTES_MAX, Accelerator, Board, CPUS_MAX, DISKS_MAX, Disk, Kernel, MEMORY, MachineSpec, SpecError,
};
