//! Bytes on their way from the network to the disk, hashed once on the way.

use bytes::Bytes;
use casemate_model::Project;
use futures_util::{Stream, StreamExt};
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;

use super::{Objects, off_runtime};
use crate::ObjectsError;
use crate::blobs::StagedBlob;

/// How many pieces of an upload may wait for the disk.
const PIECES_WAITING_MAX: usize = 4;

impl Objects {
    /// Writes an upload of at most so many bytes to a staged file. The disk works beside the network, with a short queue between them, and MD5
    /// beside SHA-256, as neither is fast.
    pub(super) async fn stage<B, E>(
        &self,
        project: &Project,
        body: B,
        (bytes_max, with_md5): (u64, bool),
    ) -> Result<(StagedBlob, Option<[u8; 16]>), ObjectsError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(PIECES_WAITING_MAX);
        let (blobs, project) = (self.blobs.clone(), project.clone());
        let writing = off_runtime(move || {
            let mut staged = blobs.of(&project)?.stage()?;
            while let Some(piece) = waiting.blocking_recv() {
                if staged.size_bytes() + piece.len() as u64 > bytes_max {
                    return Err(ObjectsError::TooLarge { bytes_max });
                }
                staged.push(&piece)?;
            }
            Ok(staged)
        });
        let (md5_pieces, md5) = if with_md5 {
            let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
            (Some(sender), Some(hash_md5(receiver)))
        } else {
            (None, None)
        };
        let hashing = async {
            match md5 {
                Some(md5) => md5.await.map(Some),
                None => Ok(None),
            }
        };
        let (sent, staged, md5) = tokio::join!(send(body, [Some(pieces), md5_pieces]), writing, hashing);
        // A broken upload ends the queue like a complete one does, so it is looked at first.
        sent?;
        Ok((staged?, md5?))
    }
}

/// Hands each piece of `body` to all who wait for it.
pub(super) async fn send<B, E>(body: B, takers: [Option<mpsc::Sender<Bytes>>; 2]) -> Result<(), ObjectsError>
where
    B: Stream<Item = Result<Bytes, E>> + Send,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut body = std::pin::pin!(body);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|source| ObjectsError::UploadBroken { source: Box::new(source) })?;
        for taker in takers.iter().flatten() {
            // A taker hangs up only when it failed, and then its error is the one that counts.
            if taker.send(piece.clone()).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The MD5 of what arrives.
pub(super) async fn hash_md5(mut pieces: mpsc::Receiver<Bytes>) -> Result<[u8; 16], ObjectsError> {
    off_runtime(move || {
        let mut hasher = Md5::new();
        while let Some(piece) = pieces.blocking_recv() {
            hasher.update(&piece);
        }
        Ok(hasher.finalize().into())
    })
    .await
}
