//! Which images are taken, beside what QEMU's own tool makes and says of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use casemate_vm::{ImageError, Qcow2Header, VIRTUAL_BYTES_MAX, write_overlay};
use proptest::prelude::*;
use tempfile::TempDir;

const GIB: u64 = 1 << 30;

fn qemu_img(words: &[&str]) -> String {
    let done = Command::new("qemu-img").args(words).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{words:?}: {said}");
    said
}

struct Images(TempDir);

impl Images {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An image by QEMU's tool.
    fn made(&self, words: &[&str]) -> PathBuf {
        let path = self.path("made.qcow2");
        let _ = std::fs::remove_file(&path);
        let mut all = vec!["create", "-q", "-f", "qcow2"];
        all.extend(words.iter().filter(|word| word.starts_with('-') || word.contains('=')));
        all.push(path.to_str().unwrap());
        all.extend(words.iter().filter(|word| !word.starts_with('-') && !word.contains('=')));
        qemu_img(&all);
        path
    }
}

fn parsed(path: &Path) -> Result<Qcow2Header, ImageError> {
    let bytes = std::fs::read(path).unwrap();
    Qcow2Header::parse(&bytes[..bytes.len().min(65_536)], bytes.len() as u64)
}

#[test]
fn what_qemu_makes_alone_is_taken() {
    let images = Images::new();
    for (options, virtual_bytes, cluster_bytes, version) in [
        ("compat=1.1", GIB, 65_536, 3),
        ("compat=0.10", GIB, 65_536, 2),
        ("cluster_size=512", 64 << 20, 512, 3),
        ("cluster_size=2M", GIB, 2 << 20, 3),
        ("refcount_bits=1", GIB, 65_536, 3),
        ("refcount_bits=64", GIB, 65_536, 3),
        ("compression_type=zstd", GIB, 65_536, 3),
        ("extended_l2=on", GIB, 65_536, 3),
        ("lazy_refcounts=on", GIB, 65_536, 3),
        ("preallocation=metadata", GIB, 65_536, 3),
    ] {
        let size = virtual_bytes.to_string();
        let path = images.made(&["-o", options, &size]);
        let expected = Qcow2Header { virtual_bytes, cluster_bytes, version };
        assert_eq!(parsed(&path), Ok(expected), "{options}");
    }
    // One that has become larger and smaller keeps its tables.
    let path = images.made(&["1G"]);
    let file = path.to_str().unwrap();
    qemu_img(&["resize", "-q", file, "600G"]);
    assert_eq!(parsed(&path).map(|header| header.virtual_bytes), Ok(600 * GIB));
    qemu_img(&["resize", "-q", "--shrink", file, "1M"]);
    assert_eq!(parsed(&path).map(|header| header.virtual_bytes), Ok(1 << 20));
}

#[test]
fn what_leads_elsewhere_is_refused() {
    let images = Images::new();
    let base = images.path("base.raw");
    std::fs::write(&base, vec![0; 1 << 20]).unwrap();
    let backed = images.made(&["-o", &format!("backing_file={},backing_fmt=raw", base.display())]);
    assert_eq!(parsed(&backed), Err(ImageError::Backing));
    let outside = images.path("outside.raw");
    let apart = images.made(&["-o", &format!("data_file={}", outside.display()), "1M"]);
    assert_eq!(parsed(&apart), Err(ImageError::DataFile));
    let path = images.made(&["1M"]);
    qemu_img(&["snapshot", "-c", "one", path.to_str().unwrap()]);
    assert_eq!(parsed(&path), Err(ImageError::Snapshots(1)));
    let path = images.made(&["1M"]);
    qemu_img(&["bitmap", "--add", path.to_str().unwrap(), "changes"]);
    assert_eq!(parsed(&path), Err(ImageError::Bitmaps));
}

#[test]
fn what_would_fill_the_host_with_tables_is_refused() {
    let images = Images::new();
    let path = images.path("bomb.qcow2");
    let size = (VIRTUAL_BYTES_MAX + 512).to_string();
    qemu_img(&["create", "-q", "-f", "qcow2", path.to_str().unwrap(), &size]);
    assert_eq!(parsed(&path), Err(ImageError::Virtual(VIRTUAL_BYTES_MAX + 512)));

    let path = images.made(&["1G"]);
    let bytes = std::fs::read(&path).unwrap();
    let bent = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        Qcow2Header::parse(&bytes[..65_536], bytes.len() as u64)
    };
    let long = |value: u32| value.to_be_bytes();
    assert_eq!(bent(4, &long(4)), Err(ImageError::Version(4)));
    assert_eq!(bent(20, &long(63)), Err(ImageError::Damaged("the size of its clusters")));
    assert_eq!(bent(32, &long(2)), Err(ImageError::Encrypted));
    assert_eq!(bent(36, &long(u32::MAX)), Err(ImageError::Table("table of level 1")));
    assert_eq!(bent(36, &long(0)), Err(ImageError::Damaged("its table of level 1 is too short")));
    assert_eq!(bent(56, &long(u32::MAX)), Err(ImageError::Table("table of reference counts")));
    assert_eq!(bent(60, &long(70_000)), Err(ImageError::Snapshots(70_000)));
    assert_eq!(bent(79, &[1]), Err(ImageError::Unclean));
    assert_eq!(bent(79, &[4]), Err(ImageError::DataFile));
    assert_eq!(bent(72, &[0x80]), Err(ImageError::Feature(1 << 63)));
    assert_eq!(bent(96, &long(7)), Err(ImageError::Damaged("the width of its reference counts")));
    assert_eq!(bent(100, &long(0)), Err(ImageError::Damaged("the length of its header")));
    let far = bent(40, &u64::MAX.to_be_bytes());
    assert_eq!(far, Err(ImageError::Damaged("where its table of level 1 is")));
    assert_eq!(Qcow2Header::parse(&bytes[..50], 50), Err(ImageError::Short));
    assert_eq!(Qcow2Header::parse(b"not one", 7), Err(ImageError::Magic));
}

#[test]
fn a_new_overlay_is_what_qemu_takes_for_one() {
    let images = Images::new();
    let path = images.path("overlay.qcow2");
    for virtual_bytes in [512, 1 << 20, 20 * GIB, VIRTUAL_BYTES_MAX] {
        let file = std::fs::File::create(&path).unwrap();
        write_overlay(&file, virtual_bytes).unwrap();
        let name = path.to_str().unwrap();
        assert!(qemu_img(&["check", name]).contains("No errors were found"));
        let info: serde_json::Value =
            serde_json::from_str(&qemu_img(&["info", "--output=json", name])).unwrap();
        assert_eq!(info["virtual-size"], virtual_bytes);
        assert_eq!(info.get("backing-filename"), None);
        let expected = Qcow2Header { virtual_bytes, cluster_bytes: 65_536, version: 3 };
        assert_eq!(parsed(&path), Ok(expected));
    }
    for virtual_bytes in [0, VIRTUAL_BYTES_MAX + 1] {
        let file = std::fs::File::create(&path).unwrap();
        let refused = write_overlay(&file, virtual_bytes).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(mut bytes in prop::collection::vec(any::<u8>(), 0..300), file_bytes: u64, is_image: bool) {
        if is_image && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
        }
        if let Ok(header) = Qcow2Header::parse(&bytes, file_bytes) {
            prop_assert!(header.virtual_bytes <= VIRTUAL_BYTES_MAX);
        }
    }
}
