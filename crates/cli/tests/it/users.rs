//! Users: how they come in, what they may do, and how it ends.

use serde_json::{Value, json};

use crate::binary::{Node, User};
use crate::edge::{Answer, call};

const JSON: &str = "content-type: application/json\r\n";

fn post(node: &Node, path: &str, headers: &str, body: &Value) -> Answer {
    call(node, "POST", &format!("/api/v1{path}"), &format!("{JSON}{headers}"), &body.to_string())
}

fn log_in(node: &Node, name: &str, password: &str) -> Answer {
    post(node, "/auth/login", "", &json!({ "username": name, "password": password }))
}

fn bearer(tokens: &Answer) -> String {
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    format!("authorization: Bearer {}\r\n", tokens.json()["access_token"].as_str().unwrap())
}

fn who(node: &Node, headers: &str) -> Answer {
    call(node, "GET", "/api/v1/session", headers, "")
}

/// Makes a user of the project and returns the headers of a session.
fn signed_in(user: &User, node: &Node, name: &str, role: &str) -> String {
    let made = user.run_with_input(&["user", "create", name, "--role", role], b"correct horse\n");
    assert_eq!(made.code, 0, "{}", made.stderr);
    bearer(&log_in(node, name, "correct horse"))
}

#[test]
fn a_users_keys_and_what_they_open_end_with_the_user() {
    let user = User::new();
    let node = user.serve();
    let add = ["user", "create", "ada", "--role", "admin"];
    user.run_with_input(&add, b"correct horse\n").text();
    let made = user.run(&["key", "create", "--label", "ada", "--role", "admin", "--user", "ada"]).text();
    let key = format!("x-api-key: {}\r\n", made.trim());
    let json = "content-type: application/json\r\n";
    let by_key =
        |method: &str, path: &str, body: &str| call(&node, method, path, &format!("{key}{json}"), body);
    let child =
        by_key("POST", "/api/v1/keys", r#"{"label":"child","role":"viewer","scopes":["names:read"]}"#);
    assert_eq!(child.status, 201, "{}", child.body);
    let child: Value = serde_json::from_str(&child.body).unwrap();
    let child = format!("x-api-key: {}\r\n", child["secret"].as_str().unwrap());
    let sign_in = format!(r#"{{"api_key":"{}"}}"#, made.trim());
    let opened = call(&node, "POST", "/api/v1/session", json, &sign_in);
    let cookie = format!("cookie: {}\r\n", opened.header("set-cookie").unwrap().split(';').next().unwrap());
    let names = |headers: &str| call(&node, "GET", "/api/v1/names", headers, "").status;
    assert_eq!((names(&key), names(&child), names(&cookie)), (200, 200, 200));
    for (path, body) in [("/api/v1/users/ada/block", ""), ("/api/v1/users/ada/reset-factors", "")] {
        assert_eq!(by_key("POST", path, body).status, 403, "nobody does {path} to themselves");
    }
    assert_eq!(user.run(&["user", "block", "ada"]).code, 0);
    assert_eq!((names(&key), names(&child), names(&cookie)), (401, 401, 401));
}

#[test]
fn what_a_user_handed_out_ends_with_the_user() {
    let user = User::new();
    let node = user.serve();
    let app = user.file("app", b"content");
    user.run(&["cp", &app, "cm://builds/app"]).text();
    let ada = signed_in(&user, &node, "ada", "admin");
    let made = |path: &str, body: &Value| {
        let made = post(&node, path, &ada, body);
        assert!([200, 201].contains(&made.status), "{}", made.body);
        made.json()
    };
    let hand_out = || {
        let invitation = made("/invitations", &json!({ "role": "viewer" }))["token"].clone();
        let share = json!({ "bucket": "builds", "key": "app", "seconds": 600 });
        let share = made("/shares", &share)["url"].as_str().unwrap().to_owned();
        (invitation, share[share.find("/api/").unwrap()..].to_owned())
    };
    let good = |(invitation, share): &(Value, String)| {
        // One that is good is told that the name is taken, and is not used up.
        let body = json!({ "username": "ada", "password": "correct horse", "invitation": invitation });
        let invited = post(&node, "/auth/register", "", &body).status;
        (invited == 409, call(&node, "GET", share, "", "").status == 200)
    };
    let handed_out = hand_out();
    assert_eq!(good(&handed_out), (true, true));
    user.run(&["user", "role", "ada", "developer"]).text();
    assert_eq!(good(&handed_out), (false, true), "who may not invite has invited nobody");
    user.run(&["user", "block", "ada"]).text();
    assert_eq!(good(&handed_out), (false, false));
}

#[test]
fn a_login_link_ends_with_the_session_that_made_it() {
    let user = User::new();
    let node = user.serve();
    let ada = signed_in(&user, &node, "ada", "admin");
    let link = |session: &str| {
        let made = post(&node, "/login-links", session, &json!({}));
        assert_eq!(made.status, 201, "{}", made.body);
        let url = made.json()["url"].as_str().unwrap().to_owned();
        url.split_once("token=").expect("a link").1.to_owned()
    };
    let open = |token: &str| post(&node, "/session", "", &json!({ "link_token": token })).status;
    assert_eq!(open(&link(&ada)), 201);
    let stolen = link(&ada);
    let other = bearer(&log_in(&node, "ada", "correct horse"));
    let change = json!({ "former": "correct horse", "new": "battery staple" }).to_string();
    let changed = call(&node, "PUT", "/api/v1/password", &format!("{JSON}{other}"), &change);
    assert_eq!(changed.status, 204, "{}", changed.body);
    assert_eq!(open(&stolen), 401, "who changes the password shuts out whoever had it");
}

#[test]
fn an_invitation_makes_one_user_who_signs_in() {
    let user = User::new();
    let node = user.serve();
    let url = user.run(&["user", "invite", "--role", "admin"]).text();
    let token = url.trim().split_once("#/join?token=").expect("a link to join").1;
    let register = |name: &str, token: &str| {
        let body = json!({ "username": name, "password": "correct horse", "invitation": token });
        post(&node, "/auth/register", "", &body)
    };
    assert_eq!(
        register("Ada", &token.replace("_inv_", "_lnk_")).problem(),
        (401, "unauthenticated".to_owned())
    );
    let made = register("Ada", token);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.json()["name"], "ada");
    assert_eq!(register("eve", token).problem().0, 401, "it is used up");
    let uninvited = json!({ "username": "eve", "password": "correct horse" });
    assert_eq!(post(&node, "/auth/register", "", &uninvited).problem(), (403, "denied".to_owned()));

    let tokens = log_in(&node, "ADA", "correct horse");
    let found = who(&node, &bearer(&tokens)).json();
    assert_eq!((&found["role"], &found["project"]), (&json!("admin"), &json!("default")));
    assert!(found["principal"].as_str().unwrap().starts_with("user:usr_"), "{found}");
    assert_eq!(user.run(&["user", "list", "--json"]).json()[0]["name"], "ada");
}

#[test]
fn wrong_names_and_wrong_passwords_are_answered_alike() {
    let user = User::new();
    let node = user.serve();
    signed_in(&user, &node, "ada", "viewer");
    user.run_with_input(&["user", "create", "bob"], b"correct horse").text();
    user.run(&["user", "block", "bob"]).text();
    let answers = [
        log_in(&node, "ada", "wrong horse"),
        log_in(&node, "eve", "correct horse"),
        log_in(&node, "bob", "correct horse"),
        log_in(&node, "Аda", "correct horse"),
    ];
    let told = |answer: &Answer| {
        let mut problem = answer.json();
        problem["request"] = Value::Null;
        problem
    };
    for answer in &answers {
        assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()));
        assert_eq!(told(answer), told(&answers[0]));
    }
    // What is left of a session that was ended keeps nobody out.
    let stale = format!("cookie: casemate_session=casemate_ses_stale\r\n{JSON}");
    let body = json!({ "username": "ada", "password": "correct horse" }).to_string();
    assert_eq!(call(&node, "POST", "/api/v1/session", &stale, &body).status, 201);
    let short = log_in(&node, "ada", "short");
    assert_eq!(short.problem(), (400, "invalid_body".to_owned()));
    assert_eq!(short.json()["pointer"], "/password");
    assert!(!short.body.contains("\"short"), "a password is not repeated: {}", short.body);

    // A name that is tried again and again is refused for a while, and the refusals are in the log.
    let refused = (0..12).map(|_| log_in(&node, "ada", "wrong horse")).find(|answer| answer.status == 429);
    let refused = refused.expect("too many tries");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(refused.json()["hint"], format!("try again in {seconds} s"));
    let log = user.run(&["audit", "tail", "-n", "50"]).text();
    assert!(log.contains("user:ada") && log.contains("credential not accepted"), "{log}");
}

#[test]
fn a_session_goes_on_by_refresh_tokens_and_ends_with_its_user() {
    let user = User::new();
    let node = user.serve();
    let first = signed_in(&user, &node, "ada", "developer");
    let tokens = log_in(&node, "ada", "correct horse");
    let refresh = |tokens: &Answer| {
        let token = tokens.json()["refresh_token"].clone();
        post(&node, "/auth/refresh", "", &json!({ "refresh_token": token }))
    };
    let next = refresh(&tokens);
    assert_eq!(next.status, 200, "{}", next.body);
    let again = refresh(&tokens);
    assert_eq!(again.json()["refresh_token"], next.json()["refresh_token"], "the same successor");
    assert_eq!(who(&node, &bearer(&next)).status, 200);

    let sessions = call(&node, "GET", "/api/v1/sessions", &bearer(&next), "").json();
    let sessions = sessions["items"].as_array().unwrap().clone();
    assert_eq!(
        sessions.iter().map(|one| one["current"].as_bool().unwrap()).collect::<Vec<_>>(),
        [false, true]
    );
    let other = sessions[0]["id"].as_str().unwrap();
    assert_eq!(call(&node, "DELETE", &format!("/api/v1/sessions/{other}"), &bearer(&next), "").status, 204);
    assert_eq!(who(&node, &first).problem().0, 401, "ended from the other session");

    user.run(&["user", "role", "ada", "viewer"]).text();
    let put = |headers: &str| call(&node, "PUT", "/api/v1/objects/builds/a", headers, "x").status;
    assert_eq!(put(&bearer(&next)), 403, "the role of today counts, not that of the token");
    user.run(&["user", "block", "ada"]).text();
    assert_eq!(who(&node, &bearer(&next)).problem().0, 401);
    assert_eq!(refresh(&next).problem().0, 401);
    user.run(&["user", "unblock", "ada"]).text();
    assert_eq!(who(&node, &bearer(&next)).problem().0, 401, "what was ended stays ended");
    assert_eq!(log_in(&node, "ada", "correct horse").status, 200);
}

#[test]
fn a_password_is_changed_by_who_knows_it_and_ends_other_sessions() {
    let user = User::new();
    let node = user.serve();
    let other = signed_in(&user, &node, "ada", "viewer");
    let own = bearer(&log_in(&node, "ada", "correct horse"));
    let change = |former: &str, new: &str| {
        let body = json!({ "former": former, "new": new }).to_string();
        call(&node, "PUT", "/api/v1/password", &format!("{JSON}{own}"), &body)
    };
    assert_eq!(change("wrong horse", "battery staple").problem().0, 401);
    assert_eq!(change("correct horse", "short").problem(), (400, "invalid_body".to_owned()));
    assert_eq!(change("correct horse", "battery staple").status, 204);
    assert_eq!((who(&node, &own).status, who(&node, &other).status), (200, 401));
    assert_eq!(log_in(&node, "ada", "correct horse").status, 401);
    assert_eq!(log_in(&node, "ada", "battery staple").status, 200);
    let long = "x".repeat(256);
    user.run_with_input(&["user", "password", "ada"], long.as_bytes()).text();
    assert_eq!(who(&node, &own).status, 401, "set by somebody else: all sessions end");
    assert_eq!(log_in(&node, "ada", &long).status, 200);
    assert_eq!(log_in(&node, "ada", &long[1..]).status, 401, "nothing is cut off");
}

#[test]
fn nobody_gives_more_than_they_have() {
    let user = User::new();
    let node = user.serve();
    let scopes = ["--scope", "users:write", "--scope", "users:read", "--scope", "objects:read"];
    user.run(&[&["role", "set", "clerk"][..], &scopes].concat()).text();
    signed_in(&user, &node, "root", "admin");
    signed_in(&user, &node, "bob", "viewer");
    let clerk = signed_in(&user, &node, "carol", "clerk");
    let ask = |method: &str, path: &str, body: Value| {
        call(&node, method, &format!("/api/v1{path}"), &format!("{JSON}{clerk}"), &body.to_string()).status
    };
    let role = |role: &str| json!({ "role": role });
    assert_eq!(ask("PUT", "/members/carol", role("admin")), 403, "not even to oneself");
    assert_eq!(ask("PUT", "/members/root", role("clerk")), 403, "nor taken from who has more");
    assert_eq!(ask("DELETE", "/members/root", json!({})), 403);
    assert_eq!(ask("POST", "/invitations", role("admin")), 403);
    assert_eq!(ask("PUT", "/roles/clerk", json!({ "scopes": ["objects:write"] })), 403);
    assert_eq!(ask("PUT", "/roles/admin", json!({ "scopes": [] })), 409, "built in");
    assert_eq!(ask("PUT", "/users/root/password", json!({ "password": "taken over" })), 403);
    assert_eq!(ask("POST", "/users/root/block", json!({})), 403);
    let new = json!({ "name": "eve", "password": "correct horse", "role": "admin" });
    assert_eq!(ask("POST", "/users", new), 403);
    assert_eq!(ask("PUT", "/roles/reader", json!({ "scopes": ["objects:read:releases/*"] })), 204);
    assert_eq!(ask("POST", "/invitations", role("reader")), 201, "less is fine");
    assert_eq!(ask("DELETE", "/roles/reader", json!({})), 409, "it is promised to somebody");
    assert_eq!(ask("PUT", "/members/bob", role("king")), 404);
    assert_eq!(ask("PUT", "/members/nobody", role("reader")), 404);

    // Of another project nothing is seen, and the node's users are none of its business.
    let theirs = user.run(&["key", "create", "--label", "x", "--role", "admin", "--project", "beta"]).text();
    let theirs = format!("x-api-key: {}\r\n", theirs.trim());
    let get = |path: &str| call(&node, "GET", &format!("/api/v1{path}"), &theirs, "");
    assert_eq!(get("/members").json()["items"], json!([]));
    assert_eq!(get("/users").status, 403);
    assert_eq!(get("/users/root").status, 403);
}

#[test]
fn the_keys_of_access_tokens_are_served_and_forgeries_refused() {
    let user = User::new();
    let node = user.serve();
    let session = signed_in(&user, &node, "ada", "viewer");
    let keys = call(&node, "GET", "/api/v1/auth/keys", "", "").json();
    let keys = keys["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| key["kty"] == "OKP" && key["alg"] == "EdDSA"), "{keys:?}");
    let (head, rest) = session.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    for forged in [
        format!("{head}.{claims}.\r\n"),
        format!("{head}.{claims}.{}\r\n", "A".repeat(86)),
        format!("authorization: Bearer eyJhbGciOiJub25lIn0.{claims}.{signature}"),
        format!("authorization: bearer {}", session.trim().rsplit(' ').next().unwrap()) + "x\r\n",
    ] {
        assert_eq!(who(&node, &forged).problem(), (401, "unauthenticated".to_owned()), "{forged}");
    }
    assert_eq!(who(&node, &session).status, 200);
}

#[test]
fn a_key_is_rotated_bound_to_networks_and_to_its_user() {
    let user = User::new();
    let node = user.serve();
    let header = |secret: &str| format!("x-api-key: {}\r\n", secret.trim());
    let first = user.run(&["key", "create", "--label", "ci"]).text();
    let id = user.run(&["key", "list", "--json"]).json()[0]["id"].as_str().unwrap().to_owned();
    let second = user.run(&["key", "rotate", &id, "--overlap", "1h"]).text();
    assert_eq!((who(&node, &header(&first)).status, who(&node, &header(&second)).status), (200, 200));
    user.run(&["key", "rotate", &id, "--overlap", "0m"]).text();
    assert_eq!((who(&node, &header(&first)).status, who(&node, &header(&second)).status), (401, 401));
    assert_eq!(user.run(&["key", "rotate", &id, "--overlap", "31d"]).code, 2);

    let away = user.run(&["key", "create", "--label", "away", "--network", "192.0.2.0/24"]).text();
    assert_eq!(who(&node, &header(&away)).problem().0, 401, "this is not 192.0.2.0/24");
    let home = ["--network", "127.0.0.0/8", "--network", "192.0.2.0/24"];
    let home = user.run(&[&["key", "create", "--label", "home"][..], &home].concat()).text();
    assert_eq!(who(&node, &header(&home)).status, 200);

    user.run(&["user", "create", "builder", "--service", "--role", "viewer"]).text();
    let built = ["key", "create", "--label", "x", "--role", "developer", "--user", "builder"];
    let built = header(&user.run(&built).text());
    assert_eq!(who(&node, &built).status, 200);
    assert_eq!(
        call(&node, "PUT", "/api/v1/objects/builds/a", &built, "x").status,
        403,
        "no more than the user"
    );
    user.run(&["user", "block", "builder"]).text();
    assert_eq!(who(&node, &built).problem().0, 401);
}

#[test]
fn a_scope_with_a_pattern_opens_what_it_names_and_nothing_else() {
    let user = User::new();
    let node = user.serve();
    user.run_with_input(&["cp", "-", "cm://builds/secret"], b"secret").text();
    user.run_with_input(&["cp", "-", "cm://releases/v1/a"], b"public").text();
    let make = ["key", "create", "--label", "ci", "--scope", "objects:write:releases/v1/*"];
    let make = [&make[..], &["--scope", "objects:read:releases/*", "--scope", "tasks:write"]].concat();
    let key = format!("x-api-key: {}\r\n", user.run(&make).text().trim());
    let ask = |method: &str, path: &str| call(&node, method, &format!("/api/v1{path}"), &key, "x").status;
    assert_eq!(ask("PUT", "/objects/releases/v1/b"), 201);
    assert_eq!(ask("PUT", "/objects/releases/v2/b"), 403);
    assert_eq!(ask("PUT", "/objects/builds/v1/b"), 403);
    assert_eq!(ask("GET", "/buckets/releases/objects?prefix=v1"), 200);
    assert_eq!(ask("GET", "/buckets/releases/objects"), 200);
    assert_eq!(ask("GET", "/buckets/builds/objects"), 403);
    assert_eq!(ask("GET", "/buckets"), 403);
    assert_eq!(ask("GET", "/objects/builds/secret"), 403);

    // What it may not read, no task of its own reads for it.
    let submit = |bucket: &str, key_name: &str| {
        let source = serde_json::json!({ "bucket": bucket, "key": key_name });
        let body = serde_json::json!({ "module": source }).to_string();
        let headers = format!("{key}content-type: application/json\r\n");
        call(&node, "POST", "/api/v1/tasks", &headers, &body)
    };
    let (refused, taken) = (submit("builds", "secret"), submit("releases", "v1/a"));
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert_eq!(taken.status, 202, "{}", taken.body);
}
