use super::*;

fn sources(flags: &[(&str, &str)], environment: &[(&str, &str)], file: &[(&str, &str)]) -> SettingSources {
    let map =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut sources = SettingSources { flags: map(flags), environment: map(environment), file: map(file) };
    sources.environment.entry("HOME".to_owned()).or_insert("/home/ada".to_owned());
    sources
}

fn environment(pairs: &[(&str, &str)]) -> Result<CacheConfig, SettingsError> {
    CacheConfig::resolve(&sources(&[], pairs, &[]))
}

#[test]
fn without_a_word_it_is_an_encrypted_cache_of_the_process_in_the_users_directory() {
    let base = PathBuf::from("/home/ada/.cache/casemate");
    let expected = CacheConfig {
        place: Place::Process { base, bytes_max: 2048 * MB },
        encrypted: true,
        secret: None,
        entry_lifetime: Duration::from_secs(86_400),
        monitored: true,
    };
    assert_eq!(environment(&[]), Ok(expected));
    assert_eq!(CacheConfig::resolve(&SettingSources::default()), Err(SettingsError::NoDirectory));
}

#[test]
fn flag_goes_before_variable_before_alias_before_file() {
    let words = [
        ("cache-backend", "CASEMATE_CACHE_BACKEND", "DG_CACHE_BACKEND", "backend", ["memory", "filesystem"]),
        ("no-cache", "CASEMATE_CACHE_OFF", "DG_NO_CACHE", "off", ["true", "false"]),
    ];
    for (flag, variable, alias, file, [wanted, other]) in words {
        let decided = |flags: &[(&str, &str)], environment: &[(&str, &str)], file: &[(&str, &str)]| {
            !matches!(
                CacheConfig::resolve(&sources(flags, environment, file)).unwrap().place,
                Place::Process { .. }
            )
        };
        assert!(decided(&[(flag, wanted)], &[(variable, other), (alias, other)], &[(file, other)]));
        assert!(decided(&[], &[(variable, wanted), (alias, other)], &[(file, other)]));
        assert!(decided(&[], &[(alias, wanted)], &[(file, other)]));
        assert!(decided(&[], &[(alias, "")], &[(file, wanted)]));
        assert!(!decided(&[(flag, other)], &[(variable, wanted)], &[]));
    }
}

#[test]
fn the_variables_of_deltaglider_mean_what_they_meant() {
    assert_eq!(environment(&[("DG_NO_CACHE", "true")]).unwrap().place, Place::Nowhere);
    let memory = environment(&[("DG_CACHE_BACKEND", "memory"), ("DG_CACHE_MEMORY_SIZE_MB", "5")]).unwrap();
    assert_eq!(memory.place, Place::Memory { bytes_max: 5 * MB });
    let own = environment(&[("DG_CACHE_DIR", "/srv/cache"), ("DG_EPHEMERAL_CACHE", "true")]).unwrap();
    assert_eq!(own.place, Place::Process { base: "/srv/cache".into(), bytes_max: 2048 * MB });
    assert!(!environment(&[("DG_CACHE_ENCRYPTION", "false")]).unwrap().encrypted);
    assert!(environment(&[("DG_MAX_RATIO", "0.5")]).is_ok(), "others are none of our business");
}

#[test]
fn a_key_is_taken_in_every_form_that_was_ever_documented() {
    let bytes: [u8; 32] = std::array::from_fn(|at| 255 - u8::try_from(at).unwrap());
    let standard = data_encoding::BASE64.encode(&bytes);
    let fernet = data_encoding::BASE64URL.encode(&bytes);
    let unpadded = data_encoding::BASE64URL_NOPAD.encode(&bytes);
    let recipe = data_encoding::BASE64.encode(fernet.as_bytes());
    for text in [standard, fernet, unpadded, format!("{recipe}\n")] {
        let config = environment(&[("DG_CACHE_ENCRYPTION_KEY", &text)]).unwrap();
        assert_eq!(config.secret, Some(CacheSecret::from_bytes(bytes)), "{text}");
        assert!(matches!(config.place, Place::Kept { .. }), "a key is for keeping");
        let ephemeral = [("DG_CACHE_ENCRYPTION_KEY", text.as_str()), ("DG_EPHEMERAL_CACHE", "true")];
        assert!(matches!(environment(&ephemeral).unwrap().place, Place::Process { .. }));
    }
}

#[test]
fn mistakes_are_named_with_their_place_and_the_way_out() {
    let long = data_encoding::BASE64.encode(&[1; 33]);
    let cases = [
        (("DG_CACHE_BACKEND", "redis"), "`DG_CACHE_BACKEND` is `redis`, expected `filesystem` or `memory`"),
        (("CASEMATE_CACHE_OFF", "maybe"), "`CASEMATE_CACHE_OFF` is `maybe`, expected `true` or `false`"),
        (
            ("DG_CACHE_MEMORY_SIZE_MB", "0"),
            "`DG_CACHE_MEMORY_SIZE_MB` is `0`, expected a whole number from 1 to 1048576",
        ),
        (("DG_CACHE_DIR", "cache"), "`DG_CACHE_DIR` is `cache`, expected an absolute path"),
        (("DG_CACHE_ENCRYPTION_KEY", "hunter 2"), "`DG_CACHE_ENCRYPTION_KEY` is no key: it is not base64"),
        (
            ("DG_CACHE_ENCRYPTION_KEY", &long),
            "`DG_CACHE_ENCRYPTION_KEY` is no key: it does not decode to 32 bytes; make one with `openssl rand \
             -base64 32`",
        ),
        (("CASEMATE_CACHE_SIZE", "1"), "`CASEMATE_CACHE_SIZE` is no setting of the cache"),
        (
            ("DG_EPHEMERAL_CACHE", "false"),
            "a cache that outlives the process needs a key; set CASEMATE_CACHE_ENCRYPTION_KEY, or leave it \
             ephemeral",
        ),
    ];
    for (pair, expected) in cases {
        assert_eq!(environment(&[pair]).unwrap_err().to_string(), expected);
    }
    let flag = CacheConfig::resolve(&sources(&[("cache-encryption-key", "x")], &[], &[]));
    assert_eq!(flag.unwrap_err().to_string(), "`--cache-encryption-key` is no setting of the cache");
}

#[test]
fn names_are_not_used_twice() {
    let names = setting_names();
    let mut all: Vec<_> =
        names.iter().flat_map(|names| [names.flag, Some(names.variable), names.alias]).collect();
    all.retain(Option::is_some);
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
