//! What functions may ask of the node itself: what they were granted, as far as their maker may do it, and nothing else.

use serde_json::json;

use crate::binary::User;
use crate::edge::call;
use crate::functions::{deploy, guest, key, text};
use crate::nodes::wait_until;

#[test]
fn a_function_reaches_what_it_was_granted_and_its_maker_may_do_and_nothing_else() {
    let user = User::new();
    let node = user.serve();
    user.file("model.bin", b"weights");
    assert_eq!(user.run(&["cp", "model.bin", "cm://models/one.bin"]).code, 0);
    assert_eq!(user.run(&["cp", "model.bin", "cm://secrets/one.bin"]).code, 0);
    let grants = [
        "--grant",
        "objects:read:models/*",
        "--grant",
        "objects:write:inbox/*",
        "--grant",
        "functions:values:edge",
    ];
    deploy(&user, "edge", &[&["--public"][..], &grants].concat());
    deploy(&user, "bare", &["--public"]);
    let api = "http://casemate.internal/api/v1";
    let ask = |function: &str, method: &str, path: &str, headers: &str, body: &str| {
        call(&node, method, &format!("/fn/{function}/fetch?{path}"), headers, body)
    };
    let get = |path: &str| ask("edge", "GET", &format!("{api}{path}"), "", "");

    // Objects: those of the grant, and what is written is in the log as the function's.
    assert_eq!(text(&get("/objects/models/one.bin")), "weights");
    let part = ask("edge", "GET", &format!("{api}/objects/models/one.bin"), "range: bytes=0-2\r\n", "");
    assert_eq!((part.status, text(&part).as_str()), (206, "wei"));
    assert_eq!(get("/objects/models/two.bin").status, 404);
    for path in [
        "/objects/secrets/one.bin",
        "/buckets/secrets/objects",
        "/object-info/secrets/one.bin",
        "/names/word.tools",
    ] {
        assert_eq!(get(path).status, 403, "{path}");
    }
    let refused = ask("edge", "PUT", &format!("{api}/objects/models/one.bin"), "", "mine");
    assert_eq!(refused.status, 403, "{}", refused.body);
    let put = ask("edge", "PUT", &format!("{api}/objects/inbox/a"), "", "call me Ishmael");
    assert_eq!(put.status, 201, "{}", put.body);
    assert_eq!(user.run(&["cp", "cm://inbox/a", "-"]).text(), "call me Ishmael");
    let again =
        |headers: &str| ask("edge", "PUT", &format!("{api}/objects/inbox/a"), headers, "another").status;
    assert_eq!((again("if-none-match: *\r\n"), again("if-match: \"x\"\r\n")), (412, 400));
    assert_eq!(user.run(&["cp", "cm://inbox/a", "-"]).text(), "call me Ishmael");
    let entries = user.run(&["audit", "search", "objects.put", "inbox/a", "--json"]).text();
    assert!(entries.lines().count() == 1 && entries.contains("\"edge\""), "{entries}");
    assert_eq!(ask("edge", "DELETE", &format!("{api}/objects/inbox/a"), "", "").status, 204);

    // Values: kept from one request to the next, and changed only by who has seen what is there.
    let value = format!("{api}/functions/edge/values/visits");
    assert_eq!(ask("edge", "GET", &value, "", "").status, 404);
    assert_eq!(ask("edge", "PUT", &value, "if-none-match: *\r\n", "1").status, 200);
    assert_eq!(ask("edge", "PUT", &value, "if-none-match: *\r\n", "1").status, 412);
    assert_eq!(ask("edge", "PUT", &value, "if-match: \"1\"\r\n", "2").status, 200);
    assert_eq!(text(&ask("edge", "GET", &value, "", "")), "2");
    assert_eq!(ask("edge", "PUT", &value, "", &"x".repeat((64 << 10) + 1)).status, 413);
    assert_eq!(user.run(&["fn", "values", "get", "edge", "visits"]).text(), "2");
    let listed = user.run(&["fn", "values", "ls", "edge", "--json"]).json();
    assert_eq!((&listed[0]["key"], &listed[0]["revision"]), (&json!("visits"), &json!(2)));
    assert_eq!(user.run(&["fn", "values", "set", "edge", "visits", "9", "--if-revision", "1"]).code, 5);
    assert_eq!(user.run(&["fn", "values", "set", "edge", "visits", "9", "--if-revision", "2"]).code, 0);
    assert_eq!(get("/functions/edge/values").status, 200);
    assert_eq!(get("/functions/bare/values").status, 403);
    assert_eq!(user.run(&["fn", "values", "rm", "edge", "visits"]).code, 0);
    assert_eq!(user.run(&["fn", "values", "get", "edge", "visits"]).code, 3);

    // Nothing else of the API is there for it, whatever it presents, and who was granted nothing finds nobody at home.
    let key = key(&user, "admin");
    for path in [
        "/session",
        "/keys",
        "/tasks",
        "/functions",
        "/functions/edge",
        "/users",
        "/audit/entries",
        "/openapi.json",
        "/..",
    ] {
        let asked =
            ask("edge", "GET", &format!("{api}{path}"), &format!("authorization: Bearer {key}\r\n"), "");
        assert_eq!(asked.status, 404, "{path}: {}", asked.body);
    }
    for (function, url) in [
        ("bare", format!("{api}/objects/models/one.bin")),
        ("edge", "https://casemate.internal/api/v1/objects/models/one.bin".to_owned()),
        ("edge", "http://casemate.internal:7373/api/v1/objects/models/one.bin".to_owned()),
    ] {
        assert_eq!(ask(function, "GET", &url, "", "").status, 502, "{function}: {url}");
    }

    // Its maker learns why, and whoever calls it does not.
    let said = |name: &str| user.run(&["fn", "logs", name]).text();
    wait_until("its log has it", || {
        said("bare").contains("GET to http://casemate.internal failed: this version was granted nothing")
    });
    assert!(
        said("edge").contains("GET to https://casemate.internal failed: the host is none that was declared")
    );
    let as_host =
        user.run(&["fn", "deploy", "more", &guest("edge.wasm"), "--allow-host", "http://casemate.internal"]);
    assert!(as_host.code == 2 && as_host.stderr.contains("is granted"), "{}", as_host.stderr);

    // Nobody hands out what they do not have, and what the maker loses the function loses.
    for grant in ["keys:write", "functions:write", "tasks:write", "objects:share"] {
        let refused = user.run(&["fn", "deploy", "more", &guest("edge.wasm"), "--grant", grant]);
        assert!(
            refused.code == 2 && refused.stderr.contains("a function may be granted functions:values"),
            "{}",
            refused.stderr
        );
    }
    let made = user
        .run(&[
            "key",
            "create",
            "--label",
            "narrow",
            "--role",
            "developer",
            "--scope",
            "functions:write",
            "--scope",
            "functions:read",
            "--scope",
            "objects:write:inbox/*",
            "--scope",
            "objects:read",
            "--json",
        ])
        .json();
    let (id, secret) = (made["key"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let body = |grant: &str| {
        json!({ "module": listed_module(&user), "public": true, "grants": [grant] }).to_string()
    };
    let header = format!("x-api-key: {secret}\r\ncontent-type: application/json\r\n");
    let over =
        call(&node, "POST", "/api/v1/functions/narrow/versions", &header, &body("objects:write:models/*"));
    assert_eq!(over.problem(), (403, "denied".to_owned()));
    let within =
        call(&node, "POST", "/api/v1/functions/narrow/versions", &header, &body("objects:write:inbox/*"));
    assert_eq!(within.status, 201, "{}", within.body);
    let inbox = format!("{api}/objects/inbox/b");
    assert_eq!(ask("narrow", "PUT", &inbox, "", "one").status, 201);
    assert_eq!(user.run(&["key", "revoke", id]).code, 0);
    assert_eq!(ask("narrow", "PUT", &inbox, "", "two").status, 502);
    wait_until("its log has it", || said("narrow").contains("may not do anything any more"));
    assert_eq!(user.run(&["cp", "cm://inbox/b", "-"]).text(), "one");
    node.stop();
    assert_eq!(user.run(&["db", "check", "--json"]).json()["findings"], json!([]));
}

/// The component of the function `edge`, which is stored.
fn listed_module(user: &User) -> String {
    user.run(&["fn", "show", "edge", "--json"]).json()["version"]["module"].as_str().unwrap().to_owned()
}

#[test]
fn a_function_carries_no_key_out_of_its_bounds() {
    let user = User::new();
    let node = user.serve();
    user.file("model.bin", b"weights");
    assert_eq!(user.run(&["cp", "model.bin", "cm://models/one.bin"]).code, 0);
    let made = |more: &[&str]| {
        let made = user.run(&[&["key", "create", "--label", "k", "--role", "developer"][..], more].concat());
        made.text().trim().to_owned()
    };
    let deployed = |key: &str, more: &[&str]| {
        let component = guest("edge.wasm");
        let words = [&["fn", "deploy", "edge", &component, "--url", &node.url][..], more].concat();
        let output = user.command(&words).env("CASEMATE_API_KEY", key).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };

    // Of networks the node itself knows none, so who is bound to some grants nothing.
    let bound = made(&["--network", "127.0.0.0/8"]);
    let (code, said) = deployed(&bound, &["--grant", "objects:read"]);
    assert!(code != Some(0) && said.contains("bound to networks"), "{said}");
    assert_eq!(deployed(&bound, &[]).0, Some(0), "without a grant there is nothing to carry");

    // Who may not share objects does not show them to everybody.
    let scopes = ["--scope", "functions:write", "--scope", "functions:read", "--scope", "objects:read"];
    let reader = made(&scopes);
    let (code, said) = deployed(&reader, &["--grant", "objects:read:models/*", "--public"]);
    assert!(code != Some(0) && said.contains("takes objects:share"), "{said}");
    assert_eq!(deployed(&reader, &["--grant", "objects:read:models/*"]).0, Some(0));

    // What it asks for is charged to the key that deployed it.
    let slow = made(&["--per-second", "1", "--burst", "100"]);
    let (code, said) = deployed(&slow, &["--grant", "functions:values:edge", "--public"]);
    assert_eq!(code, Some(0), "{said}");
    let value = "http://casemate.internal/api/v1/functions/edge/values/k";
    let ask = || call(&node, "PUT", &format!("/fn/edge/fetch?{value}"), "", "1").status;
    let refused = (0..120).map(|_| ask()).find(|status| *status != 200);
    assert_eq!(refused, Some(429));
}
