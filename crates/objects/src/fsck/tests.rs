mod leftovers;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use casemate_model::test_support::CountingEntropy;
use casemate_model::{Clock, Digest, Project, UploadId};
use futures_util::stream;

use super::*;
use crate::blobs::inventory::{BaseFault, Form};
use crate::objects::tests::{World, blob, bucket, noise, object_key, versions};
use crate::{Attributes, BlobCatalog, NewPart, Packing, PartRecord, Place, UploadCatalog, UploadRecord};

impl World {
    async fn fsck(&self, repair: Repair) -> FsckReport {
        let root = Dir::open_private(&self.scratch.path().join("objects")).unwrap();
        let options = FsckOptions { repair, blobs_at_once: 3, now: self.clock.now() };
        let mut read = 0;
        let check = Fsck::open(&root, self.catalog.clone(), None, options).unwrap();
        let report = check.run(|bytes| read += bytes).await.unwrap();
        assert_eq!(read, report.bytes);
        report
    }

    /// Asserts that a check finds exactly `faults`, and leaves everything as it is.
    async fn finds(&self, faults: &[Fault]) {
        let before = tree(&self.objects_path());
        let report = self.fsck(Repair::Nothing).await;
        let found: Vec<_> = report.findings.iter().map(|finding| finding.fault.clone()).collect();
        assert_eq!(found, faults);
        assert!(report.findings.iter().all(|finding| finding.mending == Mending::None));
        assert_eq!(report.unmended, faults.len() as u64);
        assert_eq!(tree(&self.objects_path()), before, "a check changes nothing");
    }

    /// Repairs, and returns what was done; afterwards only `left` is still found.
    async fn mends(&self, left: &[&str]) -> Vec<Mending> {
        let report = self.fsck(Repair::FilesAndOrphans).await;
        let again = self.fsck(Repair::Nothing).await;
        let kinds: Vec<_> = again.findings.iter().map(|finding| finding.fault.kind()).collect();
        assert_eq!(kinds, left);
        report.findings.iter().map(|finding| finding.mending).collect()
    }

    fn objects_path(&self) -> PathBuf {
        self.scratch.path().join("objects")
    }

    /// Two versions of something, packed: the base, what is a difference to it, and the key of that.
    async fn packed() -> (Self, Vec<u8>, Vec<u8>, &'static str) {
        let world = Self::new();
        let (first, second) = versions();
        world.put("app/1", &first, None).await.unwrap();
        world.put("app/2", &second, None).await.unwrap();
        world.pack().await;
        if world.packing_of(&second).await.base.is_some() {
            (world, first, second, "app/2")
        } else {
            (world, second, first, "app/1")
        }
    }

    async fn begin(&self, seed: u64) -> UploadId {
        let place = Place { project: Project::default_project(), bucket: bucket(), key: object_key("big") };
        let (now, entropy) = (self.clock.now(), CountingEntropy::default());
        let id = (0..=seed).map(|_| UploadId::generate(now, &entropy)).last().unwrap();
        let (media_type, attributes) = ("text/plain".to_owned(), Attributes::default());
        let upload = UploadRecord { id, place, media_type, attributes, begun: now };
        self.objects.begin_upload(&Self::permit(), &upload, self.event()).await.unwrap();
        id
    }

    async fn put_part(&self, upload: UploadId, number: u32, content: &'static [u8]) -> PartRecord {
        let upload = &self.catalog.upload(upload).await.unwrap().unwrap();
        let part = NewPart { upload, number, expected_md5: None, now: self.clock.now() };
        let body = stream::iter([Ok::<_, Infallible>(Bytes::from_static(content))]);
        self.objects.put_part(&Self::permit(), part, body, BTreeMap::new).await.unwrap()
    }

    fn uploads_path(&self, id: UploadId) -> PathBuf {
        self.objects_path().join("uploads").join(id.to_string())
    }
}

/// Every file with its bytes.
fn tree(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.push((path.clone(), std::fs::read(path).unwrap_or_default()));
        }
    }
    files.sort();
    files
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn place(key: &str) -> Place {
    Place { project: Project::default_project(), bucket: bucket(), key: object_key(key) }
}

#[tokio::test]
async fn a_sound_store_has_no_findings() {
    let (world, ..) = World::packed().await;
    let upload = world.begin(0).await;
    world.put_part(upload, 1, b"part").await;
    let report = world.fsck(Repair::FilesAndOrphans).await;
    assert_eq!((report.blobs, report.parts, &report.findings[..]), (2, 1, &[][..]));
    assert_eq!(report.bytes, {
        let files = tree(&world.objects_path());
        files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
    });
    // A directory of which there is nothing is in order if nothing is written down.
    let world = World::new();
    std::fs::remove_dir_all(world.objects_path().join("content")).unwrap();
    std::fs::remove_dir_all(world.objects_path().join("uploads")).unwrap();
    world.finds(&[]).await;
}

#[tokio::test]
async fn missing_content_is_found_with_the_objects_that_had_it() {
    let world = World::new();
    for (key, content) in [("a", b"one"), ("b", b"two"), ("c", b"six"), ("d", b"one")] {
        world.put(key, content, None).await.unwrap();
    }
    std::fs::remove_file(world.path_of(b"one")).unwrap();
    let missing = Fault::Missing {
        blob: blob(Digest::of(b"one")),
        size_bytes: 3,
        places: vec![place("a"), place("d")],
    };
    assert!(
        missing
            .to_string()
            .ends_with("is missing; it is that of cm://builds/a in default, cm://builds/d in default")
    );
    world.finds(&[missing]).await;
    assert_eq!(world.mends(&["missing"]).await, [Mending::None]);
    world.put("anywhere", b"one", None).await.unwrap();
    world.finds(&[]).await;
}

#[tokio::test]
async fn damaged_content_is_found_and_set_aside() {
    for spoil in ["flip", "cut", "grow", "swap"] {
        let world = World::new();
        let content = noise(1, 5_000);
        world.put("a", &content, None).await.unwrap();
        world.put("b", b"sound", None).await.unwrap();
        let path = world.path_of(&content);
        match spoil {
            "flip" => flip(&path),
            "cut" => std::fs::write(&path, &content[..4_999]).unwrap(),
            "grow" => std::fs::write(&path, [&content[..], b"x"].concat()).unwrap(),
            _ => drop(std::fs::copy(world.path_of(b"sound"), &path).unwrap()),
        }
        let digest = Digest::of(&content);
        let places = vec![place("a")];
        world
            .finds(&[Fault::Damaged { blob: blob(digest), form: Form::Whole, readable: false, places }])
            .await;
        let damaged = std::fs::read(&path).unwrap();
        assert_eq!(world.mends(&["missing"]).await, [Mending::SetAsideAndMissing], "{spoil}");
        let report = world.fsck(Repair::Nothing).await;
        let aside =
            SetAside { file: format!("default.{}", digest.to_hex()), size_bytes: damaged.len() as u64 };
        assert_eq!(report.set_aside, [aside], "listed, and no finding of its own");
        assert_eq!(
            std::fs::read(
                world.objects_path().join("quarantine").join(format!("default.{}", digest.to_hex()))
            )
            .unwrap(),
            damaged
        );
        assert_eq!(world.get("b").await.unwrap(), b"sound");
    }
}

#[tokio::test]
async fn a_damaged_packed_form_is_found_and_set_aside() {
    let (world, _, packed, key) = World::packed().await;
    flip(&world.packed_path_of(&packed));
    let (digest, places) = (Digest::of(&packed), vec![place(key)]);
    world.finds(&[Fault::Damaged { blob: blob(digest), form: Form::Packed, readable: false, places }]).await;
    assert_eq!(world.mends(&["missing"]).await, [Mending::SetAsideAndMissing]);
    world.put(key, &packed, None).await.unwrap();
    world.finds(&[]).await;
}

#[tokio::test]
async fn of_two_forms_the_sound_one_stays_and_is_served() {
    for damaged in [Form::Whole, Form::Packed] {
        let (world, base, packed, key) = World::packed().await;
        let noted = world.packing_of(&packed).await;
        std::fs::write(world.path_of(&packed), &packed).unwrap();
        let path = match damaged {
            Form::Whole => world.path_of(&packed),
            Form::Packed => world.packed_path_of(&packed),
        };
        flip(&path);
        assert_eq!(world.get(key).await.unwrap(), packed, "{damaged}");
        let digest = Digest::of(&packed);
        let fault =
            Fault::Damaged { blob: blob(digest), form: damaged, readable: true, places: vec![place(key)] };
        let size = packed.len() as u64;
        match damaged {
            Form::Whole => {
                world.finds(&[fault]).await;
                assert_eq!(world.mends(&[]).await, [Mending::SetAside]);
                assert_eq!(world.packing_of(&packed).await, noted);
            }
            Form::Packed => {
                let base = Some(Digest::of(&base));
                let stored =
                    Fault::StoredSize { blob: blob(digest), noted: Some(noted.stored_bytes), found: size };
                world
                    .finds(&[
                        fault,
                        Fault::BaseDiffers { blob: blob(digest), noted: base, named: None },
                        stored,
                    ])
                    .await;
                let mended = world.mends(&[]).await;
                assert_eq!(mended, [Mending::SetAside, Mending::RowCorrected, Mending::RowCorrected]);
                assert_eq!(world.packing_of(&packed).await, Packing { stored_bytes: size, base: None });
            }
        }
        assert_eq!(world.get(key).await.unwrap(), packed, "{damaged}");
    }
}

#[tokio::test]
async fn a_difference_whose_base_cannot_serve_is_found_and_kept() {
    for why in [BaseFault::Missing, BaseFault::Damaged] {
        let (world, base, packed, key) = World::packed().await;
        let base_key = if key == "app/1" { "app/2" } else { "app/1" };
        let (digest, base_digest) = (Digest::of(&packed), Digest::of(&base));
        let places = vec![place(base_key)];
        let of_base = if why == BaseFault::Missing {
            std::fs::remove_file(world.path_of(&base)).unwrap();
            Fault::Missing { blob: blob(base_digest), size_bytes: base.len() as u64, places }
        } else {
            flip(&world.path_of(&base));
            Fault::Damaged { blob: blob(base_digest), form: Form::Whole, readable: false, places }
        };
        let of_difference = Fault::Base { blob: blob(digest), base: base_digest, why };
        world.finds(&[of_difference, of_base]).await;
        let kept = std::fs::read(world.packed_path_of(&packed)).unwrap();
        world.mends(&["bad_base", "missing"]).await;
        assert_eq!(std::fs::read(world.packed_path_of(&packed)).unwrap(), kept, "{why}: it is sound itself");
        world.put("healed", &base, None).await.unwrap();
        assert_eq!(world.get(key).await.unwrap(), packed, "{why}: with its base it can be read again");
        world.finds(&[]).await;
    }
}

#[tokio::test]
async fn a_base_that_is_a_difference_is_found() {
    let (world, base, packed, _) = World::packed().await;
    let third = [&noise(9, 100)[..], &base].concat();
    world.put("third", &third, None).await.unwrap();
    let (digest, base_digest, third) = (Digest::of(&packed), Digest::of(&base), Digest::of(&third));
    let chained = world.blobs().pack(&base_digest, &[third]).unwrap().unwrap();
    let (noted, found) = (Some(base.len() as u64), chained.stored_bytes);
    world.blobs().put_packed(&base_digest, chained).unwrap();
    world.blobs().remove_whole(&base_digest).unwrap();
    let faults = [
        Fault::Base { blob: blob(digest), base: base_digest, why: BaseFault::Difference },
        Fault::BaseDiffers { blob: blob(base_digest), noted: None, named: Some(third) },
        Fault::StoredSize { blob: blob(base_digest), noted, found },
    ];
    world.finds(&faults).await;
    // A row that says so would make the chain lawful.
    world.mends(&["bad_base", "wrong_base", "wrong_stored_size"]).await;
}

#[tokio::test]
async fn rows_that_say_something_else_than_the_files_are_found_and_corrected() {
    let (world, base, packed, key) = World::packed().await;
    let (digest, base_digest) = (Digest::of(&packed), Digest::of(&base));
    let sound = world.packing_of(&packed).await;
    let note =
        async |packing| world.catalog.note_packing(&blob(digest), packing, world.clock.now()).await.unwrap();
    note(Packing { stored_bytes: sound.stored_bytes + 1, base: None }).await;
    let differs = Fault::BaseDiffers { blob: blob(digest), noted: None, named: Some(base_digest) };
    let noted = Some(sound.stored_bytes + 1);
    let stored = Fault::StoredSize { blob: blob(digest), noted, found: sound.stored_bytes };
    world.finds(&[differs, stored]).await;
    assert_eq!(world.mends(&[]).await, [Mending::RowCorrected; 2]);
    assert_eq!(world.packing_of(&packed).await, sound);

    // The row knows nothing of packing, and only the packed form is there: its base could be collected.
    world.put(key, &packed, None).await.unwrap();
    std::fs::remove_file(world.path_of(&packed)).unwrap();
    world.finds(&[Fault::StoredSize { blob: blob(digest), noted: None, found: sound.stored_bytes }]).await;
    assert_eq!(world.mends(&[]).await, [Mending::RowCorrected]);
    assert_eq!(world.packing_of(&packed).await, sound);
}

#[tokio::test]
async fn a_row_with_another_size_is_found_and_nothing_is_made_of_it() {
    let world = World::new();
    world.put("a", b"content", None).await.unwrap();
    world.catalog.resize(&blob(Digest::of(b"content")), 9);
    world.finds(&[Fault::Size { blob: blob(Digest::of(b"content")), noted: 9, found: 7 }]).await;
    assert_eq!(world.mends(&["wrong_size"]).await, [Mending::None]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_found() {
    let world = World::new();
    world.put("a", b"known", None).await.unwrap();
    let path = world.path_of(b"known");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        // The superuser reads everything; a link is refused to it as well.
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    }
    let report = world.fsck(Repair::Nothing).await;
    let kinds: Vec<_> = report.findings.iter().map(|finding| finding.fault.kind()).collect();
    assert!(kinds == ["unreadable"] || kinds == ["missing", "stranger"], "{kinds:?}");
}

#[tokio::test]
async fn a_thousand_findings_are_listed_and_all_are_counted() {
    let world = World::new();
    for number in 0..1_010_u32 {
        world.put(&number.to_string(), &number.to_be_bytes(), None).await.unwrap();
        std::fs::remove_file(world.path_of(&number.to_be_bytes())).unwrap();
    }
    let report = world.fsck(Repair::Nothing).await;
    assert_eq!((report.findings.len(), report.truncated, report.unmended), (1_000, true, 1_010));
}

#[test]
fn every_finding_says_what_to_do() {
    let (digest, upload) = (Digest::of(b""), "upl_00000000000000000000000000".parse::<UploadId>());
    let mut faults = vec![
        Fault::Missing { blob: blob(digest), size_bytes: 1, places: vec![] },
        Fault::Damaged { blob: blob(digest), form: Form::Whole, readable: true, places: vec![] },
        Fault::Unreadable { blob: blob(digest), form: Form::Packed, text: "broken disk".to_owned() },
        Fault::Base { blob: blob(digest), base: digest, why: BaseFault::Missing },
        Fault::BaseDiffers { blob: blob(digest), noted: None, named: None },
        Fault::Size { blob: blob(digest), noted: 1, found: 2 },
        Fault::StoredSize { blob: blob(digest), noted: Some(1), found: 2 },
        Fault::SecondForm { blob: blob(digest), form: Form::Whole, bytes: 1 },
        Fault::Orphan { blob: blob(digest), bytes: 1 },
        Fault::HalfWritten { path: "p".to_owned() },
        Fault::Stranger { path: "p".to_owned() },
    ];
    if let Ok(upload) = upload {
        faults.push(Fault::EndedUpload { upload, files: 1 });
    }
    for fault in faults {
        assert!(fault.way_out().len() > 20 && fault.to_string().len() > 20, "{fault}");
    }
}
