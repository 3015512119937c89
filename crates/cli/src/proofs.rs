use std::time::Duration;

use casemate_api::{Client, ClientError, ProblemCode};

/// How often the node is asked for a proof that is not ready: the log catches up within a second.
const ATTEMPTS: u32 = 50;

const PAUSE: Duration = Duration::from_millis(200);

/// Asks until the signed log covers what is asked for.
pub(crate) async fn until_ready<T, F>(mut ask: impl FnMut() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::ProofPending => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

/// Fetches a task's receipt.
pub(crate) async fn receipt(client: &Client, task: &str) -> Result<String, ClientError> {
    until_ready(|| client.tasks_receipt(task)).await
}
