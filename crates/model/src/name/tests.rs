use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn accepts_what_dns_accepts() {
    for text in ["abc", "a-b", "thumbnails.acme", "0.1.2.3xx", &"a".repeat(63), "xn--bcher-kva.shop"] {
        assert_eq!(name(text).to_string(), text);
    }
    assert_eq!(name("acme."), name("acme"));
}

#[test]
fn refuses_the_rest_and_says_why() {
    let bad = |label: &str| NameError::BadLabel { label: label.to_owned() };
    let encoded = |label: &str| NameError::EncodedLabel { label: label.to_owned() };
    let top = |label: &str| NameError::BadTop { label: label.to_owned() };
    for (text, error) in [
        ("", NameError::Empty),
        (".", NameError::Empty),
        ("abc..", bad("")),
        ("a..abc", bad("")),
        ("-abc", bad("-abc")),
        ("abc-", bad("abc-")),
        ("Abc", bad("Abc")),
        ("p\u{430}ypal", bad("p\u{430}ypal")),
        ("b\u{fc}cher", bad("b\u{fc}cher")),
        ("a b", bad("a b")),
        ("a/b", bad("a/b")),
        ("ab--c", encoded("ab--c")),
        ("xn--a", encoded("xn--a")),
        // "abc", which needs no encoding; and "B\u{fc}cher", which has another.
        ("xn--abc-", bad("xn--abc-")),
        ("xn--Bcher-kva", bad("xn--Bcher-kva")),
        // A zero-width joiner where none belongs.
        ("xn--ab-m1t", encoded("xn--ab-m1t")),
        ("ab", top("ab")),
        ("abc.42", top("42")),
        ("127.0.0.100", top("100")),
        ("a.b.c.d.e.f.g.h.abc", NameError::TooManyLabels { count: 9 }),
        (&"a".repeat(254), NameError::TooLong { length: 254 }),
        (&"a".repeat(64), bad(&"a".repeat(64))),
    ] {
        assert_eq!(text.parse::<Name>(), Err(error), "{text}");
    }
    // Latin with one Cyrillic letter, as `paypal` is written to deceive.
    let (mixed, _) = Uts46::new().to_unicode(b"xn--pypal-4ve", AsciiDenyList::STD3, Hyphens::Allow);
    assert_eq!(mixed, "p\u{430}ypal");
    assert!(matches!("xn--pypal-4ve".parse::<Name>(), Err(NameError::Deceptive { .. })));
}

#[test]
fn what_looks_alike_has_one_skeleton() {
    assert_eq!(name("paypa1").skeleton(), name("paypal").skeleton());
    assert_eq!(name("rnodern").skeleton(), name("modern").skeleton());
    assert_eq!(name("g00gle").skeleton(), name("google").skeleton());
    // All of it Cyrillic, and like `cope` in Latin.
    let cyrillic = name("xn--e1argc");
    assert!(
        cyrillic.to_unicode().chars().all(|character| character > '\u{400}'),
        "{}",
        cyrillic.to_unicode()
    );
    assert_ne!(name("acme").skeleton(), name("acne").skeleton());
    assert_eq!(name("xn--bcher-kva").to_unicode(), "b\u{fc}cher");
}

/// What a name of ASCII is, in one pass and in other words than above; `None` where Unicode is encoded.
fn is_plain_name(text: &str) -> Option<bool> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let (mut labels, mut length, mut digits_only, mut last) = (1, 0, true, b'.');
    let (mut third, mut fourth) = (0, 0);
    for byte in text.bytes() {
        match byte {
            b'.' if last == b'.' || last == b'-' => return Some(false),
            b'.' => (labels, length, digits_only) = (labels + 1, 0, true),
            b'-' if length == 0 => return Some(false),
            b'-' | b'a'..=b'z' | b'0'..=b'9' => {
                length += 1;
                digits_only &= byte.is_ascii_digit();
                (third, fourth) =
                    (if length == 3 { byte } else { third }, if length == 4 { byte } else { fourth });
                if length == 4 && (third, fourth) == (b'-', b'-') {
                    return None;
                }
            }
            _ => return Some(false),
        }
        if length > 63 {
            return Some(false);
        }
        last = byte;
    }
    let ends_well = last != b'.' && last != b'-' && length >= 3 && !digits_only;
    Some(labels <= 8 && text.len() <= 253 && ends_well)
}

/// How many names are tried; `CASEMATE_TEST_NAMES=10000000` tries more.
#[test]
#[expect(clippy::disallowed_methods, reason = "how much a test tries is said from outside")]
fn the_grammar_is_the_same_said_in_other_words() {
    let count =
        std::env::var("CASEMATE_TEST_NAMES").ok().and_then(|count| count.parse().ok()).unwrap_or(50_000);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("small")
    };
    let pieces = [
        "a",
        "b",
        "z",
        "0",
        "9",
        "-",
        ".",
        "xn--",
        "kva",
        "bcher-kva",
        "A",
        "_",
        "--",
        "abcdefghijklmnopqrst",
    ];
    let (mut names, mut encoded) = (0_u32, 0_u32);
    for _ in 0..count {
        let text: String = (0..=random(9)).map(|_| pieces[random(pieces.len())]).collect();
        let parsed = text.parse::<Name>();
        match is_plain_name(&text) {
            Some(plain) => assert_eq!(parsed.is_ok(), plain, "{text}: {parsed:?}"),
            // Whatever is taken is the one way to write what it stands for.
            None => encoded += u32::from(parsed.is_ok()),
        }
        if let Ok(name) = parsed {
            let back = idna::domain_to_ascii_strict(&name.to_unicode());
            assert_eq!(back.ok().as_deref(), Some(name.as_str()));
            assert_eq!(name.to_string().parse(), Ok(name));
            names += 1;
        }
    }
    assert!(names > count / 100 && encoded > 0, "{names} names of {count}, {encoded} with Unicode");
}

#[test]
fn a_name_knows_what_it_is_below() {
    let ancestors: Vec<_> = name("a.b.acme").ancestors().map(|name| name.to_string()).collect();
    assert_eq!(ancestors, ["b.acme", "acme"]);
    assert_eq!(name("a.b.acme").labels().collect::<Vec<_>>(), ["a", "b", "acme"]);
    assert_eq!(name("acme").ancestors().count(), 0);
    assert_eq!((name("a.b.acme").top(), name("acme").top()), (name("acme"), name("acme")));
    assert!(name("a.b.acme").reversed().starts_with(&format!("{}.", name("b.acme").reversed())));
}

#[test]
fn what_was_stored_before_has_the_skeleton_that_the_migrations_gave_it() {
    for character in ('a'..='z').chain('0'..='9') {
        let text = format!("a{character}a");
        let given = text.replace('0', "o").replace('1', "l").replace('m', "rn");
        assert_eq!(name(&text).skeleton(), given);
    }
    assert_eq!(name("a-b.abc").skeleton(), "a-b.abc");
}
