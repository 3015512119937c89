//! Which names are had by whom, as people meet it.

use serde_json::json;

use crate::binary::User;

#[test]
fn a_name_that_could_be_mistaken_is_nobodys() {
    let user = User::new();
    let node = user.serve();
    user.file("app.txt", b"app");
    assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app"]).code, 0);
    let claim = |name: &str| user.run(&["name", "claim", name, "cm://builds/app"]);
    assert_eq!(claim("paypal-tools.shop").code, 0);
    for (name, code, said) in [
        ("paypa1-tools.shop", 5, "looks like `paypal-tools.shop`"),
        ("shop.localhost", 4, "ends in a word that nobody gets"),
        ("127.0.0.1", 2, "cannot end in `1`"),
        ("b\u{fc}cher.shop", 2, "write it as DNS does, `xn--bcher-kva`"),
        ("xn--pypal-4ve.shop", 2, "which is not of one script"),
        ("xn--a.shop", 2, "is not Unicode as IDNA"),
    ] {
        let refused = claim(name);
        assert!(
            refused.code == code && refused.stderr.contains(said),
            "{name}: {} {}",
            refused.code,
            refused.stderr
        );
    }
    assert_eq!(claim("xn--bcher-kva.shop.").code, 0);
    let shown = user.run(&["name", "show", "xn--bcher-kva.shop"]).text();
    assert!(shown.contains("b\u{fc}cher.shop"), "{shown}");

    // What is there to be had is said beforehand.
    let check = |words: &[&str]| {
        let done = user.run(&[&["name", "check"], words].concat());
        (done.code, String::from_utf8(done.stdout).unwrap())
    };
    assert_eq!(check(&["thumbnails.shop"]), (0, "free\n".to_owned()));
    let (code, said) = check(&["paypa1-tools.shop"]);
    assert!(code == 1 && said.contains("looks like `paypal-tools.shop`"), "{code} {said}");
    let (code, said) = check(&["shop.localhost"]);
    assert!(code == 1 && said.contains("ends in a word that nobody gets"), "{code} {said}");
    let (code, checked) = check(&["paypal-tools.shop", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&checked).unwrap();
    assert_eq!(code, 1);
    assert_eq!((&checked["free"], &checked["unicode"]), (&false.into(), &"paypal-tools.shop".into()));

    // Whoever runs the node claims what people trust, and nobody else does.
    assert_eq!(claim("my.bank").code, 0);
    let key = user.run(&["key", "create", "--label", "dev", "--role", "developer"]).text();
    let words = ["name", "claim", "your.bank", "cm://builds/app", "--url", &node.url];
    let refused = user.command(&words).env("CASEMATE_API_KEY", key.trim()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(4) && said.contains("ends in a word that people trust"), "{said}");
}

#[test]
fn a_name_goes_back_to_what_it_meant() {
    let user = User::new();
    let _node = user.serve();
    for (file, content) in [("one.txt", "one"), ("two.txt", "two"), ("three.txt", "three")] {
        user.file(file, content.as_bytes());
        assert_eq!(user.run(&["cp", file, &format!("cm://builds/{file}")]).code, 0);
    }
    let set = |words: &[&str]| user.run(&[&["name"], words, &["--json"]].concat());
    let first = set(&["claim", "app.shop", "cm://builds/one.txt"]).json()["digest"].clone();
    let refused = user.run(&["name", "rollback", "app.shop"]);
    assert!(refused.code == 3 && refused.stderr.contains("no earlier version"), "{}", refused.stderr);
    let second = set(&["set", "app.shop", "cm://builds/two.txt"]).json()["digest"].clone();
    set(&["set", "app.shop", "cm://builds/three.txt"]);
    let back = set(&["rollback", "app.shop"]).json();
    assert_eq!((&back["sequence"], &back["digest"]), (&4.into(), &second));
    let back = set(&["rollback", "app.shop", "--to", "1"]).json();
    assert_eq!((&back["sequence"], &back["digest"]), (&5.into(), &first));
    let refused = user.run(&["name", "rollback", "app.shop", "--to", "9"]);
    assert!(refused.code == 3 && refused.stderr.contains("has no version 9"), "{}", refused.stderr);
    assert_eq!(user.run(&["name", "history", "app.shop", "--json"]).json().as_array().unwrap().len(), 5);

    // What was said in DNS, and the tags, go back too: a mistake in them is undone, and the content stays.
    set(&["set", "app.shop", "--dns", "A 192.0.2.1", "--ttl", "60", "--tag", "prod"]);
    let worse = set(&["set", "app.shop", "--dns", "A 192.0.2.66", "--tag", "wrong"]).json();
    assert_eq!(worse["dns"], json!({ "ttl": 60, "records": ["A 192.0.2.66"] }));
    let back = set(&["rollback", "app.shop"]).json();
    assert_eq!((&back["digest"], &back["tags"]), (&first, &json!(["prod"])));
    assert_eq!(back["dns"], json!({ "ttl": 60, "records": ["A 192.0.2.1"] }));
    let longer = set(&["set", "app.shop", "--ttl", "600"]).json();
    assert_eq!(longer["dns"], json!({ "ttl": 600, "records": ["A 192.0.2.1"] }));
    let back = set(&["rollback", "app.shop", "--to", "1"]).json();
    assert_eq!((&back["dns"]["records"], &back["tags"]), (&json!([]), &json!([])));
}

#[test]
fn a_name_goes_from_hand_to_hand_and_comes_back_by_power() {
    let user = User::new();
    let _node = user.serve();
    user.file("app.txt", b"app");
    for project in ["default", "tenant"] {
        assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app", "--project", project]).code, 0);
    }
    let run = |words: &[&str]| user.run(&[&["name"], words].concat());
    let ok = |words: &[&str]| {
        let done = run(words);
        assert_eq!(done.code, 0, "{words:?}: {}", done.stderr);
        done.text()
    };
    ok(&["claim", "acme", "cm://builds/app"]);
    let locked = run(&["offer", "acme", "--to", "tenant"]);
    assert!(locked.code == 5 && locked.stderr.contains("can be offered from"), "{}", locked.stderr);
    let early = run(&["renew", "acme"]);
    assert!(early.code == 5 && early.stderr.contains("can be done to the name"), "{}", early.stderr);

    // What is below a name of one's own may be handed on at once, and stays in one's power.
    ok(&["claim", "shop.acme", "cm://builds/app", "--dns", "A 192.0.2.1", "--tag", "prod"]);
    assert!(ok(&["list", "--tag", "prod"]).contains("shop.acme"));
    ok(&["offer", "shop.acme", "--to", "tenant"]);
    assert!(ok(&["list", "--offered", "--project", "tenant"]).contains("shop.acme"));
    let not_yours = run(&["accept", "shop.acme"]);
    assert!(not_yours.code == 3 && not_yours.stderr.contains("is not offered"), "{}", not_yours.stderr);
    let taken = ok(&["accept", "shop.acme", "--project", "tenant"]);
    assert!(taken.contains("tenant") && taken.contains("A 192.0.2.1") && !taken.contains("prod"), "{taken}");
    ok(&["suspend", "shop.acme", "--reason", "a complaint"]);
    let shown = run(&["show", "shop.acme", "--json"]).json();
    assert_eq!(
        (&shown["status"], &shown["digest"], &shown["dns"]),
        (&"suspended".into(), &().into(), &().into())
    );
    let stopped = run(&["set", "shop.acme", "--no-dns", "--project", "tenant"]);
    assert!(stopped.code == 5 && stopped.stderr.contains("is suspended"), "{}", stopped.stderr);
    ok(&["resume", "shop.acme"]);
    assert!(ok(&["show", "shop.acme"]).contains("active"));
    ok(&["revoke", "shop.acme"]);
    assert!(ok(&["show", "shop.acme"]).contains("revoked until"));
    let history = ok(&["history", "shop.acme"]);
    for change in ["claimed", "offered", "transferred", "suspended", "resumed", "revoked"] {
        assert!(history.contains(change), "{change}: {history}");
    }
    let log = user.run(&["audit", "tail", "-n", "50", "--json"]).stdout;
    assert!(String::from_utf8_lossy(&log).contains("a complaint"));
}

#[test]
fn a_name_with_an_owner_is_changed_by_its_key_and_proved_offline() {
    let user = User::new();
    let node = user.serve();
    user.file("app.txt", b"app");
    assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app"]).code, 0);
    let with =
        |words: &[&str], passphrases: &[u8]| user.run_with_input(&[&["name"], words].concat(), passphrases);
    let short = with(&["key", "create", "mine"], b"short\n");
    assert!(short.code == 2 && short.stderr.contains("8 characters"), "{}", short.stderr);
    assert_eq!(with(&["key", "create", "mine"], b"correct horse\n").code, 0);
    assert_eq!(with(&["key", "create", "mine"], b"correct horse\n").code, 5);
    assert_eq!(with(&["key", "create", "vault", "--hybrid"], b"battery staple\n").code, 0);
    let listed = with(&["key", "list"], b"").text();
    assert!(listed.contains("mine") && listed.contains("Ed25519 and ML-DSA-65"), "{listed}");

    let claim = ["claim", "app.shop", "cm://builds/app", "--owner-key", "mine", "--recovery-key", "vault"];
    let wrong = with(&claim, b"wrong horse\n");
    assert!(wrong.code == 4 && wrong.stderr.contains("does not open the key `mine`"), "{}", wrong.stderr);
    let claimed = with(&claim, b"correct horse\n");
    assert_eq!(claimed.code, 0, "{}", claimed.stderr);
    assert!(claimed.text().contains("owner key"));
    // The key is found by itself when it is needed, and nobody does without it.
    let set = with(&["set", "app.shop", "--tag", "prod"], b"correct horse\n");
    assert_eq!(set.code, 0, "{}", set.stderr);
    let rotated = with(&["rotate", "app.shop", "--owner-key", "vault"], b"correct horse\nbattery staple\n");
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    // The recovery key stayed, and can be used: who looks sees from when on, and what calls it off.
    let proof = with(&["proof", "app.shop", "-o", "app.proof"], b"");
    assert_eq!(proof.code, 0, "{}", proof.stderr);
    let old = with(&["proof", "app.shop", "--version", "1", "-o", "old.proof"], b"");
    assert_eq!(old.code, 0, "{}", old.stderr);
    let recover = with(&["recover", "app.shop", "--owner-key", "mine"], b"battery staple\ncorrect horse\n");
    assert_eq!(recover.code, 0, "{}", recover.stderr);
    let shown = with(&["show", "app.shop"], b"").text();
    assert!(
        shown.contains("recovery key") && shown.contains("`casemate name withdraw` calls it off"),
        "{shown}"
    );
    let withdrawn = with(&["withdraw", "app.shop"], b"battery staple\n");
    assert_eq!(withdrawn.code, 0, "{}", withdrawn.stderr);
    let without = ["rotate", "app.shop", "--owner-key", "mine", "--no-recovery"];
    assert_eq!(with(&without, b"battery staple\ncorrect horse\n").code, 0);
    let refused = with(&["recover", "app.shop", "--owner-key", "vault"], b"correct horse\nbattery staple\n");
    assert!(refused.code == 5 && refused.stderr.contains("has no recovery key"), "{}", refused.stderr);
    drop(node);

    let verified = user.run(&["verify", "app.proof", "--json"]).json();
    assert_eq!(
        (&verified["name"], &verified["change"], &verified["owner_signed"], &verified["resolution"]),
        (&"app.shop".into(), &"rotated".into(), &true.into(), &"offline".into())
    );
    let said = user.run(&["verify", "old.proof"]);
    assert!(said.code == 0 && said.stderr.contains("its owner signed this version"), "{}", said.stderr);
    let whole = std::fs::read_to_string(user.path("app.proof")).unwrap();
    for (line, part) in [("record ", "record"), ("entry ", "entry"), ("leaf ", "leaf hash"), ("index ", "")] {
        let start = whole.find(line).unwrap() + line.len();
        let mut bytes = whole.clone().into_bytes();
        bytes[start + 30.min(whole.len() - start - 1)] ^= 1;
        user.file("bent.proof", &bytes);
        let refused = user.run(&["verify", "bent.proof"]);
        assert!(refused.code == 1 && refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
}

#[test]
fn a_claim_is_committed_to_where_a_registry_wants_it() {
    let user = User::new();
    user.file("casemate.toml", b"name_commitments = \"required\"\n");
    let config = user.path("casemate.toml");
    let node = user.serve_with(&["--config", config.to_str().unwrap()]);
    user.file("app.txt", b"app");
    assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app"]).code, 0);
    let key = user.run(&["key", "create", "--label", "dev", "--role", "developer"]).text();
    let claim = |more: &[&str]| {
        let words =
            [&["name", "claim", "app.shop", "cm://builds/app", "--url", &node.url][..], more].concat();
        let done = user.command(&words).env("CASEMATE_API_KEY", key.trim()).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = claim(&[]);
    assert!(code == Some(5) && said.contains("casemate name claim --commit"), "{code:?} {said}");
    assert_eq!(claim(&["--commit"]).0, Some(0));
    let entries = user.run(&["audit", "search", "names.commit", "--json"]).text();
    assert!(entries.contains("names.commit"), "{entries}");
    assert_eq!(
        user.run(&["name", "claim", "ours.shop", "cm://builds/app"]).code,
        0,
        "who runs the node needs none"
    );
}
