//! What a QEMU that obeys its guest could reach: it is asked to, as its own system calls are what its cell has to hold.

use std::net::TcpListener;

use casemate_vm::test_support::GREETING;
use casemate_vm::{Board, QmpError, Running};
use serde_json::{Value, json};

use crate::machine::{Killed, Place, host};

/// Has QEMU do something, and returns why it could not.
async fn refused(running: &Running, command: &'static str, arguments: Value) -> String {
    match running.qmp().tell(command, &arguments).await {
        Err(QmpError::Refused { reason, .. }) => reason,
        Err(error) => panic!("{command} {arguments}: {error}"),
        Ok(()) => panic!("{command} {arguments}: it could"),
    }
}

#[tokio::test]
async fn qemu_opens_no_file_and_reaches_no_network() {
    let place = Place::new();
    let mut running = Killed::new(host().start(place.start(Board::Q35)).await.unwrap());
    place.serial().hears(GREETING).await;
    let image = |path: &str, read_only: bool| json!({"driver": "file", "node-name": "x", "filename": path, "read-only": read_only});
    let open = tempfile::tempdir().unwrap();
    let (secret, target) = (open.path().join("secret"), open.path().join("target"));
    std::fs::write(&secret, b"secret").unwrap();
    // Open to all, so that nothing but the cell is in the way.
    for path in [open.path(), &secret] {
        let mode = if path.is_dir() { 0o777 } else { 0o666 };
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    for path in
        [secret.to_str().unwrap(), "/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/cmdline"]
    {
        for read_only in [true, false] {
            let reason = refused(&running, "blockdev-add", image(path, read_only)).await;
            assert!(reason.contains("Permission denied"), "{path}: {reason}");
        }
    }
    // What it is made of is read, and not written.
    let reason = refused(&running, "blockdev-add", image("/etc/ld.so.cache", false)).await;
    assert!(reason.contains("Permission denied"), "{reason}");

    let file = json!({"id": "x", "backend": {"type": "file", "data": {"out": target.to_str().unwrap()}}});
    let reason = refused(&running, "chardev-add", file).await;
    assert!(reason.contains("Permission denied"), "{reason}");
    assert!(!target.exists());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (host, server) in [("127.0.0.1", false), ("127.0.0.1", true), ("::1", false)] {
        let port = if server { "0" } else { &*port };
        let address = json!({"type": "inet", "data": {"host": host, "port": port}});
        let socket = if server {
            json!({"addr": address, "server": true, "wait": false})
        } else {
            json!({"addr": address, "server": false})
        };
        let reason = refused(
            &running,
            "chardev-add",
            json!({"id": "x", "backend": {"type": "socket", "data": socket}}),
        )
        .await;
        assert!(reason.contains("Permission denied") || reason.contains("unreachable"), "{host}: {reason}");
    }
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    running.kill();
    running.ended().await;
}
