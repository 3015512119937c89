use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use casemate_api::nodes::HeldLease;
use casemate_api::{Client, ClientError};
use casemate_fs::{FsError, SealedBytes};
use casemate_model::{Digest, Hasher};

use crate::run::may_pass;

/// Most bytes of modules that are kept for the next run.
const KEPT_BYTES_MAX: u64 = 256 << 20;

/// How often content is asked for before the run is given up, and how long to wait in between.
const FETCH_TRIES: u32 = 3;
const FETCH_PAUSE: Duration = Duration::from_millis(250);

/// Why content could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// The server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Memory.
    #[error("the content cannot be kept in memory")]
    Memory(#[from] FsError),
    /// Writing into memory.
    #[error("the content cannot be kept in memory")]
    Write(#[from] std::io::Error),
    /// It is more than a run may read.
    #[error("the content is larger than a run may read")]
    TooLarge,
    /// The server sent something else.
    #[error("the server sent other content than was asked for")]
    Mismatch,
}

/// Modules that were run lately. What a server sends is only kept after its digest was checked.
#[derive(Default)]
pub(crate) struct Modules(Mutex<VecDeque<(Digest, SealedBytes)>>);

impl Modules {
    /// A module that is there, or the server's.
    pub(crate) async fn get(
        &self,
        client: &Client,
        held: &HeldLease,
        digest: Digest,
        bytes_max: u64,
    ) -> Result<SealedBytes, ContentError> {
        let found = self.lock().iter().find(|(other, _)| *other == digest).map(|(_, bytes)| bytes.clone());
        if let Some(found) = found {
            return Ok(found);
        }
        let fetched = fetch(client, held, digest, bytes_max).await?;
        let mut kept = self.lock();
        kept.retain(|(other, _)| *other != digest);
        kept.push_back((digest, fetched.clone()));
        let mut bytes: u64 = kept.iter().map(|(_, bytes)| bytes.len()).sum();
        while bytes > KEPT_BYTES_MAX
            && let Some((_, oldest)) = kept.pop_front()
        {
            bytes -= oldest.len();
        }
        drop(kept);
        Ok(fetched)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Digest, SealedBytes)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Downloads what a task reads, and checks that it is that. Asks again when the server cannot be reached.
pub(crate) async fn fetch(
    client: &Client,
    held: &HeldLease,
    digest: Digest,
    bytes_max: u64,
) -> Result<SealedBytes, ContentError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_fetch(client, held, digest, bytes_max).await {
            Err(ContentError::Client(error)) if tries < FETCH_TRIES && may_pass(&error) => {
                tokio::time::sleep(FETCH_PAUSE).await;
            }
            other => return other,
        }
    }
}

async fn try_fetch(
    client: &Client,
    held: &HeldLease,
    digest: Digest,
    bytes_max: u64,
) -> Result<SealedBytes, ContentError> {
    let mut download = client.work_content(held, &digest.to_string()).await?;
    let (mut builder, mut hasher) = (SealedBytes::builder()?, Hasher::new());
    while let Some(piece) = download.chunk().await? {
        if builder.len() + piece.len() as u64 > bytes_max {
            return Err(ContentError::TooLarge);
        }
        hasher.update(&piece);
        builder.write_all(&piece)?;
    }
    if hasher.finish() != digest {
        return Err(ContentError::Mismatch);
    }
    Ok(builder.seal()?)
}
