use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use casemate_fs::{Dir, FsError};
use casemate_ledger::{
    AddCheckpoint, Checkpoint, Cosignature, NodePublicKey, Seen, WitnessKey, WitnessRefusal,
};
use casemate_model::{Clock, Digest};

/// A witness: it cosigns checkpoints of the logs that it knows, and never two of one log that do not follow.
pub struct Witness {
    key: WitnessKey,
    logs: HashMap<String, NodePublicKey>,
    clock: Arc<dyn Clock>,
    /// The newest checkpoint of each log. Locked while one is judged and written, so that each follows the one before.
    directory: Mutex<Dir>,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The log is not one that this witness knows.
    #[error("this witness does not know such a log")]
    UnknownLog,
    /// The request is not one to cosign.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// What was seen before cannot be read or written.
    #[error("the witness cannot use its directory")]
    Directory(#[from] FsError),
    /// What was seen before is not what was written then.
    #[error("the file `{name}` of the witness is damaged: it says nothing about a log that is known")]
    Damaged {
        /// The file.
        name: String,
    },
}

impl Witness {
    /// A witness that keeps what it saw in `directory`.
    pub fn new(
        key: WitnessKey,
        logs: impl IntoIterator<Item = NodePublicKey>,
        directory: Dir,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let logs = logs.into_iter().map(|key| (key.origin().to_owned(), key)).collect();
        Self { key, logs, clock, directory: Mutex::new(directory) }
    }

    /// Cosigns a checkpoint if its log only grew since the last. It is on the disk before the answer is given. Blocks.
    pub fn add_checkpoint(&self, request: &[u8]) -> Result<Cosignature, WitnessError> {
        let request = AddCheckpoint::parse(request).ok_or(WitnessRefusal::Malformed)?;
        let log = self.logs.get(request.origin()).ok_or(WitnessError::UnknownLog)?;
        let name = Digest::of(log.origin().as_bytes()).to_hex();
        // Nothing is done between taking and writing that could leave it half done: the file is replaced whole.
        let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = last_seen(&directory, &name, log)?;
        let checkpoint = request.judge(log, seen)?;
        let cosignature = self.key.cosign(&checkpoint, self.clock.now());
        let signed = checkpoint.with_cosignatures(vec![cosignature.clone()]);
        directory.replace(&name, signed.as_str().as_bytes())?;
        Ok(cosignature)
    }
}

fn last_seen(directory: &Dir, name: &str, log: &NodePublicKey) -> Result<Option<Seen>, WitnessError> {
    let bytes = match directory.read_private(name, Checkpoint::BYTES_MAX as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = String::from_utf8(bytes).ok();
    let checkpoint = text.and_then(|text| Checkpoint::open(&text, log).ok());
    // To begin anew would be to forget what was cosigned.
    let checkpoint = checkpoint.ok_or_else(|| WitnessError::Damaged { name: name.to_owned() })?;
    Ok(Some(Seen { size: checkpoint.size(), root: checkpoint.root() }))
}
