//! What the replicas of a task come to.

use casemate_objects::BlobId;
use casemate_tasks::{Agreement, Ballot, Quorum, Settled, Step, TaskRecord, TaskResult, TaskState, Verdict};

use super::audit::node_of;
use super::end::ADD_OUTPUT;
use super::needs::{DELETE_NEEDS, Settle};
use super::stored::result_blobs;
use crate::change::Tx;
use crate::failure::Failure;
use crate::sql::values;

impl Settle {
    /// Ends a task if its replicas have come to something, and those of them that are not over.
    pub(super) async fn settle_quorum(
        &self,
        tx: &mut Tx<'_>,
        mut task: TaskRecord,
        settled: &mut Settled,
    ) -> Result<(), Failure> {
        let Some(quorum) = task.spec.quorum.clone() else { return Ok(()) };
        let mut replicas = Vec::with_capacity(quorum.replicas.len());
        for id in &quorum.replicas {
            replicas.extend(tx.task(*id).await?);
        }
        let ballots: Vec<Ballot> = replicas.iter().map(Ballot::of).collect();
        let state = match quorum.verdict(&ballots) {
            Verdict::Waiting => return Ok(()),
            Verdict::Impossible => TaskState::Dead,
            Verdict::Agreed { agreed, refuted } => {
                let result = agreed_result(&quorum, &replicas, &agreed);
                let state = result.as_ref().and_then(|result| TaskState::after(&result.outcome));
                task.result = result;
                self.refer_to_result(tx, &task).await?;
                self.judge_nodes(tx, (&replicas, &agreed, &refuted), settled).await?;
                state.unwrap_or(TaskState::Dead)
            }
        };
        tx.execute(&DELETE_NEEDS, values![task.id]).await?;
        for replica in replicas.into_iter().filter(|replica| !replica.progress.state.is_final()) {
            settled.changed.extend(self.step(tx, replica, &Step::Cancel).await?);
        }
        settled.changed.extend(self.step(tx, task, &Step::Settle(state)).await?);
        Ok(())
    }

    async fn refer_to_result(&self, tx: &mut Tx<'_>, task: &TaskRecord) -> Result<(), Failure> {
        for digest in task.result.iter().flat_map(result_blobs) {
            tx.refer_to_known(&BlobId::new(&task.project, digest)).await?;
            tx.execute(&ADD_OUTPUT, values![task.project, digest]).await?;
        }
        Ok(())
    }

    /// Counts for the nodes what their results were worth.
    async fn judge_nodes(
        &self,
        tx: &mut Tx<'_>,
        (replicas, agreed, refuted): (&[TaskRecord], &[usize], &[usize]),
        settled: &mut Settled,
    ) -> Result<(), Failure> {
        for place in agreed {
            let replica = &replicas[*place];
            if let Some(node) = node_of(replica) {
                self.judge(tx, node, (true, replica), settled).await?;
            }
        }
        for place in refuted {
            let replica = &replicas[*place];
            if let Some(node) = node_of(replica) {
                self.judge(tx, node, (false, replica), settled).await?;
            }
        }
        Ok(())
    }
}

/// What enough replicas have come to, as the first of them has it, with how many they are.
fn agreed_result(quorum: &Quorum, replicas: &[TaskRecord], agreed: &[usize]) -> Option<TaskResult> {
    let first = replicas.get(*agreed.first()?)?.result.clone()?;
    let count = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
    let agreement = Agreement { agreed: count(agreed.len()), nodes: count(quorum.replicas.len()) };
    Some(TaskResult { agreement: Some(agreement), ..first })
}
