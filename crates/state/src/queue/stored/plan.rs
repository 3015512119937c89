use std::time::Duration;

use casemate_model::Timestamp;
use casemate_tasks::{Awaited, Plan, Priority, Quorum, RetryOn, RetryPolicy};
use serde::{Deserialize, Serialize};

use super::{StoredError, bad_value, task_id};

/// A plan; tasks that were stored before there were any have the default.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoredPlan {
    priority: u8,
    not_before: Option<u64>,
    key: Option<String>,
    attempts_max: u32,
    wait_first_ms: u64,
    wait_max_ms: u64,
    on_exit: bool,
    on_trap: bool,
    timeout_ms: Option<u64>,
    labels: String,
}

impl Default for StoredPlan {
    fn default() -> Self {
        Self::of(&Plan::default())
    }
}

impl StoredPlan {
    pub(crate) fn of(plan: &Plan) -> Self {
        let Plan { priority, not_before, key, retry, timeout_ms, labels } = plan;
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self {
            priority: priority.number(),
            not_before: not_before.map(|time| time.as_millis()),
            key: key.as_ref().map(ToString::to_string),
            attempts_max: retry.attempts_max,
            wait_first_ms: millis(retry.wait_first),
            wait_max_ms: millis(retry.wait_max),
            on_exit: retry.on.exit,
            on_trap: retry.on.trap,
            timeout_ms: *timeout_ms,
            labels: labels.to_string(),
        }
    }

    pub(crate) fn read(self) -> Result<Plan, StoredError> {
        let part = "plan";
        let time = |millis: u64| {
            Timestamp::from_millis(millis).map_err(|_| bad_value(part, millis.to_string(), "time"))
        };
        let priority = Priority::new(self.priority);
        Ok(Plan {
            priority: priority.map_err(|_| bad_value(part, self.priority.to_string(), "priority"))?,
            not_before: self.not_before.map(time).transpose()?,
            key: self
                .key
                .map(|text| text.parse().map_err(|_| bad_value(part, text, "key of a task")))
                .transpose()?,
            retry: RetryPolicy {
                attempts_max: self.attempts_max,
                wait_first: Duration::from_millis(self.wait_first_ms),
                wait_max: Duration::from_millis(self.wait_max_ms),
                on: RetryOn { exit: self.on_exit, trap: self.on_trap },
            },
            timeout_ms: self.timeout_ms,
            labels: self.labels.parse().map_err(|_| bad_value(part, self.labels, "labels"))?,
        })
    }
}

/// An output of another task that a task reads.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredAwaited {
    task: String,
    file: Option<String>,
    path: Option<String>,
}

impl StoredAwaited {
    pub(super) fn of(awaited: &Awaited) -> Self {
        let Awaited { task, file, path } = awaited;
        Self { task: task.to_string(), file: file.clone(), path: path.clone() }
    }

    pub(super) fn read(self) -> Result<Awaited, StoredError> {
        Ok(Awaited { task: task_id("awaited output", self.task)?, file: self.file, path: self.path })
    }
}

/// How many nodes are to run a task.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredQuorum {
    agree: u8,
    replicas: Vec<String>,
}

impl StoredQuorum {
    pub(super) fn of(quorum: &Quorum) -> Self {
        let Quorum { agree, replicas } = quorum;
        Self { agree: *agree, replicas: replicas.iter().map(ToString::to_string).collect() }
    }

    pub(super) fn read(self) -> Result<Quorum, StoredError> {
        let replicas = self.replicas.into_iter().map(|text| task_id("quorum", text));
        Quorum::new(self.agree, replicas.collect::<Result<_, _>>()?)
            .map_err(|_| bad_value("quorum", self.agree.to_string(), "quorum"))
    }
}
