use casemate_api::{Client, ClientError, ProblemCode};
use casemate_ledger::{TilePath, TileSource};
use casemate_model::StoreError;
use tokio::runtime::Handle;

/// The files of a node's log, fetched from it one by one. Reading blocks, so it must be off the runtime's threads.
pub(super) struct RemoteLog {
    client: Client,
    runtime: Handle,
}

impl RemoteLog {
    /// Must be called within the runtime that the client works on.
    pub(super) fn new(client: Client) -> Self {
        Self { client, runtime: Handle::current() }
    }
}

impl TileSource for RemoteLog {
    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        match self.runtime.block_on(self.client.audit_tiles(&path.to_string())) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::NotFound => Ok(None),
            Err(error) => {
                Err(StoreError::Unavailable { action: "read a file of the log", source: Box::new(error) })
            }
        }
    }
}
