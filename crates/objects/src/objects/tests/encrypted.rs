//! Content that is encrypted, and content of several projects.

use casemate_encryption::{KeyFileError, MasterKey};

use super::*;
use crate::{CompletedPart, EncryptionError, KeyChange, KeyPlaces, MasterKeys, NewPart, UploadRecord};

/// Found in everything that is stored here, unless it is encrypted.
const MARK: &[u8] = b"nobody else is to read this line\n";

fn masters(current: Option<&str>, former: Option<&str>) -> MasterKeys {
    let key = |digits: &str| MasterKey::parse(&digits.repeat(32)).unwrap();
    MasterKeys { current: current.map(key), former: former.map(key) }
}

impl World {
    fn encrypted() -> Self {
        Self::with_encryption(TempDir::new().unwrap(), Encryption::of_tests)
    }

    /// A store over what lies in `scratch`, with a new catalog.
    fn with_encryption(scratch: TempDir, encryption: impl FnOnce(&Dir) -> Encryption) -> Self {
        let directory = Dir::open_private(&scratch.path().join("objects")).unwrap();
        let encryption = Some(encryption(&directory));
        let catalog = Arc::new(MemoryCatalog::default());
        let settings = Settings { object_bytes_max: 64 << 20, encryption, ..settings(1) };
        let objects = Objects::open(&directory, catalog.clone(), settings).unwrap();
        Self { objects, catalog, clock: ManualClock::new(), scratch }
    }

    /// The files of the store that hold `text`, and how many files there are.
    fn files_with(&self, text: &[u8]) -> (Vec<std::path::PathBuf>, usize) {
        let (mut found, mut count) = (Vec::new(), 0);
        let mut directories = vec![self.scratch.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    directories.push(entry.path());
                    continue;
                }
                count += 1;
                let bytes = std::fs::read(entry.path()).unwrap();
                if bytes.windows(text.len()).any(|window| window == text) {
                    found.push(entry.path());
                }
            }
        }
        (found, count)
    }

    async fn put_of(&self, project: &Project, content: &[u8]) -> StoredBlob {
        let hold = self.objects.hold().await;
        self.objects.put_blob(&hold, project, Bytes::copy_from_slice(content)).await.unwrap()
    }
}

#[tokio::test]
async fn nothing_that_is_stored_lies_readable_on_the_disk() {
    let world = World::encrypted();
    let small = MARK.repeat(3);
    // Noise between the lines, so that the line is in the packed form as it is.
    let large: Vec<u8> = (0..100).flat_map(|at| [noise(at, 100_000), MARK.to_vec()].concat()).collect();
    let mut version = large.clone();
    version.splice(5_000_000..5_000_000, MARK.repeat(2));
    for (key, content) in [("small", &small), ("large/1", &large)] {
        world.put(key, content, None).await.unwrap();
    }
    world.pack().await;
    world.put("large/2", &version, None).await.unwrap();
    let upload = world.upload_with_part(&MARK.repeat(1_000)).await;
    assert_eq!(world.files_with(MARK).0, [] as [std::path::PathBuf; 0]);
    world.pack().await;
    assert_eq!(world.packing_of(&version).await.base, Some(Digest::of(&large)));
    let (found, count) = world.files_with(MARK);
    assert_eq!(found, [] as [std::path::PathBuf; 0]);
    // Key, small, large with its pieces, version packed with its pieces, the part.
    assert_eq!(count, 7);

    for (key, content) in [("small", &small), ("large/1", &large), ("large/2", &version)] {
        assert!(world.get(key).await.unwrap() == *content, "{key}");
    }
    let named = [CompletedPart { number: 1, etag: upload.1.to_string(), checksums: Default::default() }];
    let rule = (PutRule::default(), |_: &[_]| Ok(Default::default()));
    let (permit, stamp) = (World::permit(), world.stamp());
    let done = world.objects.complete_upload(&permit, (&upload.0, &named), rule, stamp, |_| world.event());
    assert_eq!(done.await.unwrap().digest, Digest::of(&MARK.repeat(1_000)));
    assert_eq!(world.files_with(MARK).0, [] as [std::path::PathBuf; 0]);
}

impl World {
    async fn upload_with_part(&self, content: &[u8]) -> (UploadRecord, ETag) {
        let place = Place { project: Project::default_project(), bucket: bucket(), key: object_key("parts") };
        let now = self.clock.now();
        let upload = UploadRecord {
            id: casemate_model::UploadId::generate(now, &CountingEntropy::default()),
            place,
            media_type: "text/plain".to_owned(),
            attributes: Attributes::default(),
            begun: now,
        };
        self.objects.begin_upload(&Self::permit(), &upload, self.event()).await.unwrap();
        let part = NewPart { upload: &upload, number: 1, expected_md5: None, now };
        let body = stream::iter([Ok::<_, Infallible>(Bytes::copy_from_slice(content))]);
        let part = self.objects.put_part(&Self::permit(), part, body, Default::default).await.unwrap();
        (upload, part.etag)
    }
}

#[tokio::test]
async fn the_same_content_of_two_projects_is_two_blobs_and_neither_serves_as_the_other() {
    let world = World::encrypted();
    let (ours, theirs) = (Project::default_project(), "other".parse::<Project>().unwrap());
    let stored = world.put_of(&ours, MARK).await;
    world.put_of(&theirs, MARK).await;
    let path = |project: &Project| {
        let hex = stored.digest.to_hex();
        let directory = world.scratch.path().join("objects/content").join(project.as_str());
        directory.join(&hex[..2]).join(&hex[2..4]).join(hex)
    };
    let (our_file, their_file) = (std::fs::read(path(&ours)).unwrap(), std::fs::read(path(&theirs)).unwrap());
    assert_ne!(our_file, their_file);
    std::fs::write(path(&ours), &their_file).unwrap();
    let opened = world.objects.open_verified(blob(stored.digest)).await;
    assert!(matches!(opened, Err(ObjectsError::Corrupt { digest }) if digest == stored.digest));
    assert!(world.objects.set_aside(&blob(stored.digest)).await.unwrap());
    // What is damaged in one project is sound in the other.
    let other = world.objects.open_verified(BlobId::new(&theirs, stored.digest)).await.unwrap();
    assert_eq!(other.size_bytes(), MARK.len() as u64);
    let ours = world.objects.open_verified(blob(stored.digest)).await;
    assert!(matches!(ours, Err(ObjectsError::BlobMissing { .. })));
}

#[tokio::test]
async fn what_was_stored_before_there_was_a_key_stays_readable_whatever_it_looks_like() {
    let plain = World::new();
    // Its start is that of an encrypted file, which is nothing without the key.
    let alike = [b"CASEENCR\x01\0\0\0\0\0\0\0".as_slice(), &noise(4, 200)].concat();
    for content in [MARK, &alike] {
        plain.put_of(&Project::default_project(), content).await;
    }
    let world = World::with_encryption(plain.scratch, Encryption::of_tests);
    for content in [MARK, &alike] {
        let opened = world.objects.open_verified(blob(Digest::of(content))).await.unwrap();
        assert_eq!(opened.into_sealed(1_000).unwrap().read_all().unwrap(), content);
    }
}

#[tokio::test]
async fn the_key_is_wrapped_anew_and_content_stays_as_it_is() {
    let scratch = TempDir::new().unwrap();
    let directory = Dir::open_private(&scratch.path().join("objects")).unwrap();
    let entropy: Arc<dyn casemate_model::Entropy> = Arc::new(CountingEntropy::default());
    let secrets = Dir::open_private(&scratch.path().join("secrets")).unwrap();
    let places = KeyPlaces { objects: &directory, secrets: Some(&secrets) };
    let ahead = |masters: &MasterKeys| KeyChange::ahead(places, masters).unwrap();
    let open = |masters: &MasterKeys| Encryption::open(places, masters, &entropy);
    assert!(open(&masters(None, Some("aa"))).unwrap().is_none(), "nothing is encrypted here");
    assert_eq!(ahead(&masters(Some("aa"), None)), Some(KeyChange::Made));
    let first = open(&masters(Some("aa"), None)).unwrap().unwrap();
    assert_eq!(ahead(&masters(Some("aa"), None)), None);
    let world = World::with_encryption(scratch, |_| first);
    world.put("a", MARK, None).await.unwrap();
    let file = std::fs::read(world.path_of(MARK)).unwrap();

    let exchanged = masters(Some("bb"), Some("aa"));
    assert_eq!(ahead(&exchanged), Some(KeyChange::Rewrapped));
    let again = open(&exchanged).unwrap().unwrap();
    assert_eq!(ahead(&exchanged), None);
    assert_eq!(std::fs::read(world.path_of(MARK)).unwrap(), file, "content is not touched");
    let later = World::with_encryption(world.scratch, |_| again);
    let opened = later.objects.open_verified(blob(Digest::of(MARK))).await.unwrap();
    assert_eq!(opened.size_bytes(), MARK.len() as u64);

    let refused = open(&masters(Some("aa"), None)).unwrap_err();
    assert!(matches!(refused, EncryptionError::Key(KeyFileError::OtherKey { .. })), "{refused:?}");
    let refused = open(&masters(None, None)).unwrap_err();
    assert!(matches!(refused, EncryptionError::NoMasterKey), "{refused:?}");
}

#[tokio::test]
async fn content_without_its_root_key_is_not_given_another_one() {
    let scratch = TempDir::new().unwrap();
    let objects = Dir::open_private(&scratch.path().join("objects")).unwrap();
    let secrets = Dir::open_private(&scratch.path().join("secrets")).unwrap();
    let places = KeyPlaces { objects: &objects, secrets: Some(&secrets) };
    let entropy: Arc<dyn casemate_model::Entropy> = Arc::new(CountingEntropy::default());
    let keys = masters(Some("aa"), None);
    Encryption::open(places, &keys, &entropy).unwrap();
    let key_file = scratch.path().join("objects/encryption.key");
    let kept = std::fs::read(&key_file).unwrap();
    std::fs::remove_file(&key_file).unwrap();
    for keys in [&keys, &masters(None, None)] {
        let refused = Encryption::open(places, keys, &entropy).unwrap_err();
        assert!(matches!(refused, EncryptionError::RootKeyMissing), "{refused:?}");
        let refused = Encryption::open_as_is(places, keys, &entropy).unwrap_err();
        assert!(matches!(refused, EncryptionError::RootKeyMissing), "{refused:?}");
    }
    assert!(!key_file.exists());

    // The key of another node, under the same master key.
    Encryption::open(KeyPlaces { secrets: None, ..places }, &keys, &entropy).unwrap();
    let refused = Encryption::open(places, &keys, &entropy).unwrap_err();
    assert!(matches!(refused, EncryptionError::OtherRootKey), "{refused:?}");
    std::fs::write(&key_file, &kept).unwrap();
    assert!(Encryption::open(places, &keys, &entropy).unwrap().is_some());
    // Secrets from before there was a key are told of it.
    std::fs::remove_file(scratch.path().join("secrets/encryption.id")).unwrap();
    Encryption::open(places, &keys, &entropy).unwrap();
    assert!(scratch.path().join("secrets/encryption.id").exists());
}
