use std::process::ExitCode;

use crate::walls::Walls;
use crate::wire::frame::{self, Kind};
use crate::wire::message::{Done, Ready};
use crate::worker::channel::{Channel, ChannelError};
use crate::worker::report;

/// A worker that was taken over: it becomes ready as an honest one would, and answers a run in the way that
/// `manner` names.
pub fn run_hostile_worker_process(manner: &str) -> ExitCode {
    report(serve(manner))
}

fn serve(manner: &str) -> Result<(), ChannelError> {
    let channel = Channel::of_this_process()?;
    while let Some(request) = channel.receive()? {
        match request.kind {
            Kind::Setup => {
                let walls = Walls { landlock_abi: Some(1), seccomp: true, ..Walls::default() };
                channel.send_json(Kind::Ready, &Ready { walls })?;
            }
            Kind::Run => misbehave(manner, &channel)?,
            _ => {}
        }
    }
    Ok(())
}

fn misbehave(manner: &str, channel: &Channel) -> Result<(), ChannelError> {
    match manner {
        "garbage" => channel.send_raw(&[0xAA; 4096]),
        "oversize" => channel.send_raw(&{
            let mut header = frame::header(Kind::Stdout, 0);
            header[..4].copy_from_slice(&u32::MAX.to_le_bytes());
            header
        }),
        "flood" => loop {
            channel.send(Kind::Stdout, &[b'x'; 65_536])?;
        },
        "ungranted" => channel.send(Kind::File, b"a"),
        "liar" => channel.send_json(Kind::Done, &done("cancelled", "")),
        // Gone without a word, in the middle of a frame.
        _ => {
            channel.send_raw(&frame::header(Kind::Stdout, 100))?;
            std::process::exit(0)
        }
    }
}

fn done(kind: &str, detail: &str) -> Done {
    Done {
        kind: kind.to_owned(),
        detail: detail.to_owned(),
        fuel: u64::MAX,
        memory_bytes_peak: u64::MAX,
        table_elements_peak: u64::MAX,
        load_us: 0,
        instantiate_us: 0,
        run_us: 0,
        outputs_refused: vec![],
    }
}
