use super::*;
use casemate_model::TrapKind;
use proptest::prelude::*;

const LIMITS: RunLimits = RunLimits { output_bytes: 8, log_bytes: 4, ..RunLimits::DEFAULT };

fn done(outcome: &Outcome) -> Vec<u8> {
    let done = Done {
        kind: outcome.kind().to_owned(),
        detail: outcome.detail(),
        fuel: 1,
        memory_bytes_peak: 2,
        table_elements_peak: 3,
        load_us: 4,
        instantiate_us: 5,
        run_us: 6,
        outputs_refused: vec![],
    };
    serde_json::to_vec(&done).expect("plain fields")
}

type Frames<'a> = &'a [(Kind, &'a [u8])];

/// Plays frames to a conversation; the first violation ends it.
fn play(frames: Frames<'_>) -> Result<(Option<Outcome>, Remains), Violation> {
    let mut conversation = Conversation::new(&LIMITS, true);
    let mut outcome = None;
    for (kind, payload) in frames {
        if let Some((_, ended)) = conversation.accept(*kind, payload)? {
            outcome = Some(ended);
        }
    }
    Ok((outcome, conversation.into_remains()))
}

#[test]
fn an_honest_run_passes() {
    let over = done(&Outcome::Exited(3));
    let frames: [(Kind, &[u8]); 6] = [
        (Kind::Stdout, b"ab"),
        (Kind::Stderr, b"log"),
        (Kind::Stdout, b"c"),
        (Kind::File, b"d/e.txt"),
        (Kind::FileData, b"12345"),
        (Kind::Done, &over),
    ];
    let remains = Remains {
        stdout: b"abc".to_vec(),
        stderr: b"log".to_vec(),
        files: vec![("d/e.txt".to_owned(), b"12345".to_vec())],
        output_bytes: 8,
        status: None,
    };
    assert_eq!(play(&frames), Ok((Some(Outcome::Exited(3)), remains)));
}

#[test]
fn every_liberty_is_a_violation() {
    let exited = done(&Outcome::Exited(0));
    let trapped = done(&Outcome::Trapped(TrapKind::Other));
    let cancelled = done(&Outcome::Cancelled);
    let cases: &[(Frames<'_>, Violation)] = &[
        (&[(Kind::Ready, b"")], Violation::OutOfTurn(Kind::Ready)),
        (&[(Kind::Pong, b"")], Violation::OutOfTurn(Kind::Pong)),
        (&[(Kind::Run, b"{}")], Violation::OutOfTurn(Kind::Run)),
        (&[(Kind::Code, b"")], Violation::OutOfTurn(Kind::Code)),
        (&[(Kind::FileData, b"1")], Violation::OutOfTurn(Kind::FileData)),
        (&[(Kind::File, b"a"), (Kind::Stdout, b"1")], Violation::OutOfTurn(Kind::Stdout)),
        (&[(Kind::Done, &exited), (Kind::Stdout, b"1")], Violation::OutOfTurn(Kind::Stdout)),
        (&[(Kind::Stdout, b"123456789")], Violation::OverLimit(LimitKind::Output)),
        (
            &[(Kind::Stdout, b"1234"), (Kind::File, b"a"), (Kind::FileData, b"12345")],
            Violation::OverLimit(LimitKind::Output),
        ),
        (&[(Kind::Stderr, b"12345")], Violation::OverLimit(LimitKind::Log)),
        (&[(Kind::File, b"../a")], Violation::BadPath),
        (&[(Kind::File, b"/a")], Violation::BadPath),
        (&[(Kind::File, b"a//b")], Violation::BadPath),
        (&[(Kind::File, b"")], Violation::BadPath),
        (&[(Kind::File, b"\xff")], Violation::BadPath),
        (&[(Kind::File, b"a"), (Kind::File, b"a")], Violation::BadPath),
        (&[(Kind::Done, b"{}")], Violation::BadReport),
        (&[(Kind::Done, &cancelled)], Violation::BadReport),
        (&[(Kind::File, b"a"), (Kind::Done, &trapped)], Violation::BadReport),
    ];
    for (frames, violation) in cases {
        assert_eq!(play(frames), Err(violation.clone()), "{frames:?}");
    }
}

#[test]
fn files_need_the_grant() {
    let mut conversation = Conversation::new(&LIMITS, false);
    assert_eq!(conversation.accept(Kind::File, b"a").map(|_| ()), Err(Violation::OutOfTurn(Kind::File)));
}

/// Plays frames to a conversation about a request; what was answered, and the first violation.
fn serve(frames: Frames<'_>) -> (usize, Result<(), Violation>) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut conversation = Conversation::serving(&LIMITS, sender);
    let played = frames.iter().try_for_each(|(kind, payload)| conversation.accept(*kind, payload).map(drop));
    drop(conversation);
    let mut pieces = 0;
    while receiver.try_recv().is_ok() {
        pieces += 1;
    }
    (pieces, played)
}

const HEAD: &[u8] = br#"{"status":200,"headers":[["content-type","text/plain"]]}"#;
const FETCH: &[u8] = br#"{"id":0,"head":{"method":"GET","uri":"http://a/","headers":[]}}"#;

#[test]
fn an_answer_has_one_head_and_then_a_body_within_the_limit() {
    let frames: [(Kind, &[u8]); 6] = [
        (Kind::Stderr, b"log"),
        (Kind::FetchBody, b"more"),
        (Kind::Fetch, FETCH),
        (Kind::Head, HEAD),
        (Kind::Body, b"1234"),
        (Kind::Body, b"5678"),
    ];
    assert_eq!(serve(&frames), (3, Ok(())));
}

#[test]
fn every_liberty_of_a_handler_is_a_violation() {
    let second = FETCH.to_vec();
    let long = vec![0; 1 << 20];
    let flood: Vec<(Kind, &[u8])> = vec![(Kind::FetchBody, &long); 9];
    let cases: &[(Frames<'_>, Violation)] = &[
        (&[(Kind::Stdout, b"1")], Violation::OutOfTurn(Kind::Stdout)),
        (&[(Kind::File, b"a")], Violation::OutOfTurn(Kind::File)),
        (&[(Kind::Body, b"1")], Violation::OutOfTurn(Kind::Body)),
        (&[(Kind::Head, HEAD), (Kind::Head, HEAD)], Violation::OutOfTurn(Kind::Head)),
        (&[(Kind::Head, HEAD), (Kind::Body, b"123456789")], Violation::OverLimit(LimitKind::Output)),
        (&[(Kind::Head, br#"{"status":101,"headers":[]}"#)], Violation::BadReport),
        (&[(Kind::Head, br#"{"status":200,"headers":[["a\nb","c"]]}"#)], Violation::BadReport),
        (&[(Kind::Head, b"{}")], Violation::BadReport),
        (&[(Kind::Fetch, FETCH), (Kind::Fetch, &second)], Violation::BadReport),
        (
            &[(Kind::Fetch, br#"{"id":0,"head":{"method":"G E T","uri":"/","headers":[]}}"#)],
            Violation::BadReport,
        ),
        (&flood, Violation::OverLimit(LimitKind::Output)),
    ];
    for (frames, violation) in cases {
        assert_eq!(serve(frames).1, Err(violation.clone()), "{:?}", frames.first());
    }
    let mut command = Conversation::new(&LIMITS, true);
    assert_eq!(command.accept(Kind::Head, HEAD).map(drop), Err(Violation::OutOfTurn(Kind::Head)));
}

proptest! {
    #[test]
    fn no_frames_hold_more_than_the_limits(
        frames in prop::collection::vec(
            (prop::sample::select(vec![Kind::Stdout, Kind::Stderr, Kind::File, Kind::FileData]), prop::collection::vec(any::<u8>(), 0..6)),
            0..20,
        )
    ) {
        let mut conversation = Conversation::new(&LIMITS, true);
        for (kind, payload) in &frames {
            if conversation.accept(*kind, payload).is_err() {
                break;
            }
            prop_assert!(conversation.output_bytes <= LIMITS.output_bytes);
        }
        let remains = conversation.into_remains();
        prop_assert!(remains.stderr.len() as u64 <= LIMITS.log_bytes);
        prop_assert!(remains.files.iter().all(|(path, _)| is_plain_path(path)));
    }
}
