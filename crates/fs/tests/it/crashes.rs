//! Old value or new value, never neither and never a mix, whatever a crash leaves of the steps.

use std::collections::BTreeMap;

use casemate_fs::Dir;
use casemate_fs::test_support::{DiskImage, Recorder};
use proptest::prelude::*;

use crate::scratch;

type Files = BTreeMap<&'static str, Vec<u8>>;

#[derive(Clone, Copy, Debug)]
enum Op {
    Replace(&'static str, usize),
    CreateNew(&'static str, usize),
    Rename(&'static str, &'static str),
    Remove(&'static str),
}

impl Op {
    fn content(self, number: usize) -> Vec<u8> {
        match self {
            Self::Replace(_, len) | Self::CreateNew(_, len) => vec![u8::try_from(number).unwrap() + 1; len],
            Self::Rename(..) | Self::Remove(_) => Vec::new(),
        }
    }

    fn perform(self, dir: &Dir, number: usize) -> bool {
        match self {
            Self::Replace(name, _) => dir.replace(name, &self.content(number)).is_ok(),
            Self::CreateNew(name, _) => dir.create_new(name, &self.content(number)).is_ok(),
            Self::Rename(from, to) => dir.rename(from, to).is_ok(),
            Self::Remove(name) => dir.remove_file(name).unwrap(),
        }
    }

    /// What it does to a disk that never crashes; none if it must be refused.
    fn expected(self, files: &Files, number: usize) -> Option<Files> {
        let mut after = files.clone();
        match self {
            Self::Replace(name, _) => after.insert(name, self.content(number)),
            Self::CreateNew(name, _) if files.contains_key(name) => return None,
            Self::CreateNew(name, _) => after.insert(name, self.content(number)),
            Self::Rename(from, to) => {
                let content = after.remove(from)?;
                after.insert(to, content)
            }
            Self::Remove(name) => Some(after.remove(name)?),
        };
        Some(after)
    }

    /// What a crash may leave besides before and after: both names, if they are in two directories.
    fn between(self, before: &Files) -> Option<Files> {
        let Self::Rename(from, to) = self else { return None };
        let mut both = before.clone();
        both.insert(to, before.get(from)?.clone());
        (from.contains('/') != to.contains('/')).then_some(both)
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("sub/a")]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (name(), 2_usize..6).prop_map(|(name, len)| Op::Replace(name, len)),
        2 => (name(), 2_usize..6).prop_map(|(name, len)| Op::CreateNew(name, len)),
        2 => (name(), name()).prop_filter("two names", |(a, b)| a != b).prop_map(|(a, b)| Op::Rename(a, b)),
        1 => name().prop_map(Op::Remove),
    ]
}

fn files_of(image: &DiskImage) -> BTreeMap<&str, Vec<u8>> {
    let visible = image.paths().filter(|path| !path.contains(".casemate-staged-"));
    visible.map(|path| (path, image.read(path).unwrap().to_vec())).collect()
}

/// Checks every image of every moment, and returns how many there were.
fn check(ops: &[Op]) -> usize {
    let (temp, dir) = scratch();
    std::fs::create_dir(temp.path().join("sub")).unwrap();
    std::fs::write(temp.path().join("a"), b"base").unwrap();
    let (dir, recorder) = Recorder::attach(&dir);
    let mut before = Files::from([("a", b"base".to_vec())]);
    let (mut moment, mut count) = (0, 0);
    for (number, op) in ops.iter().enumerate() {
        let expected = op.expected(&before, number);
        assert_eq!(op.perform(&dir, number), expected.is_some(), "{ops:?} at {number}");
        let after = expected.unwrap_or_else(|| before.clone());
        let mut allowed = vec![before.clone(), after.clone()];
        allowed.extend(op.between(&before));
        let acknowledged = recorder.steps();
        while moment <= acknowledged {
            if moment == acknowledged {
                allowed = vec![after.clone()];
            }
            for image in recorder.crash_images(moment) {
                let seen = files_of(&image);
                assert!(
                    allowed.contains(&seen),
                    "{ops:?}: {seen:?} after step {moment} is none of {allowed:?}"
                );
                count += 1;
            }
            moment += 1;
        }
        moment = acknowledged;
        before = after;
    }
    count
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]
    #[test]
    fn a_crash_leaves_the_old_or_the_new(ops in prop::collection::vec(op(), 1..4)) {
        prop_assert!(check(&ops) > 0);
    }
}

#[test]
fn each_operation_survives_a_crash_at_each_step() {
    // Replaying is only worth something if there are many different disks to look at.
    for (op, images_min) in [
        (Op::Replace("a", 5), 10),
        (Op::Replace("b", 5), 10),
        (Op::Replace("sub/a", 5), 10),
        (Op::CreateNew("b", 5), 10),
        (Op::CreateNew("a", 5), 10),
        (Op::Rename("a", "b"), 4),
        (Op::Rename("a", "sub/a"), 5),
        (Op::Remove("a"), 4),
    ] {
        let images = check(&[op]);
        assert!(images >= images_min, "{op:?} gave {images} images");
    }
}

#[test]
fn a_made_directory_and_what_was_put_into_it_stay() {
    let (_temp, dir) = scratch();
    let (dir, recorder) = Recorder::attach(&dir);
    let sub = dir.private_subdir("sub").unwrap();
    sub.replace("file", b"content").unwrap();
    let images = recorder.crash_images(recorder.steps());
    for image in &images {
        assert_eq!(image.read("sub/file"), Some(b"content".as_slice()));
    }
    assert!(!images.is_empty());
}

#[test]
fn after_a_crash_a_sweep_leaves_only_what_was_named() {
    let (temp, dir) = scratch();
    std::fs::write(temp.path().join("a"), b"old").unwrap();
    let (dir, recorder) = Recorder::attach(&dir);
    dir.replace("a", b"new").unwrap();
    dir.create_new("b", b"made").unwrap();
    let mut swept = 0;
    for moment in 0..=recorder.steps() {
        for image in recorder.crash_images(moment) {
            let (temp, dir) = scratch();
            image.lay_out(temp.path());
            swept += dir.sweep_staged().unwrap();
            let left: Vec<_> = dir.entries().unwrap().into_iter().map(|entry| entry.name).collect();
            let content = dir.read_bounded("a", 9).unwrap();
            assert!(left == ["a"] || left == ["a", "b"], "{left:?}");
            assert!(content == b"old" || content == b"new", "{content:?}");
        }
    }
    assert!(swept > 0, "some of the crashes leave something to sweep");
}
