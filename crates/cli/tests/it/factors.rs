//! Second factors and sessions of the command line: what they open, and what those get who have but a part.

use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde_json::{Value, json};

use crate::binary::{Node, User};
use crate::edge::{Answer, call};

const JSON: &str = "content-type: application/json\r\n";
const PASSWORD: &str = "correct horse";

fn post(node: &Node, path: &str, headers: &str, body: &Value) -> Answer {
    call(node, "POST", &format!("/api/v1{path}"), &format!("{JSON}{headers}"), &body.to_string())
}

fn get(node: &Node, path: &str, headers: &str) -> Answer {
    call(node, "GET", &format!("/api/v1{path}"), headers, "")
}

fn log_in(node: &Node, name: &str, code: Option<&str>) -> Answer {
    let mut body = json!({ "username": name, "password": PASSWORD });
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    post(node, "/auth/login", "", &body)
}

/// What a network may try is not what these tests are about, and all of theirs comes from one.
const ROOM: &str = "[limits.auth]\nper_second = 1000\nburst = 1000\n";

fn serve(user: &User) -> Node {
    let config = user.file("config.toml", ROOM.as_bytes());
    user.serve_with(&["--config", &config])
}

fn bearer(tokens: &Answer) -> String {
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    format!("authorization: Bearer {}\r\n", tokens.json()["access_token"].as_str().unwrap())
}

fn create(user: &User, name: &str, role: &str) {
    let made = user.run_with_input(&["user", "create", name, "--role", role], b"correct horse\n");
    assert_eq!(made.code, 0, "{}", made.stderr);
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

/// An authenticator app, by another implementation than the node's.
struct App(Vec<u8>);

impl App {
    fn code(&self, steps_ahead: u64) -> String {
        let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30 + steps_ahead;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let start = usize::from(tag.as_ref()[19] & 0xf);
        let word = u32::from_be_bytes(tag.as_ref()[start..start + 4].try_into().unwrap());
        format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
    }
}

/// Sets up an app in a session; returns it with the code that confirmed it, and the recovery codes.
fn enrol(node: &Node, session: &str) -> (App, String, Vec<String>) {
    let begun = post(node, "/factors/app", session, &json!({ "password": PASSWORD }));
    assert_eq!(begun.status, 200, "{}", begun.body);
    let begun = begun.json();
    let secret = begun["secret"].as_str().unwrap();
    assert!(begun["uri"].as_str().unwrap().contains(secret) && begun["qr"].as_array().unwrap().len() > 20);
    let app = App(BASE32_NOPAD.decode(secret.as_bytes()).unwrap());
    let code = app.code(0);
    let confirmed = post(node, "/factors/app/confirm", session, &json!({ "code": code }));
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let codes = confirmed.json()["recovery_codes"].as_array().unwrap().clone();
    (app, code, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[test]
fn a_code_is_wanted_beside_the_password_and_good_once() {
    let user = User::new();
    let node = serve(&user);
    create(&user, "ada", "developer");
    let (app, used, recovery) = enrol(&node, &bearer(&log_in(&node, "ada", None)));
    assert_eq!(recovery.len(), 10);

    assert_eq!(log_in(&node, "ada", None).problem(), refused("second_factor_required"));
    assert_eq!(
        log_in(&node, "ada", Some(&used)).problem(),
        refused("second_factor_wrong"),
        "it confirmed the app"
    );
    let next = app.code(1);
    let opened = std::thread::scope(|scope| {
        let tries: Vec<_> =
            (0..4).map(|_| scope.spawn(|| log_in(&node, "ada", Some(&next)).status)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(opened, 1, "of many who have seen one code, one comes in");
    assert_eq!(log_in(&node, "ada", Some(&recovery[0])).status, 200);
    assert_eq!(log_in(&node, "ada", Some(&recovery[0])).problem(), refused("second_factor_wrong"));
    let log = user.run(&["audit", "tail", "-n", "50"]).text();
    assert!(log.contains("one-time codes set up") && log.contains("second factor not accepted"), "{log}");
    for secret in [&recovery[1], &BASE32_NOPAD.encode(&app.0)] {
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
    }
}

#[test]
fn nobody_learns_of_a_factor_without_the_password_and_none_is_guessed() {
    let user = User::new();
    let node = serve(&user);
    create(&user, "ada", "developer");
    enrol(&node, &bearer(&log_in(&node, "ada", None)));
    let wrong = |name: &str, code: Option<&str>| {
        let body = json!({ "username": name, "password": "wrong horse", "code": code });
        let answer = post(&node, "/auth/login", "", &body);
        assert_eq!(answer.problem(), refused("unauthenticated"));
        let mut told = answer.json();
        told["request"] = Value::Null;
        told
    };
    assert_eq!(wrong("ada", None), wrong("eve", None));
    assert_eq!(wrong("ada", Some("123456")), wrong("eve", Some("123456")));
    // 12 of a million: whatever the app shows, somebody is stopped long before they have met it.
    let mut tries = (0..12).map(|number| log_in(&node, "ada", Some(&format!("00000{}", number % 10))));
    let stopped = tries.find(|answer| answer.status == 429).expect("too many tries");
    assert!(stopped.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[test]
fn a_factor_is_added_and_removed_only_by_who_shows_it() {
    let user = User::new();
    let node = serve(&user);
    create(&user, "ada", "developer");
    let (own, other) = (bearer(&log_in(&node, "ada", None)), bearer(&log_in(&node, "ada", None)));
    let begin = json!({ "password": "wrong horse" });
    assert_eq!(post(&node, "/factors/app", &own, &begin).problem(), refused("unauthenticated"));
    let (_, _, recovery) = enrol(&node, &own);
    assert_eq!(get(&node, "/session", &other).status, 401, "in the other session no factor was shown");
    let password = json!({ "password": PASSWORD });
    assert_eq!(post(&node, "/passkeys/options", "", &password).status, 401, "a stranger");

    let remove = |password: &str, code: &str| {
        post(&node, "/factors/app/remove", &own, &json!({ "password": password, "code": code }))
    };
    assert_eq!(remove(PASSWORD, "aaaa-aaaa-aaaa-aaaa").problem(), refused("second_factor_wrong"));
    assert_eq!(remove("wrong horse", &recovery[0]).problem(), refused("unauthenticated"));
    assert_eq!(get(&node, "/factors", &own).json()["recovery_codes_left"], 10);
    assert_eq!(remove(PASSWORD, &recovery[0]).status, 204);
    assert_eq!(get(&node, "/session", &own).status, 200);
    assert_eq!(log_in(&node, "ada", None).status, 200);
}

#[test]
fn who_must_have_two_factors_does_nothing_before() {
    let user = User::new();
    let config = user.file("node.toml", format!("second_factor = \"admins\"\n{ROOM}").as_bytes());
    let node = user.serve_with(&["--config", &config]);
    create(&user, "ada", "admin");
    create(&user, "bob", "developer");
    let (ada, bob) = (bearer(&log_in(&node, "ada", None)), bearer(&log_in(&node, "bob", None)));
    assert_eq!((get(&node, "/buckets", &ada).status, get(&node, "/buckets", &bob).status), (403, 200));
    let told = get(&node, "/buckets", &ada).json();
    assert!(told["detail"].as_str().unwrap().contains("shows two factors"), "{told}");
    assert!(told["hint"].as_str().unwrap().contains("set up an authenticator app"), "{told}");
    assert_eq!(get(&node, "/session", &ada).json()["scopes"], json!([]));
    assert_eq!(post(&node, "/login-links", &ada, &json!({})).status, 403);
    assert_eq!(get(&node, "/factors", &ada).json()["required"], true);
    assert_eq!(get(&node, "/factors", &bob).json()["required"], false);

    let (_, _, recovery) = enrol(&node, &ada);
    assert_eq!(get(&node, "/buckets", &ada).status, 200, "both were shown in this session");
    let again = bearer(&log_in(&node, "ada", Some(&recovery[0])));
    assert_eq!(get(&node, "/users", &again).status, 200);

    user.run(&["user", "reset-factors", "ada"]).text();
    assert_eq!((get(&node, "/session", &ada).status, get(&node, "/session", &again).status), (401, 401));
    let anew = bearer(&log_in(&node, "ada", None));
    assert_eq!(get(&node, "/buckets", &anew).status, 403);
    let reset = call(&node, "POST", "/api/v1/users/ada/reset-factors", &bob, "");
    assert_eq!(reset.problem(), (403, "denied".to_owned()));
    let log = user.run(&["audit", "tail", "-n", "50"]).text();
    assert!(log.contains("users.reset_factors") && log.contains("second factors removed"), "{log}");
}

/// An authenticator with one passkey, and the browser around it.
struct Device {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    origin: String,
}

impl Device {
    fn new(node: &Node, id: u8) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self { key, id: vec![id; 16], origin: node.url.replace("127.0.0.1", "localhost") }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let data = json!({ "type": kind, "challenge": challenge, "origin": self.origin });
        data.to_string().into_bytes()
    }

    fn data(flags: u8, count: u32) -> Vec<u8> {
        let party = digest(&SHA256, b"localhost");
        [party.as_ref(), &[flags], &count.to_be_bytes()].concat()
    }

    fn register(&self, challenge: &Value) -> Value {
        let point = self.key.public_key().as_ref();
        let start: &[u8] = &[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        let key = [start, &point[1..33], &[0x22, 0x58, 0x20], &point[33..]].concat();
        let data = [&Self::data(0x45, 0)[..], &[0; 16], &[0, 16], &self.id, &key].concat();
        let client_data = self.client_data("webauthn.create", challenge);
        json!({ "label": "phone", "client_data": BASE64URL_NOPAD.encode(&client_data),
            "authenticator_data": BASE64URL_NOPAD.encode(&data) })
    }

    fn sign(&self, user_handle: &Value, challenge: &Value, count: u32) -> Value {
        let (data, client_data) = (Self::data(0x05, count), self.client_data("webauthn.get", challenge));
        let signed = [&data[..], digest(&SHA256, &client_data).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        json!({ "passkey_id": text(&self.id), "user_handle": user_handle, "client_data": text(&client_data),
            "authenticator_data": text(&data), "signature": text(signature.as_ref()) })
    }
}

#[test]
fn a_passkey_signs_its_user_in_and_nobody_else() {
    let user = User::new();
    let node = serve(&user);
    create(&user, "ada", "developer");
    create(&user, "eve", "developer");
    let begin =
        |session: &str| post(&node, "/passkeys/options", session, &json!({ "password": PASSWORD })).json();
    let (ada, eve) = (bearer(&log_in(&node, "ada", None)), bearer(&log_in(&node, "eve", None)));
    let device = Device::new(&node, 1);
    let options = begin(&ada);
    assert_eq!((&options["rp_id"], &options["user_name"]), (&json!("localhost"), &json!("ada")));
    let registration = device.register(&options["challenge"]);
    let others = post(&node, "/passkeys", &eve, &registration);
    assert_eq!(others.problem(), (400, "invalid_body".to_owned()), "the challenge is ada's");
    assert_eq!(post(&node, "/passkeys", &ada, &registration).status, 201);
    let second = Device::new(&node, 2).register(&options["challenge"]);
    assert_eq!(post(&node, "/passkeys", &ada, &second).status, 400, "the challenge was used");

    let challenge = || post(&node, "/auth/passkey-options", "", &json!({})).json()["challenge"].clone();
    let sign_in = |used: &Value| post(&node, "/session", "cookie: casemate_session=planted\r\n", used);
    let handle = &options["user_handle"];
    let used = device.sign(handle, &challenge(), 1);
    let opened = sign_in(&used);
    assert_eq!((opened.status, &opened.json()["user"]), (201, &json!("ada")), "{}", opened.body);
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap();
    assert!(!cookie.contains("planted"), "the session is a new one");
    let by_password = bearer(&log_in(&node, "ada", None));
    let added = post(&node, "/factors/app", &by_password, &json!({ "password": PASSWORD }));
    assert_eq!(added.problem(), (403, "denied".to_owned()), "who has the password alone adds no factor");
    assert_eq!(get(&node, "/session", &format!("cookie: {cookie}\r\n")).status, 200);

    assert_eq!(sign_in(&used).status, 401, "the same once more");
    let eves = begin(&eve)["user_handle"].clone();
    let evil = Device { origin: "http://evil.example".to_owned(), ..Device::new(&node, 1) };
    let attacks = [
        ("another's handle", device.sign(&eves, &challenge(), 2)),
        ("a counter that went back", device.sign(handle, &challenge(), 1)),
        ("a challenge of a registration", device.sign(handle, &begin(&ada)["challenge"], 2)),
        ("another key", Device::new(&node, 1).sign(handle, &challenge(), 2)),
        ("another site", evil.sign(handle, &challenge(), 2)),
        ("an unknown passkey", Device::new(&node, 9).sign(handle, &challenge(), 2)),
    ];
    for (what, attack) in attacks {
        assert_eq!(sign_in(&attack).problem(), refused("unauthenticated"), "{what}");
    }
    assert_eq!(sign_in(&device.sign(handle, &challenge(), 2)).status, 201);
    let log = user.run(&["audit", "tail", "-n", "50"]).text();
    assert!(log.contains("counter went back") && log.contains("passkey added"), "{log}");

    // Nobody removes it with the password alone.
    let id = BASE64URL_NOPAD.encode(&[1; 16]);
    let weak = bearer(&log_in(&node, "ada", None));
    let remove = |session: &str| {
        post(&node, &format!("/passkeys/{id}/remove"), session, &json!({ "password": PASSWORD }))
    };
    assert_eq!(remove(&weak).problem(), (403, "denied".to_owned()));
    assert_eq!(remove(&eve).status, 403);
    assert_eq!(remove(&ada).status, 204, "it was added in this session");
    assert_eq!(sign_in(&device.sign(handle, &challenge(), 3)).status, 401);
}

#[test]
fn the_command_line_signs_in_goes_on_and_signs_out() {
    let (owner, user) = (User::new(), User::new());
    let node = serve(&owner);
    create(&owner, "ada", "developer");
    let at = |arguments: &[&'static str]| [arguments, &["--url", &node.url]].concat();
    let anywhere = user.run(&["login", "ada", "--url", "http://192.0.2.1:7070"]);
    assert_eq!(anywhere.code, 2, "{}", anywhere.stderr);
    assert!(anywhere.stderr.contains("unencrypted"), "{}", anywhere.stderr);
    assert_eq!(user.run_with_input(&at(&["login", "ada"]), b"wrong horse\n").code, 4);
    assert_eq!(user.run(&at(&["ls"])).code, 4);
    let done = user.run_with_input(&at(&["login", "ada"]), b"correct horse\n");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(user.run(&at(&["ls"])).code, 0);

    let sessions = user.path(".local/state/casemate/sessions");
    let place = std::fs::read_dir(&sessions).unwrap().next().unwrap().unwrap().path();
    let file = place.join("session.json");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(&file)), (0o700, 0o600));
    let kept = || serde_json::from_slice::<Value>(&std::fs::read(&file).unwrap()).unwrap();
    let first = kept();

    // An access token that is over is replaced in silence, and by one of many processes at once.
    let mut stale = first.clone();
    stale["access_ends_ms"] = json!(0);
    std::fs::write(&file, stale.to_string()).unwrap();
    let many: Vec<_> = (0..6).map(|_| user.command(&at(&["ls"])).spawn().unwrap()).collect();
    for child in many {
        let done = crate::binary::Done::of(child);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    let second = kept();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(mode(&file), 0o600);
    let log = owner.run(&["audit", "tail", "-n", "50"]).text();
    assert!(!log.contains("used twice"), "{log}");

    // The token also stands where a key would, as the documents say.
    let token = second["access_token"].as_str().unwrap();
    let mut by_variable = owner.command(&at(&["ls"]));
    let by_variable = by_variable.env("CASEMATE_API_KEY", token).spawn().unwrap();
    assert_eq!(crate::binary::Done::of(by_variable).code, 0);

    let out = user.run(&at(&["logout"]));
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert!(!file.exists());
    assert_eq!(user.run(&at(&["ls"])).code, 4);
    let header = format!("authorization: Bearer {token}\r\n");
    assert_eq!(get(&node, "/session", &header).status, 401, "the session ended at the node, too");
}

#[test]
fn the_command_line_asks_for_a_code_where_one_is_wanted() {
    let (owner, user) = (User::new(), User::new());
    let node = serve(&owner);
    create(&owner, "ada", "developer");
    let (_, _, recovery) = enrol(&node, &bearer(&log_in(&node, "ada", None)));
    let login = |input: &str| user.run_with_input(&["login", "ada", "--server", &node.url], input.as_bytes());
    let wrong = login("correct horse\n000000\n");
    assert_eq!(wrong.code, 4, "{}", wrong.stderr);
    let right = login(&format!("correct horse\n{}\n", recovery[0]));
    assert_eq!(right.code, 0, "{}", right.stderr);
    let file = user.file("password.txt", b"correct horse\n");
    let arguments = ["login", "ada", "--url", &node.url, "--password-file", &file];
    assert_eq!(user.run(&arguments).code, 1, "others can read the file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let again = user.run_with_input(&arguments, format!("{}\n", recovery[1]).as_bytes());
    assert_eq!(again.code, 0, "{}", again.stderr);
}
