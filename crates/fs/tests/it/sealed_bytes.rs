use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use casemate_fs::{FsError, SealedBytes};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

#[test]
fn bytes_come_back_by_every_way() {
    for content in [Vec::new(), b"some bytes".to_vec(), vec![7; 3 << 20]] {
        let sealed = SealedBytes::from_bytes(&content).unwrap();
        assert_eq!(sealed.len(), content.len() as u64);
        assert_eq!(sealed.is_empty(), content.is_empty());
        assert_eq!(sealed.as_slice().unwrap(), content);
        assert_eq!(sealed.clone().read_all().unwrap(), content);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        sealed.reader().read_to_end(&mut first).unwrap();
        sealed.reader().read_to_end(&mut second).unwrap();
        assert_eq!((first, second), (content.clone(), content));
    }
}

#[test]
fn nobody_can_change_them() {
    let sealed = SealedBytes::from_bytes(b"fixed").unwrap();
    let fd = sealed.as_fd().unwrap();
    assert_eq!(rustix::io::pwrite(fd, b"x", 0), Err(Errno::PERM));
    assert_eq!(rustix::fs::ftruncate(fd, 2), Err(Errno::PERM));
    assert_eq!(rustix::fs::ftruncate(fd, 200), Err(Errno::PERM));
    assert_eq!(rustix::fs::fcntl_add_seals(fd, SealFlags::empty()), Err(Errno::PERM));
    let again = OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    assert!(again.and_then(|mut file| file.write_all(b"x")).is_err());
    assert_eq!(sealed.as_slice().unwrap(), b"fixed");
}

#[test]
fn a_received_descriptor_is_taken_only_with_all_seals() {
    let sealed = SealedBytes::from_bytes(b"module").unwrap();
    let copy = || sealed.as_fd().unwrap().try_clone_to_owned().unwrap();
    assert_eq!(SealedBytes::from_fd(copy(), 6).unwrap().as_slice().unwrap(), b"module");
    assert!(matches!(SealedBytes::from_fd(copy(), 5), Err(FsError::TooLarge { bytes_max: 5, .. })));

    let all = [SealFlags::WRITE, SealFlags::SHRINK, SealFlags::GROW, SealFlags::SEAL];
    for missing in all {
        let memory = rustix::fs::memfd_create("m", MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::io::write(&memory, b"module").unwrap();
        let seals =
            all.into_iter().filter(|seal| *seal != missing).fold(SealFlags::empty(), |all, seal| all | seal);
        rustix::fs::fcntl_add_seals(&memory, seals).unwrap();
        assert!(matches!(SealedBytes::from_fd(memory, 100), Err(FsError::NotSealed)), "without {missing:?}");
    }
    for path in ["/dev/null", "/proc/self/exe", "/dev/shm"] {
        let fd = OwnedFd::from(File::open(path).unwrap());
        assert!(matches!(SealedBytes::from_fd(fd, 100), Err(FsError::NotSealed)), "{path}");
    }
}

#[test]
fn a_builder_counts_what_it_was_given() {
    let mut builder = SealedBytes::builder().unwrap();
    assert!(builder.is_empty());
    for piece in [b"ab".as_slice(), b"cde"] {
        builder.write_all(piece).unwrap();
    }
    assert_eq!(builder.len(), 5);
    let sealed = builder.seal().unwrap();
    assert_eq!(format!("{sealed:?}"), "SealedBytes(5 bytes)");
    // A receiver that reads the descriptor itself starts at the first byte.
    let mut text = String::new();
    File::from(sealed.as_fd().unwrap().as_fd().try_clone_to_owned().unwrap())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "abcde");
}
