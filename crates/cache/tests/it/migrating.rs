//! The caches of DeltaGlider 5 go, if they are ours and may.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use casemate_cache::{Consent, OldPlaces, Outcome, migrate};

fn make(path: &Path) {
    fs::create_dir_all(path.join("bucket/prefix")).unwrap();
    fs::write(path.join("bucket/prefix/reference.bin"), b"anybody may have written this").unwrap();
}

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(machine.0.path().join("tmp")).unwrap();
        fs::create_dir_all(machine.0.path().join("home/.cache")).unwrap();
        machine
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn places(&self) -> OldPlaces {
        OldPlaces { temporary: self.at("tmp"), cache_home: Some(self.at("home/.cache")) }
    }

    /// What was done, as it is printed.
    fn report(&self, consent: Consent<'_>) -> Vec<String> {
        let top = self.0.path().display().to_string();
        migrate(&self.places(), consent).iter().map(|done| done.to_string().replace(&top, "")).collect()
    }
}

#[test]
fn nothing_old_nothing_done() {
    assert_eq!(Machine::new().report(Consent::DeleteAll), [] as [String; 0]);
}

#[test]
fn every_old_name_is_found_and_deleted() {
    let machine = Machine::new();
    let all = [
        "tmp/.deltaglider/cache",
        "tmp/.deltaglider/reference_cache",
        "home/.cache/deltaglider",
        "tmp/deltaglider-x1",
    ];
    all.iter().for_each(|path| make(&machine.at(path)));
    let expected = [
        "deleted the old shared cache `/tmp/.deltaglider/cache`: 1 files, 3 directories",
        "deleted the old shared cache `/tmp/.deltaglider/reference_cache`: 1 files, 3 directories",
        "deleted the old cache of the user `/home/.cache/deltaglider`: 1 files, 3 directories",
        "deleted the old cache of one process, with plain content `/tmp/deltaglider-x1`: 1 files, 3 directories",
    ];
    assert_eq!(machine.report(Consent::DeleteAll), expected);
    assert!(all.iter().all(|path| !machine.at(path).exists()));
}

#[test]
fn whoever_is_asked_decides() {
    let machine = Machine::new();
    make(&machine.at("tmp/.deltaglider/cache"));
    make(&machine.at("home/.cache/deltaglider"));
    let mut asked = 0;
    let mut only_the_first = |_: &casemate_cache::OldCache| {
        asked += 1;
        asked == 1
    };
    let report = machine.report(Consent::Ask(&mut only_the_first));
    assert_eq!(report[1], "kept the old cache of the user `/home/.cache/deltaglider`; nothing uses it");
    assert!(!machine.at("tmp/.deltaglider/cache").exists());
    assert!(machine.at("home/.cache/deltaglider").exists());
    assert_eq!(machine.report(Consent::ReportOnly).len(), 1);
    assert!(machine.at("home/.cache/deltaglider").exists());
}

#[test]
fn links_are_neither_followed_nor_entered() {
    let machine = Machine::new();
    make(&machine.at("precious"));
    symlink(machine.at("precious"), machine.at("home/.cache/deltaglider")).unwrap();
    make(&machine.at("tmp/.deltaglider/cache"));
    symlink(machine.at("precious"), machine.at("tmp/.deltaglider/cache/link")).unwrap();
    let done = migrate(&machine.places(), Consent::DeleteAll);
    assert!(matches!(done[0].outcome, Outcome::Deleted(removal) if removal.files == 2));
    assert!(matches!(done[1].outcome, Outcome::Refused(casemate_fs::FsError::SymlinkRefused { .. })));
    assert!(machine.at("precious/bucket/prefix/reference.bin").exists());
}

#[test]
fn what_belongs_to_others_is_refused_or_stays() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give files away; CI runs this suite as root too.
        return;
    }
    let give_away = |path: &Path| std::os::unix::fs::chown(path, Some(12345), None).unwrap();
    let machine = Machine::new();
    make(&machine.at("home/.cache/deltaglider"));
    give_away(&machine.at("home/.cache/deltaglider"));
    make(&machine.at("tmp/.deltaglider/cache"));
    let theirs = machine.at("tmp/.deltaglider/cache/bucket/prefix/theirs");
    fs::write(&theirs, b"").unwrap();
    give_away(&theirs);
    let done = migrate(&machine.places(), Consent::DeleteAll);
    let Outcome::Deleted(removal) = &done[0].outcome else { panic!("{done:?}") };
    assert_eq!((removal.files, removal.directories, removal.left), (1, 0, 1));
    assert!(theirs.exists());
    assert!(matches!(
        done[1].outcome,
        Outcome::Refused(casemate_fs::FsError::WrongOwner { owner: 12345, .. })
    ));
    assert!(machine.at("home/.cache/deltaglider/bucket/prefix/reference.bin").exists());
}
