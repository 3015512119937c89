use casemate_api::tasks::{RetryOn, Task};

/// What of a task's plan is not as it is for every task.
pub(super) fn fields(task: &Task) -> Vec<(&'static str, String)> {
    let plan = &task.plan;
    let on = |on: &RetryOn| match on {
        RetryOn::Exit => "exit",
        RetryOn::Trap => "trap",
    };
    let mut fields = vec![
        ("attempts at most", plan.retry.attempts.to_string()),
        ("priority", plan.priority.to_string()),
        ("deadline", task.deadline.clone()),
    ];
    let retried: Vec<_> = plan.retry.on.iter().map(on).collect();
    if !retried.is_empty() {
        fields.push(("attempted again on", retried.join(", ")));
    }
    if !task.needs.is_empty() {
        fields.push(("needs", task.needs.join(" ")));
    }
    let others =
        [("not before", &plan.not_before), ("key", &plan.key), ("repeats", &task.repeats)].into_iter();
    fields.extend(others.filter_map(|(name, value)| Some((name, value.clone()?))));
    fields
}
