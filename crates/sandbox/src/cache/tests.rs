use super::*;
use casemate_model::Project;
use casemate_model::test_support::CountingEntropy;

const KEY: CodeKey = CodeKey([5; 32]);

struct Place {
    _root: tempfile::TempDir,
    sandbox: Dir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let sandbox = Dir::open_private(&root.path().join("sandbox")).unwrap();
        Self { _root: root, sandbox }
    }

    fn cache(&self, disk_bytes_max: u64) -> CodeCache {
        CodeCache::open(&self.sandbox, disk_bytes_max, &CountingEntropy::default()).unwrap()
    }
}

const NEEDS: Needs =
    Needs { component: true, command: true, handler: false, memory_bytes: 3, table_elements: 2, objects: 1 };

fn loaded(cache: &CodeCache, key: &CodeKey) -> Option<(Needs, Vec<u8>)> {
    cache.load(key).map(|code| (code.needs, code.bytes.read_all().unwrap()))
}

#[test]
fn code_survives_a_restart_under_the_same_key() {
    let place = Place::new();
    place.cache(1 << 20).store(&KEY, NEEDS, b"native code");
    assert_eq!(loaded(&place.cache(1 << 20), &KEY), Some((NEEDS, b"native code".to_vec())));
}

#[test]
fn one_flipped_bit_anywhere_is_refused_and_removed() {
    let place = Place::new();
    let cache = place.cache(1 << 20);
    cache.store(&KEY, NEEDS, b"native code");
    let whole = cache.directory.read_bounded(&file_name(&KEY), 1 << 20).unwrap();
    for index in 0..whole.len() {
        let mut file = whole.clone();
        file[index] ^= 1;
        cache.directory.replace(&file_name(&KEY), &file).unwrap();
        assert_eq!(loaded(&cache, &KEY), None, "byte {index}");
        assert!(cache.directory.read_bounded(&file_name(&KEY), 1 << 20).unwrap_err().is_not_found());
    }
    for len in 0..whole.len() {
        cache.directory.replace(&file_name(&KEY), &whole[..len]).unwrap();
        assert_eq!(loaded(&cache, &KEY), None, "cut to {len}");
    }
}

#[test]
fn a_file_of_another_module_or_another_node_is_refused() {
    let place = Place::new();
    let cache = place.cache(1 << 20);
    cache.store(&KEY, NEEDS, b"native code");
    let file = cache.directory.read_bounded(&file_name(&KEY), 1 << 20).unwrap();
    let other = CodeKey([6; 32]);
    cache.directory.replace(&file_name(&other), &file).unwrap();
    assert_eq!(loaded(&cache, &other), None);

    let elsewhere = Place::new();
    elsewhere.sandbox.replace(SEAL_FILE, &[9; SEAL_BYTES]).unwrap();
    let foreign = elsewhere.cache(1 << 20);
    foreign.directory.replace(&file_name(&KEY), &file).unwrap();
    assert_eq!(loaded(&foreign, &KEY), None);
}

#[test]
fn a_key_of_the_wrong_size_is_named() {
    let place = Place::new();
    place.sandbox.replace(SEAL_FILE, b"short").unwrap();
    let error = CodeCache::open(&place.sandbox, 1, &CountingEntropy::default()).map(|_| ()).unwrap_err();
    assert!(matches!(error, SandboxError::SealKey { .. }), "{error}");
}

#[test]
fn the_disk_stays_within_its_bound() {
    let place = Place::new();
    let cache = place.cache(3 * (HEADER_BYTES as u64 + 10));
    for byte in 0..10 {
        cache.store(&CodeKey([byte; 32]), NEEDS, &[byte; 10]);
        assert!(cache.directory.entries().unwrap().len() <= 3);
        assert_eq!(loaded(&cache, &CodeKey([byte; 32])), Some((NEEDS, vec![byte; 10])));
    }
}

#[test]
fn keys_tell_projects_modules_and_profiles_apart() {
    let place = Place::new();
    let cache = place.cache(1);
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let (one, two): (Project, Project) = ("one".parse().unwrap(), "two".parse().unwrap());
    assert_ne!(cache.key(&one, &a, Profile::Default), cache.key(&two, &a, Profile::Default));
    assert_eq!(cache.key(&one, &a, Profile::Default), cache.key(&one, &a, Profile::Default));
    assert_ne!(cache.key(&one, &a, Profile::Default), cache.key(&one, &b, Profile::Default));
    assert_ne!(cache.key(&one, &a, Profile::Default), cache.key(&one, &a, Profile::Det1));
}

#[test]
fn needs_name_the_limit_that_is_too_low() {
    let limits = RunLimits { memory_bytes: 3, table_elements: 2, instances: 1, ..RunLimits::DEFAULT };
    assert_eq!(NEEDS.beyond(&limits), None);
    assert_eq!(NEEDS.beyond(&RunLimits { memory_bytes: 2, ..limits }), Some(LimitKind::Memory));
    assert_eq!(NEEDS.beyond(&RunLimits { table_elements: 1, ..limits }), Some(LimitKind::TableElements));
    assert_eq!(NEEDS.beyond(&RunLimits { instances: 0, ..limits }), Some(LimitKind::Instances));
}
