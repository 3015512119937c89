//! From what use cases answer to what goes over the wire. Written out, so that the inside may change.

pub(crate) mod factors;
mod names;
mod objects;
pub(crate) mod users;

use std::time::Duration;

use casemate_api as wire;
use casemate_control::{Check, CheckStatus, Overview, Walls};
use casemate_identity::KeyRecord;
use casemate_ledger::{Decision, Entry};
use casemate_model::{Outcome, Principal, RunLimits, Timestamp, Usage, UserName};
use casemate_tasks::{Awaited, Plan, Review, TaskRecord, TaskResult, TaskState};

pub(crate) use names::*;
pub(crate) use objects::*;

/// How long before its end a key is said to end soon.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub(crate) fn key(record: &KeyRecord, now: Timestamp) -> wire::keys::Key {
    let live = record.revoked.is_none();
    let soon = |expires: Timestamp| now < expires && expires <= now.saturating_add(SOON);
    let former = record.former.as_ref().map(|(_, until)| *until).filter(|until| now < *until);
    wire::keys::Key {
        id: record.id.to_string(),
        label: record.label.clone(),
        role: record.role.to_string(),
        scopes: record.scopes.iter().map(|scope| scope.to_string()).collect(),
        created: record.created.to_string(),
        expires: record.expires.map(|time| time.to_string()),
        expires_soon: live && record.expires.is_some_and(soon),
        user: record.owner.map(|id| id.to_string()),
        networks: record.networks.iter().map(|network| network.to_string()).collect(),
        limit: record
            .limit
            .map(|limit| wire::keys::KeyLimit { per_second: limit.per_second(), burst: limit.burst() }),
        used: record.used.map(|time| time.to_string()),
        former_until: former.map(|until| until.to_string()),
        revoked: record.revoked.map(|time| time.to_string()),
    }
}

pub(crate) fn principal(
    principal: &Principal,
    user: Option<&UserName>,
    expires: Option<Timestamp>,
) -> wire::session::Principal {
    wire::session::Principal {
        user: user.map(|name| name.to_string()),
        principal: principal.kind.to_string(),
        project: principal.project.to_string(),
        role: principal.role.to_string(),
        scopes: principal.scopes.iter().map(|scope| scope.to_string()).collect(),
        expires: expires.map(|time| time.to_string()),
    }
}

pub(crate) fn task(record: &TaskRecord) -> wire::tasks::Task {
    let spec = &record.spec;
    let inputs = spec
        .inputs
        .iter()
        .map(|(path, digest)| wire::tasks::InputFile { path: path.clone(), digest: digest.to_string() });
    wire::tasks::Task {
        id: record.id.to_string(),
        project: record.project.to_string(),
        state: task_state(record.progress.state),
        module: spec.module.to_string(),
        module_name: spec.module_name.as_ref().map(|name| name.to_string()),
        args: spec.args.clone(),
        env: spec.env.iter().cloned().collect(),
        stdin: spec.stdin.map(|digest| digest.to_string()),
        inputs: inputs.collect(),
        output_directory: spec.output_directory,
        profile: profile(spec.deterministic),
        limits: limits(&spec.limits),
        plan: plan(&spec.plan),
        needs: spec.needs.iter().map(ToString::to_string).collect(),
        awaited: spec.awaited.iter().map(awaited).collect(),
        repeats: spec.repeats.map(|task| task.to_string()),
        quorum: spec.quorum.as_ref().map(|quorum| wire::tasks::QuorumDetails {
            agree: quorum.agree,
            replicas: quorum.replicas.iter().map(ToString::to_string).collect(),
        }),
        replica_of: spec.replica_of.map(|task| task.to_string()),
        attempt: record.progress.attempt,
        progress: None,
        cancel_requested: record.progress.cancel_requested,
        actor: record.actor.clone(),
        created: record.created.to_string(),
        updated: record.updated.to_string(),
        deadline: record.progress.deadline.to_string(),
        result: record.result.as_ref().map(task_result),
    }
}

pub(crate) fn profile(deterministic: bool) -> wire::tasks::Profile {
    if deterministic { wire::tasks::Profile::Det1 } else { wire::tasks::Profile::Default }
}

fn awaited(awaited: &Awaited) -> wire::tasks::AwaitedOutput {
    let Awaited { task, file, path } = awaited;
    wire::tasks::AwaitedOutput { task: task.to_string(), file: file.clone(), path: path.clone() }
}

fn plan(plan: &Plan) -> wire::tasks::Plan {
    let Plan { priority, not_before, key, retry, timeout_ms, labels } = plan;
    let on = [(retry.on.exit, wire::tasks::RetryOn::Exit), (retry.on.trap, wire::tasks::RetryOn::Trap)];
    wire::tasks::Plan {
        priority: priority.number(),
        not_before: not_before.map(|time| time.to_string()),
        key: key.as_ref().map(ToString::to_string),
        retry: wire::tasks::Retry {
            attempts: retry.attempts_max,
            wait_ms: u64::try_from(retry.wait_first.as_millis()).unwrap_or(u64::MAX),
            on: on.into_iter().filter(|(wanted, _)| *wanted).map(|(_, on)| on).collect(),
        },
        timeout_ms: *timeout_ms,
        labels: labels.iter().collect(),
    }
}

/// A plan as it is asked for.
pub(crate) fn plan_request(asked: &Plan) -> wire::tasks::PlanRequest {
    let wire::tasks::Plan { priority, not_before, key, retry, timeout_ms, labels } = plan(asked);
    let wire::tasks::Retry { attempts, wait_ms, on } = retry;
    let retry = wire::tasks::RetryRequest { attempts: Some(attempts), wait_ms: Some(wait_ms), on };
    wire::tasks::PlanRequest { priority: Some(priority), not_before, key, retry, timeout_ms, labels }
}

pub(crate) fn task_state(state: TaskState) -> wire::tasks::TaskState {
    match state {
        TaskState::Queued => wire::tasks::TaskState::Queued,
        TaskState::Leased => wire::tasks::TaskState::Leased,
        TaskState::Running => wire::tasks::TaskState::Running,
        TaskState::RetryWait => wire::tasks::TaskState::RetryWait,
        TaskState::Succeeded => wire::tasks::TaskState::Succeeded,
        TaskState::Failed => wire::tasks::TaskState::Failed,
        TaskState::Cancelled => wire::tasks::TaskState::Cancelled,
        TaskState::TimedOut => wire::tasks::TaskState::TimedOut,
        TaskState::Dead => wire::tasks::TaskState::Dead,
    }
}

fn task_result(result: &TaskResult) -> wire::tasks::TaskResult {
    let outputs = result.outputs.iter().map(|file| wire::tasks::OutputFile {
        path: file.path.clone(),
        digest: file.digest.to_string(),
        size_bytes: file.size_bytes,
    });
    wire::tasks::TaskResult {
        run: result.run.to_string(),
        outcome: outcome(&result.outcome),
        usage: usage(&result.usage),
        stdout: result.stdout.map(|digest| digest.to_string()),
        stderr: result.stderr.map(|digest| digest.to_string()),
        outputs: outputs.collect(),
        node: result.ran_on.as_ref().map(|ran_on| ran_on.node.to_string()),
        evidence: None,
        level: result.level().to_string(),
        review: result.review.map(|review| match review {
            Review::Confirmed => wire::tasks::Review::Confirmed,
            Review::Refuted => wire::tasks::Review::Refuted,
            Review::Void => wire::tasks::Review::Void,
        }),
        entry: result.entry,
    }
}

fn outcome(outcome: &Outcome) -> wire::tasks::Outcome {
    let kind = match outcome {
        Outcome::Exited(_) => wire::tasks::OutcomeKind::Exited,
        Outcome::Trapped(_) => wire::tasks::OutcomeKind::Trapped,
        Outcome::LimitReached(_) => wire::tasks::OutcomeKind::LimitReached,
        Outcome::Cancelled => wire::tasks::OutcomeKind::Cancelled,
        Outcome::Refused(_) => wire::tasks::OutcomeKind::Refused,
        Outcome::EngineFailed(_) => wire::tasks::OutcomeKind::EngineFailed,
    };
    wire::tasks::Outcome { kind, detail: outcome.detail(), text: outcome.to_string() }
}

fn usage(usage: &Usage) -> wire::tasks::Usage {
    wire::tasks::Usage {
        wall_ms: usage.wall_ms,
        queue_ms: usage.queue_ms,
        compile_ms: usage.compile_ms,
        fuel: usage.fuel,
        memory_bytes_peak: usage.memory_bytes_peak,
        table_elements_peak: usage.table_elements_peak,
        output_bytes: usage.output_bytes,
        log_bytes: usage.log_bytes,
    }
}

pub(crate) fn limits(limits: &RunLimits) -> wire::tasks::Limits {
    wire::tasks::Limits {
        wall_ms: limits.wall_ms,
        fuel: limits.fuel,
        memory_bytes: limits.memory_bytes,
        table_elements: limits.table_elements,
        instances: limits.instances,
        stack_bytes: limits.stack_bytes,
        output_bytes: limits.output_bytes,
        log_bytes: limits.log_bytes,
        compile_ms: limits.compile_ms,
        compile_memory_bytes: limits.compile_memory_bytes,
    }
}

pub(crate) fn entry(entry: &Entry, digest: String) -> wire::audit::AuditEntry {
    let event = &entry.event;
    wire::audit::AuditEntry {
        sequence: entry.sequence,
        time: event.time.to_string(),
        actor: event.actor.to_string(),
        project: event.project.to_string(),
        action: event.action.to_string(),
        resource: event.resource.clone(),
        decision: match event.decision {
            Decision::Allowed => wire::audit::Decision::Allowed,
            Decision::Denied => wire::audit::Decision::Denied,
        },
        outcome: event.outcome.clone(),
        request: event.request.to_string(),
        details: event.details.iter().cloned().collect(),
        digest,
    }
}

pub(crate) fn health(checks: &[Check]) -> wire::health::Health {
    let worst = checks.iter().map(|check| check.status).max().unwrap_or(CheckStatus::Ok);
    let checks = checks.iter().map(|check| wire::health::HealthCheck {
        name: check.name.to_owned(),
        status: status(check.status),
        detail: check.detail.clone(),
    });
    wire::health::Health {
        status: status(worst),
        version: wire::VERSION.to_owned(),
        checks: checks.collect(),
    }
}

fn status(status: CheckStatus) -> wire::health::HealthStatus {
    match status {
        CheckStatus::Ok => wire::health::HealthStatus::Ok,
        CheckStatus::Degraded => wire::health::HealthStatus::Degraded,
        CheckStatus::Failing => wire::health::HealthStatus::Failing,
    }
}

pub(crate) fn overview(overview: &Overview) -> wire::health::Overview {
    let (checkpoint_size, checkpoint_time) = overview.checkpoint.unzip();
    wire::health::Overview {
        version: wire::VERSION.to_owned(),
        started: overview.started.to_string(),
        project: overview.project.to_string(),
        origin: overview.public_key.origin().to_owned(),
        walls: walls(&overview.walls),
        workers: wire::health::Workers {
            idle: count(overview.workers.workers_idle),
            busy: count(overview.workers.workers_busy),
            started: overview.workers.workers_started,
        },
        tasks: overview.tasks.iter().map(|(state, count)| (task_state(*state), *count)).collect(),
        buckets: overview.totals.buckets,
        objects: overview.totals.objects,
        object_bytes: overview.totals.size_bytes,
        log: wire::health::LogFigures {
            size: overview.entries,
            checkpoint_size: checkpoint_size.unwrap_or(0),
            checkpoint_time: checkpoint_time.map(|time| time.to_string()),
            origin: overview.public_key.origin().to_owned(),
            public_key: overview.public_key.to_string(),
        },
    }
}

fn count(items: usize) -> u64 {
    items as u64
}

/// Required walls that are missing fail; others only degrade, as they add depth.
fn walls(walls: &Walls) -> Vec<wire::health::Wall> {
    use wire::health::HealthStatus::{Degraded, Failing, Ok};
    let wall = |name: &str, stands: bool, missing, detail: String| wire::health::Wall {
        name: name.to_owned(),
        status: if stands { Ok } else { missing },
        detail,
    };
    let said = |stands: bool| if stands { "in force" } else { "not in force on this machine" }.to_owned();
    let landlock = walls.landlock_abi;
    let landlock_said = landlock.map_or_else(|| said(false), |abi| format!("in force, version {abi}"));
    let user_said = walls.user.map_or_else(
        || "guests run as the node's own user, without capabilities".to_owned(),
        |uid| format!("guests run as user {uid}"),
    );
    vec![
        wall("landlock", landlock.is_some(), Failing, landlock_said),
        wall("seccomp", walls.seccomp, Failing, said(walls.seccomp)),
        wall("rlimits", walls.rlimits, Degraded, said(walls.rlimits)),
        wall("capabilities", walls.capabilities_dropped, Degraded, said(walls.capabilities_dropped)),
        wall("user", walls.user.is_some(), Degraded, user_said),
        wall("network", walls.network_namespace, Degraded, said(walls.network_namespace)),
        wall("root", walls.root_directory, Degraded, said(walls.root_directory)),
    ]
}
