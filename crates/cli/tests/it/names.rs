//! Which names are had by whom, as people meet it.

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
        ("b\u{fc}cher.shop", 2, "cannot be part of a name"),
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
    let check = |name: &str| user.run(&["name", "check", name]).text();
    assert_eq!(check("thumbnails.shop").trim(), "free");
    assert!(check("paypa1-tools.shop").contains("looks like `paypal-tools.shop`"));
    assert!(check("shop.localhost").contains("ends in a word that nobody gets"));
    let checked = user.run(&["name", "check", "paypal-tools.shop", "--json"]).json();
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
    assert_eq!(user.run(&["name", "rollback", "app.shop", "--to", "9"]).code, 3);
    assert_eq!(user.run(&["name", "history", "app.shop", "--json"]).json().as_array().unwrap().len(), 5);
}
