//! A node whose content is encrypted.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::binary::User;

/// Found in everything that is stored here, unless it is encrypted.
const MARK: &[u8] = b"nobody else is to read this line\n";

const CONFIG: &[&str] = &["--config", "config.toml"];

/// How many files lie beneath a directory, and how many of them hold `text`.
fn files_with(directory: &Path, text: &[u8]) -> (usize, usize) {
    let (mut count, mut with) = (0, 0);
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let (more, more_with) = files_with(&path, text);
            (count, with) = (count + more, with + more_with);
        } else {
            count += 1;
            let bytes = std::fs::read(&path).unwrap();
            with += usize::from(bytes.windows(text.len()).any(|window| window == text));
        }
    }
    (count, with)
}

fn with_keys(user: &User, current: &str, former: &str) {
    let line = |key: &str, name: &str| match name {
        "" => String::new(),
        name => format!("{key} = \"{}\"\n", user.path(name).display()),
    };
    let config = line("encryption_key_file", current) + &line("former_encryption_key_file", former);
    user.file("config.toml", config.as_bytes());
}

#[test]
fn content_is_encrypted_read_checked_and_its_key_exchanged() {
    let user = User::new();
    user.file("first.key", "a1".repeat(32).as_bytes());
    user.file("second.key", format!("{}\n", "B2".repeat(32)).as_bytes());
    for key in ["first.key", "second.key"] {
        std::fs::set_permissions(user.path(key), Permissions::from_mode(0o600)).unwrap();
    }
    user.file("plain", MARK);
    user.file("open.key", "c3".repeat(32).as_bytes());
    std::fs::set_permissions(user.path("open.key"), Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(user.path("plain"), Permissions::from_mode(0o600)).unwrap();
    user.file("more", &MARK.repeat(1_000));
    let objects = user.path(".local/share/casemate/objects");
    let node = user.serve();
    user.run(&["cp", "plain", "cm://builds/plain"]).text();
    node.stop();
    assert_eq!(files_with(&objects, MARK), (1, 1));

    with_keys(&user, "first.key", "");
    let node = user.serve_with(CONFIG);
    user.run(&["cp", "more", "cm://builds/more"]).text();
    user.wait_until_packed("cm://builds/more");
    for name in ["plain", "more"] {
        let got = user.run(&["cp", &format!("cm://builds/{name}"), "-"]);
        assert_eq!(got.stdout, user.read(name), "{name}");
    }
    let tail = user.run(&["audit", "tail", "--json"]).text();
    assert!(tail.contains("objects.encryption_key") && tail.contains("made"), "{tail}");
    node.stop();
    // The key, what was there before, and what came.
    assert_eq!(files_with(&objects, MARK), (3, 1), "what was stored before stays as it is");
    assert!(user.run(&["fsck", "--objects", "--config", "config.toml"]).stderr.contains(": 0 findings"));

    for (current, former, says) in [
        ("", "", "set `encryption_key_file` to the file of the key that it was encrypted under"),
        ("second.key", "", "set `encryption_key_file` to that key, or `former_encryption_key_file`"),
        ("plain", "", "64 hexadecimal digits"),
        ("open.key", "", "open to other users"),
    ] {
        with_keys(&user, current, former);
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["fsck", "--objects"]] {
            let refused = user.run(&[command, CONFIG].concat());
            assert_ne!(refused.code, 0, "{command:?}");
            assert!(refused.stderr.contains(says), "{command:?}: {}", refused.stderr);
            assert!(!refused.stderr.contains("a1a1") && !refused.stderr.contains("nobody else"), "no secret");
        }
    }

    with_keys(&user, "second.key", "first.key");
    let node = user.serve_with(CONFIG);
    let tail = user.run(&["audit", "tail", "--json"]).text();
    assert!(tail.contains("wrapped anew"), "{tail}");
    node.stop();
    with_keys(&user, "second.key", "");
    let _node = user.serve_with(CONFIG);
    assert_eq!(user.run(&["cp", "cm://builds/more", "-"]).stdout, user.read("more"));
    let checked = user.run(&["config", "check", "--config", "config.toml"]);
    assert!(!checked.text().contains("former_encryption_key_file"));
}
