//! Stored content on its way to a client.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use casemate_control::{Caller, Control, ControlError};
use casemate_objects::{ObjectsError, VerifiedBlob};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// How long a transfer may stand still.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(60);

/// Pieces that wait for a slow client.
const PIECES_WAITING_MAX: usize = 4;

/// A part of content as a stream. A client that takes nothing for a while ends it, and nothing is lost by that. So does
/// damage, which is recorded: the transfer is then cut short of its announced length and cannot pass for complete.
pub(crate) fn stream(
    (control, caller): (&Control, &Caller),
    blob: VerifiedBlob,
    range: Range<u64>,
    place: Option<OwnedSemaphorePermit>,
) -> ReceiverStream<Result<Bytes, ControlError>> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let runtime = tokio::runtime::Handle::current();
    let (control, caller, project) = (control.clone(), caller.clone(), blob.project().clone());
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let read = blob.read_range(range, |piece| {
            let sent = runtime.block_on(tokio::time::timeout(IDLE_MAX, sender.send(Ok(piece))));
            sent.ok()
                .and_then(Result::ok)
                .ok_or_else(|| ObjectsError::UploadBroken { source: "the client went away".into() })
        });
        if let Err(error) = read {
            let error = runtime.block_on(control.record_damage(&caller, &project, error));
            drop(sender.try_send(Err(error)));
        }
    });
    ReceiverStream::new(receiver)
}
