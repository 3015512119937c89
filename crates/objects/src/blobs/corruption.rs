//! Files of blobs are spoiled many thousand times, at random, and every blob that could be concerned is read each time:
//! what was put comes back, or an error, and never anything else.

use std::fmt;
use std::path::PathBuf;

use casemate_fs::Dir;
use casemate_model::{Digest, Project};
use tempfile::TempDir;

use super::{BlobStore, Blobs, PieceKey, packed_path_of, path_of};
use crate::{Encryption, ObjectsError};

/// How often files are spoiled, unless `CASEMATE_TEST_CORRUPTIONS` says so; the acceptance step of CI does it 100,000 times.
/// One thread's files are encrypted, the other's not. Content is small here; the damage of large content is in `objects/tests/large.rs`.
const CORRUPTIONS: u64 = 10_000;

#[test]
fn what_is_kept_in_memory_is_served_and_hides_no_damage_from_a_check() {
    let scratch = TempDir::new().unwrap();
    let root = Dir::open_private(&scratch.path().join("objects")).unwrap();
    let open = || {
        let store = BlobStore::open(&root, 1, PieceKey::new([1; 32]), None).unwrap();
        store.of(&Project::default_project()).unwrap()
    };
    let blobs = open();
    let content: Vec<u8> =
        (0..100_000).flat_map(|line| format!("line {line} of a text\n").into_bytes()).collect();
    let mut staged = blobs.stage().unwrap();
    staged.push(&content).unwrap();
    let (digest, _) = staged.commit(None).unwrap();
    let packed = blobs.pack(&digest, &[]).unwrap().unwrap();
    let proof = packed.proof;
    blobs.put_packed(&digest, packed).unwrap();
    blobs.check_packed(&digest, proof).unwrap();
    blobs.remove_whole(&digest).unwrap();

    let path = scratch.path().join("objects/content/default").join(packed_path_of(&digest));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(read(&blobs, &digest).unwrap() == content, "it was checked before it was kept");
    let corrupt = |result| matches!(result, Err(ObjectsError::Corrupt { digest: found }) if found == digest);
    assert!(corrupt(blobs.check_packed(&digest, proof)), "what is on the disk is not what was compared");
    assert!(corrupt(blobs.verify(&digest).map(drop)));
    let anew = open();
    assert!(corrupt(read(&anew, &digest).map(drop)));

    blobs.remove(&digest).unwrap();
    assert!(matches!(read(&blobs, &digest), Err(ObjectsError::BlobMissing { .. })));
}

#[test]
fn whatever_is_done_to_the_files_no_wrong_byte_is_served() {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = asked("CASEMATE_TEST_CORRUPTIONS").unwrap_or(CORRUPTIONS);
    let seed = asked("CASEMATE_TEST_SEED").unwrap_or_else(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one("seed")
    });
    println!("{count} corruptions, CASEMATE_TEST_SEED={seed}");
    let threads = std::thread::available_parallelism().map_or(1, |found| found.get() as u64).clamp(2, 4);
    let counts = std::thread::scope(|scope| {
        let part = |thread| {
            let encrypted = thread % 2 == 1;
            scope.spawn(move || spoil_often(Noise(seed ^ (thread << 60)), count.div_ceil(threads), encrypted))
        };
        let running: Vec<_> = (0..threads).map(part).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let total = counts.into_iter().fold(Counts::default(), Counts::add);
    println!("{total}");
    assert!(total.corruptions >= count);
    assert_eq!(total.wrong, 0, "seed {seed}: {total}");
    // Most damage must be seen, or the test would not be one: only bits that mean nothing pass.
    assert!(total.refused > total.corruptions / 2, "seed {seed}: {total}");
}

/// What came of reading after corruptions.
#[derive(Default)]
struct Counts {
    corruptions: u64,
    reads: u64,
    refused: u64,
    wrong: u64,
}

impl Counts {
    fn add(self, other: Self) -> Self {
        Self {
            corruptions: self.corruptions + other.corruptions,
            reads: self.reads + other.reads,
            refused: self.refused + other.refused,
            wrong: self.wrong + other.wrong,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { corruptions, reads, refused, wrong } = self;
        write!(f, "{corruptions} corruptions, {reads} reads: {refused} refused, {wrong} wrong")
    }
}

fn spoil_often(mut noise: Noise, count: u64, encrypted: bool) -> Counts {
    let store = Store::new(&mut noise, encrypted);
    let mut counts = Counts::default();
    for _ in 0..count {
        let spoiled = store.spoil(&mut noise);
        counts.corruptions += 1;
        let blobs = store.open_as_is();
        for blob in store.concerned(&spoiled) {
            counts.reads += 1;
            match read(&blobs, &blob.digest()) {
                Ok(content) if content == blob.content => {}
                Ok(_) => counts.wrong += 1,
                Err(ObjectsError::Corrupt { .. } | ObjectsError::BlobMissing { .. }) => counts.refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        for index in spoiled {
            std::fs::write(&store.files[index].path, &store.files[index].bytes).unwrap();
        }
    }
    counts
}

fn read(blobs: &Blobs, digest: &Digest) -> Result<Vec<u8>, ObjectsError> {
    let mut content = Vec::new();
    blobs.open_verified(digest)?.read_pieces(|piece| {
        content.extend_from_slice(&piece);
        Ok(())
    })?;
    Ok(content)
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to less than `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

struct Blob {
    content: Vec<u8>,
    base: Option<Digest>,
}

impl Blob {
    fn digest(&self) -> Digest {
        Digest::of(&self.content)
    }
}

struct StoredFile {
    digest: Digest,
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A directory with blobs of all forms.
struct Store {
    root: Dir,
    encryption: Option<Encryption>,
    blobs: Vec<Blob>,
    files: Vec<StoredFile>,
    scratch: TempDir,
}

impl Store {
    /// Two families of versions, of which one has a whole base and one a packed one, and blobs that stand alone.
    fn new(noise: &mut Noise, encrypted: bool) -> Self {
        let scratch = TempDir::new().unwrap();
        let root = Dir::open_private(&scratch.path().join("objects")).unwrap();
        let encryption = encrypted.then(|| Encryption::of_tests(&root));
        let stored = BlobStore::open(&root, 1, PieceKey::new([1; 32]), encryption.clone()).unwrap();
        let stored = stored.of(&Project::default_project()).unwrap();
        let random = noise.bytes(6_000);
        let text: Vec<u8> =
            (0..300).flat_map(|line| format!("line {line} of a text\n").into_bytes()).collect();
        let mut store = Self { root, encryption, blobs: Vec::new(), files: Vec::new(), scratch };
        for first in [random, text] {
            let base = store.put(&stored, first.clone(), None);
            for _ in 0..4 {
                let mut version = first.clone();
                let at = noise.below(version.len());
                version.splice(at..at, noise.bytes(20));
                store.put(&stored, version, Some(base));
            }
        }
        for length in [0, 1, 64, 4_096] {
            store.put(&stored, noise.bytes(length), None);
        }
        let (whole, packed): (Vec<_>, Vec<_>) =
            store.files.iter().partition(|file| file.path.extension().is_none());
        assert_eq!((whole.len(), packed.len()), (5, 9), "all forms are there");
        assert_eq!(store.blobs.iter().filter(|blob| blob.base.is_some()).count(), 8);
        store
    }

    fn put(&mut self, stored: &Blobs, content: Vec<u8>, base: Option<Digest>) -> Digest {
        let mut staged = stored.stage().unwrap();
        staged.push(&content).unwrap();
        let (digest, _) = staged.commit(None).unwrap();
        let packed =
            if content.len() > 1_000 { stored.pack(&digest, base.as_slice()).unwrap() } else { None };
        let mut path = path_of(&digest);
        if let Some(packed) = packed {
            assert_eq!(packed.base, base);
            stored.put_packed(&digest, packed).unwrap();
            stored.remove_whole(&digest).unwrap();
            path = packed_path_of(&digest);
        }
        let path = self.scratch.path().join("objects/content/default").join(path);
        let bytes = std::fs::read(&path).unwrap();
        self.files.push(StoredFile { digest, path, bytes });
        self.blobs.push(Blob { content, base });
        digest
    }

    /// Opened anew, so that no base is remembered from before.
    fn open_as_is(&self) -> Blobs {
        let store = BlobStore::open_as_is(&self.root, self.encryption.clone()).unwrap().unwrap();
        store.existing(&Project::default_project()).unwrap()
    }

    /// Does harm to one file or two, and returns which.
    fn spoil(&self, noise: &mut Noise) -> Vec<usize> {
        let index = noise.below(self.files.len());
        let file = &self.files[index];
        match noise.below(8) {
            0 => {
                let other = noise.below(self.files.len());
                std::fs::write(&file.path, &self.files[other].bytes).unwrap();
                std::fs::write(&self.files[other].path, &file.bytes).unwrap();
                if other == index { self.spoil(noise) } else { vec![index, other] }
            }
            1 => {
                // A blob and what it may be a difference to, both.
                let base = self.blobs[index].base;
                let other = self.files.iter().position(|file| Some(file.digest) == base).unwrap_or(index);
                for index in [index, other] {
                    std::fs::write(&self.files[index].path, harmed(&self.files[index].bytes, noise)).unwrap();
                }
                vec![index, other]
            }
            _ => {
                std::fs::write(&file.path, harmed(&file.bytes, noise)).unwrap();
                vec![index]
            }
        }
    }

    /// Blobs that need one of the files.
    fn concerned(&self, spoiled: &[usize]) -> impl Iterator<Item = &Blob> {
        let digests: Vec<_> = spoiled.iter().map(|index| self.files[*index].digest).collect();
        self.blobs.iter().filter(move |blob| {
            digests.contains(&blob.digest()) || blob.base.is_some_and(|base| digests.contains(&base))
        })
    }
}

/// Other bytes than these.
fn harmed(sound: &[u8], noise: &mut Noise) -> Vec<u8> {
    loop {
        let mut bytes = sound.to_vec();
        let at = noise.below(bytes.len());
        let end = (at + 1 + noise.below(600)).min(bytes.len());
        match noise.below(8) {
            0 | 1 if !bytes.is_empty() => {
                for _ in 0..=noise.below(3) {
                    let at = noise.below(bytes.len());
                    bytes[at] ^= 1 << noise.below(8);
                }
            }
            2 => bytes.truncate(at),
            3 => {
                let length = 1 + noise.below(100);
                bytes.extend(noise.bytes(length));
            }
            4 if !bytes.is_empty() => bytes[at..end].fill(0),
            5 if !bytes.is_empty() => {
                let other = noise.bytes(end - at);
                bytes[at..end].copy_from_slice(&other);
            }
            6 => drop(bytes.drain(at.min(end)..end)),
            _ => {
                let piece = bytes[at.min(end)..end].to_vec();
                let to = noise.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
        }
        if bytes != sound {
            return bytes;
        }
    }
}
