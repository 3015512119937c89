//! Buckets elsewhere whose owner or server means harm, as users of the binary meet them.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::binary::{Done, User, text};
use crate::buckets::{bucket, versions};
use crate::s3::{Shop, failed, version};

/// A server of S3 that gives the same answer to everything.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let mut request = vec![0; 64 << 10];
            let _ = connection.read(&mut request);
            // A client that hung up has what it wanted.
            let _ = connection.write_all(answer);
        }
    });
    url
}

fn ask(url: &str, arguments: &[&str]) -> Done {
    let user = User::new();
    let mut command = user.command(arguments);
    command.env("AWS_ENDPOINT_URL", url).env("AWS_MAX_ATTEMPTS", "1");
    command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    Done::of(command.spawn().unwrap())
}

#[test]
fn what_a_server_does_is_said_with_a_way_out() {
    let cases: [(&[u8], i32, &str, &str); 5] = [
        (
            b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n<Error><Code>InvalidAccessKeyId</Code>\
              <Message>unknown\x1b[2J</Message></Error>",
            4,
            "because: the server answered 403 Forbidden: InvalidAccessKeyId: unknown^[[2J\n",
            "hint: name other credentials with --profile",
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<!doctype html><html>Sign in</html>",
            7,
            "because: the server answered with a web page, not as S3 does\n",
            "hint: see that --endpoint-url names a server of S3",
        ),
        (
            b"HTTP/1.1 301 Moved Permanently\r\nConnection: close\r\n\r\n<Error><Code>PermanentRedirect</Code>\
              <Message>use it</Message><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>",
            7,
            "PermanentRedirect: use it (b.s3.eu-west-1.amazonaws.com)",
            "hint: name the bucket's own region with --region",
        ),
        (
            b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n<Error><Code>NoSuchBucket</Code></Error>",
            7,
            "there is no such bucket",
            "hint: `casemate ls s3://` lists the buckets",
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ListBucketResult><IsTruncated>true</IsTruncated>\
              <NextContinuationToken>t</NextContinuationToken></ListBucketResult>",
            7,
            "leads back to a page that it gave before",
            "hint: see that --endpoint-url names a server that you trust",
        ),
    ];
    for (answer, code, says, hint) in cases {
        let done = failed(ask(&server(answer), &["ls", "s3://bucket"]), code, says);
        assert!(done.stderr.contains(hint), "{}", done.stderr);
    }
    // Nobody is there: the port was given back.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = failed(ask(&format!("http://{gone}"), &["ls", "s3://bucket"]), 7, "cannot list");
    assert!(done.stderr.contains("hint: see that --endpoint-url names the server"), "{}", done.stderr);
    let page = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 13\r\n\r\n<html></html>";
    failed(ask(&server(page), &["cp", "s3://bucket/key", "-"]), 7, "without an ETag");
}

#[test]
fn one_bad_object_is_named_and_the_others_are_served() {
    let (user, bucket) = bucket();
    let (first, second) = versions();
    user.run(&["cp", &user.file("1.zip", &first), &format!("{bucket}//")]).text();
    user.run(&["cp", &user.file("2.zip", &second), &format!("{bucket}//")]).text();
    // Whoever owns the bucket says that the file is smaller than nothing.
    say_less_than_nothing(&user, "bucket/2.zip.delta");
    for command in [&["ls", "-r"][..], &["du"], &["stats", "--detailed"], &["verify"]] {
        let done = failed(user.run(&[command, &[&bucket]].concat()), 1, "2.zip.delta");
        assert!(done.stderr.contains("no usable `file-size`"), "{command:?}: {}", done.stderr);
        assert!(!done.stdout.is_empty(), "{command:?}");
    }
    for command in [&["cp", "-r"][..], &["sync"]] {
        let target = text(&user.path(&format!("to-{}", command[0]))).to_owned();
        failed(user.run(&[command, &[&bucket, &target]].concat()), 1, "1 of 2 failed");
        assert_eq!(user.read(&format!("to-{}/1.zip", command[0])), first);
    }
    // What cannot be read there may be what is here.
    let target = text(&user.path("to-sync")).to_owned();
    user.file("to-sync/2.zip", b"the only copy");
    failed(user.run(&["sync", &bucket, &target, "--delete"]), 1, "nothing was deleted");
    assert_eq!(user.read("to-sync/2.zip"), b"the only copy");
}

/// Replaces what is attached to an object of a directory.
fn say_less_than_nothing(user: &User, name: &str) {
    let path = user.path(name);
    let mut value = vec![0; 64 << 10];
    let attribute = "user.casemate.object";
    let length = rustix::fs::getxattr(&path, attribute, &mut value[..]).unwrap();
    let old = String::from_utf8(value[..length].to_vec()).unwrap();
    let at = old.find("\"dg-file-size\":\"").unwrap() + "\"dg-file-size\":\"".len();
    let end = at + old[at..].find('"').unwrap();
    let new = format!("{}-1{}", &old[..at], &old[end..]);
    rustix::fs::setxattr(&path, attribute, new.as_bytes(), rustix::fs::XattrFlags::empty()).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_is_no_file_that_is_the_same() {
    let (user, bucket) = bucket();
    user.file("seed", b"");
    casemate_fs::make_user_dir(&user.path("dist")).unwrap();
    user.file("dist/a.txt", b"same");
    user.file("dist/b.txt", b"same");
    let (dist, root) = (text(&user.path("dist")).to_owned(), format!("{bucket}//"));
    user.run(&["sync", &dist, &root]).text();
    // Whoever is root reads everything, so that a name that leads nowhere stands for what cannot be read.
    let odd = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9");
    std::fs::write(user.path("dist").join::<&std::ffi::OsStr>(odd), b"x").unwrap();
    let done = failed(user.run(&["sync", &dist, &root]), 1, "its name is not UTF-8");
    assert!(done.stderr.contains("1 of 1 failed"), "{}", done.stderr);
}

#[test]
fn names_of_strangers_do_not_steer_a_terminal() {
    let (user, bucket) = bucket();
    let name = "a\u{1b}[2J\u{202e}gnp.\u{9b}31m";
    std::fs::write(user.path("bucket").join(name), b"x").unwrap();
    std::fs::write(user.path("bucket").join("b\nerror: c"), b"x").unwrap();
    for command in [&["ls", "-r"][..], &["verify"], &["rm", "-r", "--dryrun"], &["rescue"]] {
        let done = user.run(&[command, &[&bucket]].concat());
        let said = [String::from_utf8(done.stdout).unwrap(), done.stderr].concat();
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{command:?}: {said:?}");
        assert!(said.contains("^[[2J") && said.contains("b^Jerror: c"), "{command:?}: {said:?}");
    }
    let target = text(&user.path("to")).to_owned();
    let done = failed(user.run(&["cp", "-r", &bucket, &target]), 1, "2 of 2 failed");
    assert!(!done.stderr.contains('\u{1b}'), "{:?}", done.stderr);
}

#[test]
fn many_objects_are_deleted_in_one_request() {
    let shop = Shop::new();
    for n in 1..=6 {
        let file = shop.user.file(&format!("app-{n}.zip"), &version(n));
        shop.run(&["cp", &file, "s3://one/app/"]).text();
    }
    shop.run(&["cp", &shop.user.file("notes.txt", b"notes"), "s3://one/app/"]).text();
    let before = shop.gate.count("GET /one?delimiter=%2F&list-type=2&max-keys=1000&prefix=app%2F");
    let done = shop.run(&["rm", "-r", "s3://one"]);
    assert_eq!((done.code, done.stderr.matches("deleted ").count()), (0, 7), "{}", done.stderr);
    // All of them, and then the reference.
    assert_eq!(shop.gate.count("POST /one?delete"), 2);
    let after = shop.gate.count("GET /one?delimiter=%2F&list-type=2&max-keys=1000&prefix=app%2F");
    assert_eq!(after - before, 2, "before and after the reference goes");
    assert_eq!(shop.run(&["ls", "-r", "cm://one", "--json"]).json(), serde_json::json!([]));
}
