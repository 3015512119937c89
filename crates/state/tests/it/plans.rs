//! Every hot statement finds its rows through an index, and in the order in which it returns them.

use casemate_state::test_support::Plan;

use crate::context::{Context, run, with_postgres};

fn assert_no_step(plans: &[Plan], is_bad: impl Fn(&str) -> bool) {
    assert!(plans.len() > 40, "the lists of hot statements are read");
    let bad: Vec<_> = plans.iter().filter(|plan| plan.steps.iter().any(|step| is_bad(step))).collect();
    assert!(bad.is_empty(), "these need an index: {bad:#?}");
}

#[test]
fn on_sqlite() {
    run(async {
        let plans = Context::sqlite().await.store.plans().await.unwrap();
        assert_no_step(&plans, |step| {
            // `wanted` is what a statement makes itself, a row at a time.
            let of_its_own = ["SCAN CONSTANT ROW", "SCAN wanted"].contains(&step)
                || step.starts_with("SCAN json_each VIRTUAL TABLE");
            (step.starts_with("SCAN") && !step.contains("USING") && !of_its_own)
                || step.contains("TEMP B-TREE")
        });
    });
}

#[test]
fn on_postgres() {
    with_postgres(|server| async move {
        let plans = Context::postgres(server.fresh_database().await).await.store.plans().await.unwrap();
        assert_no_step(&plans, |step| step.contains("Seq Scan") || step.contains("Sort"));
    });
}
