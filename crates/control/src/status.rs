use std::sync::RwLock;
use std::time::Duration;

use casemate_fs::FsError;
use casemate_ledger::NodePublicKey;
use casemate_model::{Project, Timestamp};
use casemate_objects::{BucketTotals, ObjectsError};
use casemate_policy::{Resource, operation};
use casemate_sandbox::{Figures, Walls};
use casemate_tasks::TaskState;

use crate::{Caller, Control, ControlError};

/// How often the node checks itself. A request for its health reads the last result, so that health answers at once
/// however busy the node is; results that grow old are themselves a failure.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// From when on a result is too old to be believed.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// How long one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// A failure shows within this time.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

const _: () = assert!(CHECK_INTERVAL.as_secs() + CHECK_TIMEOUT.as_secs() < NOTICED_WITHIN.as_secs());

/// Free space below which the node warns.
const FREE_BYTES_WANTED: u64 = 1 << 30;

/// Audit entries that the signed log may lag behind before the node warns.
const LOG_LAG_MAX: u64 = 50_000;

/// How long the signed log may fail to grow before the node calls it broken.
const LOG_FAILING_MAX: Duration = Duration::from_secs(5);

/// One thing that the node checks about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked: `state`, `objects`, `workers` or `audit`.
    pub name: &'static str,
    /// How it is.
    pub status: CheckStatus,
    /// The same in words, for people; holds nothing secret.
    pub detail: String,
}

/// How a part of the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    /// It works.
    Ok,
    /// It works, but somebody should look.
    Degraded,
    /// It does not work.
    Failing,
}

/// The figures of the overview.
#[derive(Clone, Debug)]
pub struct Overview {
    /// When the node started.
    pub started: Timestamp,
    /// The walls around guests.
    pub walls: Walls,
    /// Worker processes.
    pub workers: Figures,
    /// Runs under way, and the most there can be.
    pub runs: (usize, usize),
    /// Tasks of the caller's project by state.
    pub tasks: Vec<(TaskState, u64)>,
    /// Audit entries.
    pub entries: u64,
    /// Entries that the signed checkpoint covers, and when it was signed.
    pub checkpoint: Option<(u64, Timestamp)>,
    /// The node's public key.
    pub public_key: NodePublicKey,
    /// The caller's project.
    pub project: Project,
    /// Buckets and objects of the project.
    pub totals: BucketTotals,
}

/// The last result of the node's checks.
#[derive(Default)]
pub(crate) struct Health(RwLock<Option<(Timestamp, Vec<Check>)>>);

/// Checks the node every second.
pub(crate) async fn watch(control: Control) {
    let mut ticks = tokio::time::interval(CHECK_INTERVAL);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let checks = control.check().await;
        let now = control.now();
        *control.health.0.write().expect("nothing panics while it holds the lock") = Some((now, checks));
    }
}

impl Control {
    /// How the node was when it last looked, at most a second or so ago.
    pub async fn health(&self, caller: &Caller) -> Result<Vec<Check>, ControlError> {
        let _permit = self.permit::<operation::Health>(caller, &Resource::all("node")).await?;
        let last = self.health.0.read().expect("nothing panics while it holds the lock").clone();
        let now = self.now();
        match last {
            Some((at, checks)) if now.saturating_since(at) < STALE_AFTER => Ok(checks),
            Some(_) => Ok(vec![failing("node", "the node has not checked itself for a while")]),
            None => {
                Ok(vec![Check { name: "node", status: CheckStatus::Degraded, detail: "starting".to_owned() }])
            }
        }
    }

    /// The same for who sends requests here only while it works: until the first check is done it does not.
    pub async fn readiness(&self, caller: &Caller) -> Result<Vec<Check>, ControlError> {
        let checked = self.health.0.read().expect("nothing panics while it holds the lock").is_some();
        let checks = self.health(caller).await?;
        Ok(if checked { checks } else { vec![failing("node", "starting")] })
    }

    /// Figures for the overview.
    pub async fn overview(&self, caller: &Caller) -> Result<Overview, ControlError> {
        let permit = self.permit::<operation::Overview>(caller, &Resource::all("node")).await?;
        Ok(Overview {
            started: self.started,
            walls: self.parts.sandbox.walls().clone(),
            workers: self.parts.sandbox.figures(),
            runs: self.runs.load(),
            tasks: self.parts.queue.counts(permit.project()).await?,
            entries: self.parts.audit.size().await?,
            checkpoint: self.parts.log.checkpoint_size_and_time(),
            public_key: self.parts.node_key.public_key().clone(),
            project: permit.project().clone(),
            totals: self.parts.objects.totals(permit.project()).await?,
        })
    }

    /// Whether the caller may read metrics; rendering them is the server's.
    pub async fn read_metrics(&self, caller: &Caller) -> Result<(), ControlError> {
        self.permit::<operation::Metrics>(caller, &Resource::all("node")).await.map(drop)
    }

    /// Whether the caller may follow what happens, and in which project.
    pub async fn follow_events(&self, caller: &Caller) -> Result<Project, ControlError> {
        Ok(self.permit::<operation::FollowEvents>(caller, &Resource::all("node")).await?.project().clone())
    }

    async fn check(&self) -> Vec<Check> {
        // At once, so that the result is out in time however many of them hang.
        let checks =
            tokio::join!(self.check_state(), self.check_objects(), self.check_workers(), self.check_audit());
        let checks: [Check; 4] = checks.into();
        for check in &checks {
            let value = if check.status == CheckStatus::Failing { 1.0 } else { 0.0 };
            metrics::gauge!("casemate_check_failing", "check" => check.name).set(value);
        }
        checks.into()
    }

    async fn check_state(&self) -> Check {
        match tokio::time::timeout(CHECK_TIMEOUT, self.parts.audit.probe()).await {
            Ok(Ok(size)) => ok("state", format!("takes changes; {size} audit entries")),
            Ok(Err(_)) => failing("state", "the database takes no changes"),
            Err(_) => failing("state", "the database takes no changes in time"),
        }
    }

    async fn check_objects(&self) -> Check {
        let checking = tokio::time::timeout(CHECK_TIMEOUT, self.parts.objects.check_directory()).await;
        match checking {
            Ok(Ok(free)) if free < FREE_BYTES_WANTED => Check {
                name: "objects",
                status: CheckStatus::Degraded,
                detail: format!("less than 1 GiB is free ({free} bytes)"),
            },
            Ok(Ok(free)) => ok("objects", format!("writable; {} GiB free", free >> 30)),
            Ok(Err(error @ ObjectsError::NoRoom { .. })) => {
                Check { name: "objects", status: CheckStatus::Degraded, detail: error.to_string() }
            }
            Ok(Err(ObjectsError::Files(FsError::NoSpace { .. }))) => {
                failing("objects", "the disk of the object directory is full")
            }
            Ok(Err(_)) => failing("objects", "the object directory cannot be written, or was moved"),
            Err(_) => failing("objects", "the object directory cannot be written in time"),
        }
    }

    async fn check_workers(&self) -> Check {
        match tokio::time::timeout(CHECK_TIMEOUT, self.parts.sandbox.probe()).await {
            Ok(Ok(())) => {
                let (running, most) = self.runs.load();
                ok("workers", format!("{running} of {most} busy"))
            }
            Ok(Err(_)) => failing("workers", "no worker process can be started"),
            Err(_) => failing("workers", "worker processes do not answer in time"),
        }
    }

    async fn check_audit(&self) -> Check {
        let covered = self.parts.log.size();
        if let Some(since) = self.parts.log.failing_since()
            && self.now().saturating_since(since) > LOG_FAILING_MAX
        {
            return failing("audit", "entries cannot be moved into the signed log; the node's log says why");
        }
        let Ok(size) = tokio::time::timeout(CHECK_TIMEOUT, self.parts.audit.size()).await else {
            return failing("audit", "the audit log does not answer in time");
        };
        match size {
            Ok(size) if size.saturating_sub(covered) > LOG_LAG_MAX => Check {
                name: "audit",
                status: CheckStatus::Degraded,
                detail: format!("the signed log lags {} entries behind", size - covered),
            },
            Ok(_) => ok("audit", format!("{covered} entries are in the signed log")),
            Err(_) => failing("audit", "the audit log does not answer"),
        }
    }
}

fn ok(name: &'static str, detail: String) -> Check {
    Check { name, status: CheckStatus::Ok, detail }
}

fn failing(name: &'static str, detail: &str) -> Check {
    Check { name, status: CheckStatus::Failing, detail: detail.to_owned() }
}
