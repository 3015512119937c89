use casemate_vm::test_support::GREETING;
use casemate_vm::{Board, QmpEventKind, Running};

use crate::machine::{Killed, Place, UUID, host};

#[derive(serde::Deserialize)]
struct Uuid {
    #[serde(rename = "UUID")]
    uuid: String,
}

#[tokio::test]
async fn a_machine_starts_talks_and_ends() {
    for board in [Board::Microvm, Board::Q35] {
        let place = Place::new();
        let mut running = Killed::new(host().start(place.start(board)).await.unwrap());
        let cell = running.cell().unwrap().clone();
        assert_eq!(cell.missing(), Vec::<&str>::new(), "{cell}");
        let mut serial = place.serial();
        serial.hears(GREETING).await;
        serial.say("hello");
        serial.hears("hello").await;
        let Uuid { uuid } = running.qmp().query("query-uuid").await.unwrap();
        assert_eq!(uuid, UUID);
        serial.say("q");
        let shutdown = running.event().await.unwrap();
        assert_eq!(shutdown.kind, QmpEventKind::Shutdown);
        let (status, words) = running.ended().await;
        assert_eq!((status.and_then(|status| status.code()), words.as_str()), (Some(0), ""));
    }
}

#[tokio::test]
async fn a_machine_is_found_by_who_did_not_start_it() {
    let place = Place::new();
    let running = Killed::new(host().start(place.start(Board::Microvm)).await.unwrap());
    let mut serial = place.serial();
    serial.hears(GREETING).await;
    serial.say("t");
    serial.hears("00000005\n").await;
    let user = running.cell().unwrap().user;
    // Whoever started it is gone: nobody holds its pipes, speaks to it, or waits for it.
    running.forget();
    drop(serial);
    let mut adopted = Killed::new(Running::adopt(place.dir.clone(), user).await.unwrap().unwrap());
    let mut serial = place.serial();
    let said = serial.hears("00000010\n").await;
    let counts: Vec<u32> = said.lines().map(|line| u32::from_str_radix(line, 16).unwrap()).collect();
    assert_eq!(counts, (6..=16).collect::<Vec<_>>(), "no tick was lost");
    adopted.kill();
    assert_eq!(adopted.ended().await.0, None);
    assert!(Running::adopt(place.dir.clone(), user).await.unwrap().is_none());
}
