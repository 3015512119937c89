//! What a cache does when nobody attacks it.

use casemate_cache::{CacheError, CacheEvent, CacheUsage, Place, Put, Severity};

use crate::world::{CONTENT, HOUR, World, get, key_of, put};

fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for encrypted in [false, true] {
        worlds.push(World::memory(encrypted, 64 << 20));
        worlds.push(World::process(encrypted).monitored());
        worlds.push(World::kept(encrypted));
    }
    worlds
}

#[test]
fn content_comes_back_from_every_kind_of_cache() {
    for world in worlds() {
        let cache = world.open();
        for content in [&b""[..], CONTENT, &vec![9; 200_000]] {
            let key = put(&*cache, "releases/", content);
            assert_eq!(get(&*cache, &key).as_deref(), Some(content), "{:?}", world.config);
            assert_eq!(cache.put(&key, content).unwrap(), Put::Held);
        }
        let key = key_of("releases/", CONTENT);
        assert!(cache.forget(&key).unwrap());
        assert_eq!(get(&*cache, &key), None);
        assert!(!cache.forget(&key).unwrap());
        assert_eq!(world.witness.events(), [], "{:?}", world.config);
    }
}

#[test]
fn what_is_handed_out_is_sealed_memory() {
    let world = World::process(true);
    let cache = world.open();
    let key = put(&*cache, "", CONTENT);
    let sealed = cache.get(&key).unwrap().unwrap();
    let fd = sealed.as_fd().unwrap();
    assert_eq!(rustix::io::pwrite(fd, b"x", 0), Err(rustix::io::Errno::PERM));
    assert_eq!(rustix::fs::ftruncate(fd, 0), Err(rustix::io::Errno::PERM));
}

#[test]
fn plain_content_is_stored_once_for_all_prefixes_and_goes_with_its_last_entry() {
    let world = World::process(false);
    let cache = world.open();
    let first = put(&*cache, "one/", CONTENT);
    let second = put(&*cache, "two/", CONTENT);
    assert_eq!((world.files(".entry").len(), world.files(".content").len()), (2, 1));
    cache.forget(&first).unwrap();
    assert_eq!(get(&*cache, &second).as_deref(), Some(CONTENT));
    cache.forget(&second).unwrap();
    assert_eq!((world.files(".entry").len(), world.files(".content").len()), (0, 0));
    assert_eq!(cache.usage(), CacheUsage::default());
}

#[test]
fn a_full_cache_makes_room_instead_of_failing() {
    for place in 0..2 {
        let mut world = World::memory(true, 100_000);
        if place == 1 {
            world = World::process(true);
            let base = world.base.path().join("cache");
            world.config.place = Place::Process { base, bytes_max: 100_000 };
        }
        let cache = world.open();
        let keys: Vec<_> = (0..10_u8).map(|at| put(&*cache, "", &vec![at; 20_000])).collect();
        assert!(cache.usage().bytes <= 100_000);
        assert_eq!(get(&*cache, &keys[0]), None);
        assert_eq!(get(&*cache, &keys[9]), Some(vec![9; 20_000]));
        assert!(world.witness.events().iter().all(|event| event.severity() == Severity::Notice));
        assert!(world.witness.events().contains(&CacheEvent::Evicted { entries: 1 }));
        let huge = vec![1; 100_000];
        assert_eq!(cache.put(&key_of("", &huge), &huge).unwrap(), Put::NotKept);
        assert_eq!(get(&*cache, &keys[9]), Some(vec![9; 20_000]), "what is too large displaces nothing");
    }
}

#[test]
fn a_kept_cache_goes_on_in_the_next_process() {
    for encrypted in [false, true] {
        let world = World::kept(encrypted).monitored();
        let cache = world.open();
        let key = put(&*cache, "releases/", CONTENT);
        let other = put(&*cache, "nightly/", CONTENT);
        let usage = cache.usage();
        drop(cache);
        let cache = world.open();
        assert_eq!(cache.usage(), usage);
        assert_eq!(get(&*cache, &key).as_deref(), Some(CONTENT));
        assert_eq!(get(&*cache, &other).as_deref(), Some(CONTENT));
        world.clocks.pass(25 * HOUR);
        assert_eq!(get(&*cache, &key), None);
        assert_eq!(world.witness.signs(), []);
    }
}

#[test]
fn a_kept_cache_that_is_in_use_is_left_to_its_user() {
    let world = World::kept(true);
    let first = world.open();
    let key = put(&*first, "", CONTENT);
    let second = world.open();
    assert_eq!(world.witness.events(), [CacheEvent::KeptInUse]);
    assert_eq!(get(&*second, &key), None);
    put(&*second, "", CONTENT);
    drop(second);
    assert_eq!(get(&*first, &key).as_deref(), Some(CONTENT));
}

#[test]
fn a_cache_that_is_kept_needs_a_key() {
    let mut world = World::kept(true);
    world.config.secret = None;
    let refused = casemate_cache::open(&world.config, world.surroundings());
    assert!(matches!(refused, Err(CacheError::KeptWithoutKey)));
}

#[test]
fn no_cache_keeps_nothing_and_still_checks() {
    let mut world = World::memory(true, 0);
    world.config.place = Place::Nowhere;
    let cache = world.open();
    let key = key_of("", CONTENT);
    assert_eq!(cache.put(&key, CONTENT).unwrap(), Put::NotKept);
    assert_eq!(get(&*cache, &key), None);
    assert!(matches!(cache.put(&key, b"else"), Err(CacheError::WrongContent { .. })));
}

#[test]
fn threads_share_a_cache_without_false_alarms() {
    let world = World::process(true).monitored();
    let cache = world.open();
    let contents: Vec<Vec<u8>> = (0..8_u8).map(|at| vec![at; 1000 + usize::from(at)]).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, contents) = (&cache, &contents);
            scope.spawn(move || {
                for round in 0..50 {
                    let content = &contents[(thread * 3 + round) % contents.len()];
                    let key = key_of("shared/", content);
                    match round % 3 {
                        0 => drop(cache.put(&key, content).unwrap()),
                        1 => assert!(get(&**cache, &key).is_none_or(|got| got == *content)),
                        _ => drop(cache.forget(&key).unwrap()),
                    }
                }
            });
        }
    });
    drop(cache);
    assert_eq!(world.witness.events(), []);
}

/// The recipe that Python DeltaGlider documents for its key, the Base64 of a Fernet key, ended it; and a cache that it said
/// several processes share was a random directory of each.
#[test]
fn weakness_15_the_documented_key_opens_the_same_cache_in_the_next_process() {
    let bytes: [u8; 32] = std::array::from_fn(|at| 200 + u8::try_from(at).unwrap());
    let fernet = data_encoding::BASE64URL.encode(&bytes);
    let documented = data_encoding::BASE64.encode(fernet.as_bytes());
    let directory = tempfile::tempdir().unwrap();
    let resolved = |key: &str| {
        let pairs = [
            ("HOME", "/home/ada"),
            ("DG_CACHE_DIR", directory.path().to_str().unwrap()),
            ("DG_CACHE_ENCRYPTION_KEY", key),
        ];
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let sources = casemate_cache::SettingSources { environment, ..Default::default() };
        casemate_cache::CacheConfig::resolve(&sources).unwrap()
    };
    assert_eq!(resolved(&documented), resolved(&fernet));
    let world = World::kept(true);
    let first = casemate_cache::open(&resolved(&documented), world.surroundings()).unwrap();
    let key = put(&*first, "app", CONTENT);
    drop(first);
    let second = casemate_cache::open(&resolved(&fernet), world.surroundings()).unwrap();
    assert_eq!(get(&*second, &key).as_deref(), Some(CONTENT));
}
