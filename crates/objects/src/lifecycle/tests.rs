use casemate_model::{Digest, Project};

use super::*;
use crate::{Attributes, ETag, ObjectRecord, Place};

fn at_day(day: u64) -> Timestamp {
    Timestamp::from_millis(day * 86_400_000).unwrap()
}

/// Versions of keys, the newest first: the day each was made, and whether it has content.
fn versions(keys: &[(&str, &[(u64, bool)])]) -> Vec<VersionRecord> {
    let mut all = Vec::new();
    for (key, days) in keys {
        let place = Place {
            project: Project::default_project(),
            bucket: "builds".parse().unwrap(),
            key: key.parse().unwrap(),
        };
        for (index, (day, has_content)) in days.iter().enumerate() {
            let object = ObjectRecord {
                project: place.project.clone(),
                bucket: place.bucket.clone(),
                key: place.key.clone(),
                digest: Digest::of(b"x"),
                size_bytes: 1,
                media_type: String::new(),
                stored: at_day(*day),
                etag: ETag::of_digest(&Digest::of(b"x")),
                attributes: Attributes::default(),
                version: None,
            };
            all.push(VersionRecord {
                place: place.clone(),
                version: None,
                sequence: (days.len() - index) as u64,
                latest: index == 0,
                stored: at_day(*day),
                object: has_content.then_some(object),
            });
        }
    }
    all
}

/// What is due on day 100, as key, sequence and act.
fn due(rule: &LifecycleRule, keys: &[(&str, &[(u64, bool)])]) -> Vec<(String, u64, Due)> {
    let mut judge = Judge::new(rule, at_day(100));
    let mut due = Vec::new();
    for version in versions(keys) {
        due.extend(judge.see(&version));
    }
    due.extend(judge.finish());
    due.into_iter().map(|(version, due)| (version.place.key.to_string(), version.sequence, due)).collect()
}

fn rule() -> LifecycleRule {
    LifecycleRule { id: "r".to_owned(), enabled: true, ..LifecycleRule::default() }
}

#[test]
fn an_object_expires_by_its_own_age_and_only_the_newest() {
    let rule = LifecycleRule { expire_days: Some(10), ..rule() };
    let keys: &[(&str, &[(u64, bool)])] =
        &[("a", &[(90, true), (1, true)]), ("b", &[(91, true), (1, true)]), ("c", &[(1, false), (0, true)])];
    assert_eq!(due(&rule, keys), [("a".to_owned(), 2, Due::Expire)]);
}

#[test]
fn older_versions_go_by_when_they_were_replaced_but_the_newest_of_them_stay() {
    let older = |days, keep| LifecycleRule { older_versions: Some(OlderVersions { days, keep }), ..rule() };
    let keys: &[(&str, &[(u64, bool)])] =
        &[("a", &[(99, true), (80, true), (70, true), (60, true)]), ("b", &[(50, true), (40, true)])];
    let removed = |days, keep| {
        let due = due(&older(days, keep), keys).into_iter();
        due.map(|(key, sequence, _)| format!("{key}{sequence}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(removed(0, 0), "a3 a2 a1 b1");
    assert_eq!(removed(0, 2), "a1");
    assert_eq!(removed(0, 3), "");
    // The newest older one of `a` was replaced yesterday, those behind it 20 and 30 days ago.
    assert_eq!(removed(20, 0), "a2 a1 b1");
    assert_eq!(removed(21, 0), "a1 b1");
    assert_eq!(removed(20, 1), "a2 a1");
    assert_eq!(removed(51, 0), "");
}

#[test]
fn a_mark_goes_only_when_nothing_is_behind_it() {
    let rule = LifecycleRule { lone_marks: true, ..rule() };
    let keys: &[(&str, &[(u64, bool)])] =
        &[("a", &[(9, false)]), ("b", &[(9, false), (8, true)]), ("c", &[(9, true)]), ("d", &[(9, false)])];
    let found = due(&rule, keys);
    assert_eq!(found, [("a".to_owned(), 1, Due::Remove), ("d".to_owned(), 1, Due::Remove)]);
}

#[test]
fn rules_that_cannot_be_are_refused() {
    let good = LifecycleRule { expire_days: Some(1), ..rule() };
    assert_eq!(LifecycleRule::check_all(std::slice::from_ref(&good)), Ok(()));
    let older = |days| Some(OlderVersions { days, keep: 0 });
    let second =
        |rule| LifecycleRule::check_all(&[LifecycleRule { id: "other".to_owned(), ..good.clone() }, rule]);
    let index = 1;
    let days = Err(LifecycleError::Days { index, max: LifecycleRule::DAYS_MAX });
    assert_eq!(second(LifecycleRule { older_versions: older(0), ..rule() }), Ok(()));
    assert_eq!(second(rule()), Err(LifecycleError::Nothing { index }));
    assert_eq!(second(LifecycleRule { expire_days: Some(0), ..rule() }), days);
    assert_eq!(second(LifecycleRule { abort_uploads_days: Some(36_501), ..rule() }), days);
    assert_eq!(second(LifecycleRule { older_versions: older(u32::MAX), ..rule() }), days);
    for id in ["", "a\nb", &"x".repeat(256)] {
        let wrong = LifecycleRule { id: id.to_owned(), ..good.clone() };
        assert_eq!(second(wrong), Err(LifecycleError::Id { index }), "{id}");
    }
    assert_eq!(
        second(LifecycleRule { id: "other".to_owned(), ..good.clone() }),
        Err(LifecycleError::IdTwice { index })
    );
    assert_eq!(
        second(LifecycleRule { prefix: "p".repeat(1025), ..good.clone() }),
        Err(LifecycleError::Prefix { index })
    );
    let many = vec![good; LifecycleRule::RULES_MAX + 1];
    assert_eq!(
        LifecycleRule::check_all(&many),
        Err(LifecycleError::TooMany { max: LifecycleRule::RULES_MAX })
    );
}
