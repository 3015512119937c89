use std::convert::Infallible;
use std::time::Duration;

use casemate_ledger::Decision;
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{Clock, Principal, PrincipalKind, RequestId};
use casemate_policy::{Operation, Resource, authorize};
use futures_util::stream;
use tempfile::TempDir;

use super::*;
use crate::Packing;
use crate::blobs::Blobs;
use crate::test_support::MemoryCatalog;

pub(crate) struct World {
    pub(crate) objects: Objects,
    pub(crate) catalog: Arc<MemoryCatalog>,
    pub(crate) clock: ManualClock,
    pub(crate) scratch: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(settings(1))
    }

    fn with(settings: Settings) -> Self {
        let scratch = TempDir::new().unwrap();
        let directory = Dir::open_private(&scratch.path().join("objects")).unwrap();
        let catalog = Arc::new(MemoryCatalog::default());
        let objects = Objects::open(&directory, catalog.clone(), settings).unwrap();
        Self { objects, catalog, clock: ManualClock::new(), scratch }
    }

    pub(crate) fn permit<O: Operation>() -> Permit<O> {
        let home = Project::default_project();
        authorize(&Principal::local_user(0, home.clone()), &home, &Resource::all("objects")).unwrap()
    }

    pub(crate) fn event(&self) -> Event {
        Event {
            time: self.clock.now(),
            request: RequestId::generate(self.clock.now(), &CountingEntropy::default()),
            actor: PrincipalKind::Node,
            project: Project::default_project(),
            action: "test".into(),
            resource: String::new(),
            decision: Decision::Allowed,
            outcome: String::new(),
            details: Vec::new(),
        }
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        content: &[u8],
        expected: Option<Digest>,
    ) -> Result<ObjectRecord, ObjectsError> {
        let pieces: Vec<_> = content
            .chunks(7.max(content.len() / 64))
            .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
            .collect();
        let new = Self::new_object(key, expected);
        let body = stream::iter(pieces);
        self.objects.put(&Self::permit(), new, body, self.stamp(), |_| self.event()).await
    }

    fn new_object(key: &str, expected: Option<Digest>) -> NewObject {
        NewObject {
            bucket: bucket(),
            key: object_key(key),
            media_type: "text/plain".to_owned(),
            expected,
            attributes: Attributes::default(),
            rule: PutRule::default(),
            with_md5: true,
            expected_md5: None,
        }
    }

    pub(crate) fn stamp(&self) -> Stamp {
        let now = self.clock.now();
        Stamp { now, version: VersionId::generate(now, &CountingEntropy::default()) }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Vec<u8>, ObjectsError> {
        let (_, blob) = self
            .objects
            .get(&Self::permit(), (&bucket(), &object_key(key)), Version::Latest, |_| true)
            .await?;
        let mut content = Vec::new();
        blob.expect("it was wanted").read_pieces(|piece| {
            content.extend_from_slice(&piece);
            Ok(())
        })?;
        Ok(content)
    }

    pub(crate) async fn delete(&self, key: &str) {
        let (bucket, key) = (bucket(), object_key(key));
        let marker = self.stamp().version;
        let place = Place { project: Project::default_project(), bucket, key };
        self.objects
            .delete(&Self::permit(), &place, (&Before::Anything, marker), self.event())
            .await
            .unwrap();
    }

    /// Where the blob of `content` lies, which only a test may know.
    pub(crate) fn path_of(&self, content: &[u8]) -> std::path::PathBuf {
        let hex = Digest::of(content).to_hex();
        self.scratch.path().join("objects/content/default").join(&hex[..2]).join(&hex[2..4]).join(hex)
    }

    /// The files, for states that no store would make.
    pub(crate) fn blobs(&self) -> Blobs {
        self.objects.blobs.of(&Project::default_project()).unwrap()
    }

    fn staged_files(&self) -> usize {
        let entries = std::fs::read_dir(self.scratch.path().join("objects/content/default")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file()).count()
    }
}

fn settings(free_bytes_min: u64) -> Settings {
    Settings {
        object_bytes_max: 1_000_000,
        free_bytes_min,
        quota: ProjectQuota::default(),
        piece_key: PieceKey::new([1; 32]),
        encryption: None,
    }
}

/// Content of the default project.
pub(crate) fn blob(digest: Digest) -> BlobId {
    BlobId::new(&Project::default_project(), digest)
}

pub(crate) fn bucket() -> BucketName {
    "builds".parse().unwrap()
}

pub(crate) fn object_key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

mod encrypted;
mod kinds;
mod large;
mod packed;
mod uploads;

#[tokio::test]
async fn what_is_put_is_what_is_got() {
    let world = World::new();
    for content in [&b""[..], b"x", &[7; 100_000]] {
        let record = world.put("a", content, Some(Digest::of(content))).await.unwrap();
        assert_eq!((record.digest, record.size_bytes), (Digest::of(content), content.len() as u64));
        assert_eq!(world.get("a").await.unwrap(), content);
    }
    assert_eq!(world.catalog.events.lock().unwrap().len(), 3, "each put was recorded");
}

#[tokio::test]
async fn an_upload_that_is_not_what_it_claims_leaves_nothing() {
    let world = World::new();
    let mismatch = world.put("a", b"one", Some(Digest::of(b"two"))).await;
    assert!(matches!(mismatch, Err(ObjectsError::DigestMismatch { .. })));
    let large = world.put("a", &vec![0; 1_000_001], None).await;
    assert!(matches!(large, Err(ObjectsError::TooLarge { bytes_max: 1_000_000 })));
    let broken = stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("gone"))]);
    let new = World::new_object("a", None);
    let permit = World::permit();
    let broken = world.objects.put(&permit, new, broken, world.stamp(), |_| world.event()).await;
    assert!(matches!(broken, Err(ObjectsError::UploadBroken { .. })));

    assert!(matches!(world.get("a").await, Err(ObjectsError::NotFound { .. })));
    assert_eq!(world.staged_files(), 0);
    assert_eq!(world.catalog.events.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn damage_is_found_set_aside_never_served_and_healed_by_a_new_upload() {
    let world = World::new();
    let content = vec![7; 50_000];
    world.put("a", &content, None).await.unwrap();
    for (number, change) in ["flip", "cut", "grow", "swap"].into_iter().enumerate() {
        let path = world.path_of(&content);
        let mut bytes = content.clone();
        match change {
            "flip" => bytes[31_000] ^= 1,
            "cut" => bytes.truncate(49_999),
            "grow" => bytes.push(0),
            _ => bytes = b"other content".to_vec(),
        }
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(world.get("a").await, Err(ObjectsError::Corrupt { .. })), "{change}");
        assert!(world.objects.set_aside(&blob(Digest::of(&content))).await.unwrap(), "{change}");
        assert!(!path.exists(), "{change}: set aside");
        // What was set aside before stays.
        let name = format!("default.{}", Digest::of(&content).to_hex());
        let name = name + &if number == 0 { String::new() } else { format!(".{number}") };
        let quarantined = world.scratch.path().join("objects/quarantine").join(name);
        assert_eq!(std::fs::read(quarantined).unwrap(), bytes, "{change}: kept to be looked at");
        assert!(matches!(world.get("a").await, Err(ObjectsError::BlobMissing { .. })), "{change}");

        world.put("b", &content, None).await.unwrap();
        assert_eq!(world.get("a").await.unwrap(), content, "{change}: healed");
    }
}

#[tokio::test]
async fn a_blob_is_never_followed_through_a_link() {
    let world = World::new();
    world.put("a", b"content", None).await.unwrap();
    let path = world.path_of(b"content");
    let secret = world.scratch.path().join("secret");
    std::fs::write(&secret, b"content").unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&secret, &path).unwrap();
    assert!(matches!(world.get("a").await, Err(ObjectsError::Corrupt { .. })));
}

#[tokio::test]
async fn content_goes_when_nothing_refers_to_it_and_not_before() {
    let world = World::new();
    world.put("a", b"shared", None).await.unwrap();
    world.put("b", b"shared", None).await.unwrap();
    let later = || world.clock.now().saturating_add(Duration::from_secs(1));

    world.delete("a").await;
    assert_eq!(world.objects.collect(later()).await.unwrap(), 0);
    assert_eq!(world.get("b").await.unwrap(), b"shared");

    world.delete("b").await;
    assert_eq!(world.objects.collect(world.clock.now()).await.unwrap(), 0, "within its grace");
    assert_eq!(world.objects.collect(later()).await.unwrap(), 1);
    assert!(!world.path_of(b"shared").exists());
}

#[tokio::test]
async fn content_that_is_held_is_not_collected() {
    let world = World::new();
    world.put("a", b"held", None).await.unwrap();
    world.delete("a").await;
    let hold = world.objects.hold().await;
    let stored = world
        .objects
        .put_blob(&hold, &Project::default_project(), Bytes::from_static(b"held"))
        .await
        .unwrap();
    assert_eq!(stored, StoredBlob { digest: Digest::of(b"held"), size_bytes: 4 });
    let (objects, later) = (world.objects.clone(), world.clock.now().saturating_add(Duration::from_secs(1)));
    let collecting = tokio::spawn(async move { objects.collect(later).await });
    // The collection stands in line for the lock now, and more is stored under the same hold all the same.
    while world.objects.referring.try_read().is_ok() {
        tokio::task::yield_now().await;
    }
    world.objects.put_blob(&hold, &Project::default_project(), Bytes::from_static(b"more")).await.unwrap();
    assert!(world.path_of(b"held").exists() && !collecting.is_finished());
    drop(hold);
    assert_eq!(collecting.await.unwrap().unwrap(), 1, "nothing came to refer to it");
}

#[tokio::test]
async fn files_without_a_row_go_and_others_stay() {
    let world = World::new();
    world.put("a", b"kept", None).await.unwrap();
    let hold = world.objects.hold().await;
    world
        .objects
        .put_blob(&hold, &Project::default_project(), Bytes::from_static(b"a crash came before the row"))
        .await
        .unwrap();
    drop(hold);
    assert_eq!(world.objects.collect_orphans().await.unwrap(), 1);
    assert!(!world.path_of(b"a crash came before the row").exists());
    assert_eq!(world.get("a").await.unwrap(), b"kept");
    assert_eq!(world.objects.collect_orphans().await.unwrap(), 0);
}

#[tokio::test]
async fn what_nothing_refers_to_yet_is_looked_for_before_something_does() {
    let world = World::new();
    let (project, given) = (Project::default_project(), blob(Digest::of(b"given")));
    let put = async |bytes_max, body: &'static [u8]| {
        let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(body))]);
        world.objects.put_loose_blob(&project, (given.digest, bytes_max), body).await
    };
    assert!(matches!(put(9, b"something").await, Err(ObjectsError::DigestMismatch { .. })));
    assert!(!world.path_of(b"something").exists(), "nothing is kept of what was not announced");
    assert!(matches!(put(4, b"given").await, Err(ObjectsError::TooLarge { bytes_max: 4 })));
    assert_eq!(put(5, b"given").await.unwrap(), StoredBlob { digest: given.digest, size_bytes: 5 });
    let is_there = async || {
        let hold = world.objects.hold().await;
        world.objects.is_there(&hold, &given).await.unwrap()
    };
    assert!(is_there().await);
    assert_eq!(world.objects.collect_orphans().await.unwrap(), 1);
    assert!(!is_there().await);
}

#[tokio::test]
async fn sound_content_is_never_set_aside() {
    let world = World::new();
    world.put("a", b"sound", None).await.unwrap();
    assert!(
        !world.objects.set_aside(&blob(Digest::of(b"sound"))).await.unwrap(),
        "whoever said it was damaged"
    );
    assert!(!world.objects.set_aside(&blob(Digest::of(b"absent"))).await.unwrap());
    assert_eq!(world.get("a").await.unwrap(), b"sound");
}

#[tokio::test]
async fn objects_leave_room_for_the_node() {
    let mut world = World::new();
    world.put("a", b"stored", None).await.unwrap();
    let directory = Dir::open_private(&world.scratch.path().join("objects")).unwrap();
    let settings = settings(u64::MAX);
    world.objects = Objects::open(&directory, world.catalog.clone(), settings).unwrap();
    assert!(matches!(world.put("b", b"refused", None).await, Err(ObjectsError::NoRoom { .. })));
    assert!(matches!(world.objects.check_directory().await, Err(ObjectsError::NoRoom { .. })));
    assert_eq!(world.get("a").await.unwrap(), b"stored");
}

#[tokio::test]
async fn a_directory_that_is_gone_or_moved_is_noticed_and_so_is_its_return() {
    let world = World::new();
    let root = Dir::open(world.scratch.path()).unwrap();
    world.objects.check_directory().await.unwrap();
    root.rename("objects", "elsewhere").unwrap();
    assert!(matches!(world.objects.check_directory().await, Err(ObjectsError::Files(_))));
    root.rename("elsewhere", "objects").unwrap();
    world.objects.check_directory().await.unwrap();
}

/// Text that hardly compresses, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let digests = (0_u64..)
        .flat_map(|count| *Digest::of(&[seed.to_be_bytes(), count.to_be_bytes()].concat()).as_bytes());
    digests.take(length).collect()
}

/// Two versions of something, the second with a change in its middle.
pub(crate) fn versions() -> (Vec<u8>, Vec<u8>) {
    let first = noise(1, 100_000);
    let mut second = first.clone();
    second.splice(50_000..50_010, noise(2, 30));
    (first, second)
}

impl World {
    pub(crate) fn packed_path_of(&self, content: &[u8]) -> std::path::PathBuf {
        self.path_of(content).with_extension("packed")
    }

    pub(crate) async fn pack(&self) -> u64 {
        self.objects.pack(self.clock.now(), 100).await.unwrap()
    }

    pub(crate) async fn packing_of(&self, content: &[u8]) -> Packing {
        self.objects.catalog.packing(&blob(Digest::of(content))).await.unwrap().expect("somebody has looked")
    }
}
