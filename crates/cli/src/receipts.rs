use std::time::Duration;

use casemate_api::{Client, ClientError, ProblemCode};

/// How often the node is asked for a receipt whose proof is not ready: the log catches up within a second.
const ATTEMPTS: u32 = 50;

const PAUSE: Duration = Duration::from_millis(200);

/// Fetches a task's receipt, waiting for the signed log to cover it.
pub(crate) async fn fetch(client: &Client, task: &str) -> Result<String, ClientError> {
    for _ in 1..ATTEMPTS {
        match client.tasks_receipt(task).await {
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::ProofPending => {
                tokio::time::sleep(PAUSE).await;
            }
            fetched => return fetched,
        }
    }
    client.tasks_receipt(task).await
}
