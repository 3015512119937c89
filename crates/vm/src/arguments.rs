//! QEMU's command line.
//!
//! Nothing of it is put together from texts that others chose: options that take such texts are in JSON, and files come as
//! descriptors. A comma in a name is a comma in a name.

use std::io;
use std::os::fd::OwnedFd;

use casemate_fs::SealedBytes;
use serde_json::{Value, json};

use crate::spec::{Board, Disk, MachineSpec};

/// The first descriptor that QEMU has beside its standard streams.
pub(crate) const FIRST_DESCRIPTOR: usize = 3;

/// A command line, with the descriptors that it speaks of in their order, the first of which becomes [`FIRST_DESCRIPTOR`].
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) list: Vec<String>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// The descriptors of a machine.
#[derive(Debug)]
pub(crate) struct Channels {
    /// A bound socket on which QEMU is to listen for who controls it. It is the first descriptor.
    pub(crate) control: OwnedFd,
    /// What the guest's first serial port writes to, for writing only.
    pub(crate) serial_out: OwnedFd,
    /// What it reads from, for reading only.
    pub(crate) serial_in: OwnedFd,
    /// Held open by QEMU and not used, so that what nobody reads yet is kept when nobody is there.
    pub(crate) held: Vec<OwnedFd>,
}

/// The open images of a disk.
#[derive(Debug)]
pub struct OpenDisk {
    /// Bytes of the disk that the guest sees.
    pub virtual_bytes: u64,
    /// The image that is written, open for both, unless the guest only reads.
    pub image: OpenImage,
    /// What the image is based on, open for reading.
    pub base: Option<OpenImage>,
}

/// An open image.
#[derive(Debug)]
pub struct OpenImage {
    /// The file.
    pub file: OwnedFd,
    /// How it is to be read.
    pub format: ImageFormat,
}

impl OpenDisk {
    /// The most bytes that the file of its image may come to have: the disk, and the tables of the format.
    pub(crate) fn file_bytes_max(&self) -> u64 {
        self.virtual_bytes.saturating_add(self.virtual_bytes / 64).saturating_add(TABLES_BYTES)
    }
}

/// Tables that an image has whatever its size.
const TABLES_BYTES: u64 = 64 << 20;

/// How an image is to be read. It is always said, and never looked for in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// The bytes of the disk.
    Raw,
    /// QEMU's own.
    Qcow2,
}

impl ImageFormat {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// A kernel, in memory that nobody can change. QEMU opens it anew by its descriptor, which the user of its process could not do with a
/// private file.
#[derive(Clone)]
pub struct OpenKernel {
    /// The kernel.
    pub kernel: SealedBytes,
    /// The first root file system.
    pub initrd: Option<SealedBytes>,
}

/// What runs the processors, once it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The processor itself.
    Kvm,
    /// QEMU's translation.
    Tcg,
}

/// What a machine is started with.
pub(crate) struct Parts {
    pub(crate) channels: Channels,
    pub(crate) kernel: Option<OpenKernel>,
    pub(crate) disks: Vec<OpenDisk>,
    pub(crate) engine: Engine,
    pub(crate) uuid: String,
}

impl Arguments {
    /// The command line of a machine.
    pub(crate) fn of(spec: &MachineSpec, parts: Parts) -> io::Result<Self> {
        let mut arguments = Self::default();
        arguments.add_always();
        arguments.add_channels(parts.channels);
        arguments.add_board(spec, parts.engine, &parts.uuid);
        if let Some(kernel) = parts.kernel {
            let append = spec.kernel.as_ref().map_or("", |kernel| &*kernel.append);
            arguments.add_kernel(&kernel, append)?;
        }
        for (index, (disk, open)) in spec.disks.iter().zip(parts.disks).enumerate() {
            arguments.add_disk(spec.board, index, disk, open);
        }
        Ok(arguments)
    }

    fn add_always(&mut self) {
        self.add(["-nodefaults", "-no-user-config", "-display", "none", "-msg", "timestamp=off"]);
        // All that QEMU lets itself be denied. It has left its user, groups and capabilities before.
        self.add(["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]);
    }

    fn add_channels(&mut self, channels: Channels) {
        let control = self.pass(channels.control);
        self.add(["-chardev", &format!("socket,id=control,fd={control},server=on,wait=off")]);
        self.add(["-mon", "chardev=control,mode=control"]);
        let (out, into) = (self.pass_as_file(channels.serial_out), self.pass_as_file(channels.serial_in));
        self.add(["-chardev", &format!("file,id=serial,path={out},input-path={into},append=on")]);
        self.add(["-serial", "chardev:serial"]);
        for held in channels.held {
            self.pass(held);
        }
    }

    fn add_board(&mut self, spec: &MachineSpec, engine: Engine, uuid: &str) {
        let board = match spec.board {
            // What is off are devices that nobody asked for.
            Board::Q35 => "q35,usb=off,vmport=off,sata=off,smbus=off",
            // A reset ends it, which is how guests without firmware tables switch themselves off.
            Board::Microvm => "microvm,acpi=off,auto-kernel-cmdline=off",
        };
        self.add(["-machine", board]);
        if spec.board == Board::Microvm {
            self.add(["-no-reboot"]);
        }
        match engine {
            Engine::Kvm => self.add(["-accel", "kvm", "-cpu", "host"]),
            // Room for translated code is counted against the machine.
            Engine::Tcg => self.add(["-accel", &format!("tcg,tb-size={TRANSLATED_MIB}"), "-cpu", "qemu64"]),
        }
        self.add(["-smp", &format!("cpus={0},maxcpus={0}", spec.cpus)]);
        self.add(["-m", &format!("size={}M", spec.memory.as_u64() >> 20)]);
        self.add(["-uuid", uuid]);
        self.add_json("-object", &json!({"qom-type": "rng-builtin", "id": "randomness"}));
        self.add_json("-device", &json!({"driver": spec.board.virtio("rng"), "rng": "randomness"}));
    }

    fn add_kernel(&mut self, kernel: &OpenKernel, append: &str) -> io::Result<()> {
        let name = self.pass_sealed(&kernel.kernel)?;
        self.add(["-kernel", &name]);
        if let Some(initrd) = &kernel.initrd {
            let name = self.pass_sealed(initrd)?;
            self.add(["-initrd", &name]);
        }
        if !append.is_empty() {
            self.add(["-append", append]);
        }
        Ok(())
    }

    /// What an image is based on comes first, so that it is there to be named.
    fn add_disk(&mut self, board: Board, index: usize, disk: &Disk, open: OpenDisk) {
        let name = format!("disk{index}");
        let base = open.base.map(|base| {
            let node = format!("{name}-base");
            self.add_image(&node, base, true, None);
            node
        });
        self.add_image(&name, open.image, disk.read_only, base);
        let device = json!({"driver": board.virtio("blk"), "drive": name, "serial": disk.name.as_str()});
        self.add_json("-device", &device);
    }

    fn add_image(&mut self, node: &str, image: OpenImage, read_only: bool, base: Option<String>) {
        let file = format!("{node}-file");
        let filename = self.pass_as_file(image.file);
        self.add_json(
            "-blockdev",
            &json!({"driver": "file", "node-name": file, "filename": filename, "read-only": read_only,
                "auto-read-only": false, "discard": "unmap"}),
        );
        let mut format = json!({"driver": image.format.as_str(), "node-name": node, "file": file,
            "read-only": read_only, "discard": "unmap"});
        if image.format == ImageFormat::Qcow2 {
            // Nothing in an image says where it goes on.
            format["backing"] = base.map_or(Value::Null, Value::from);
        }
        self.add_json("-blockdev", &format);
    }

    fn add<'a>(&mut self, arguments: impl IntoIterator<Item = &'a str>) {
        self.list.extend(arguments.into_iter().map(str::to_owned));
    }

    fn add_json(&mut self, option: &str, value: &Value) {
        self.list.extend([option.to_owned(), value.to_string()]);
    }

    /// Passes a descriptor on. Returns its number in QEMU.
    fn pass(&mut self, descriptor: OwnedFd) -> usize {
        self.descriptors.push(descriptor);
        FIRST_DESCRIPTOR + self.descriptors.len() - 1
    }

    /// The same for an option that wants the name of a file.
    fn pass_as_file(&mut self, descriptor: OwnedFd) -> String {
        let number = self.pass(descriptor);
        self.add(["-add-fd", &format!("fd={number},set={number}")]);
        format!("/dev/fdset/{number}")
    }

    /// The same for what knows no sets of descriptors, and opens a file anew.
    fn pass_sealed(&mut self, bytes: &SealedBytes) -> io::Result<String> {
        let file = bytes.as_fd().ok_or(io::ErrorKind::Unsupported)?;
        let number = self.pass(file.try_clone_to_owned()?);
        Ok(format!("/proc/self/fd/{number}"))
    }
}

/// MiB of translated code that TCG keeps.
pub(crate) const TRANSLATED_MIB: u64 = 64;

impl Board {
    /// The driver of a virtio device on this board.
    fn virtio(self, kind: &str) -> String {
        match self {
            Self::Q35 => format!("virtio-{kind}-pci"),
            Self::Microvm => format!("virtio-{kind}-device"),
        }
    }
}
