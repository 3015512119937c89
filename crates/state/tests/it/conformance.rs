//! What every store must do, on every engine it can be in.

mod audit;
mod buckets;
mod catalog;
mod credentials;
mod factors;
mod functions;
mod idempotency;
mod inventory;
mod lifecycle;
mod nodes;
mod overrides;
mod peppers;
mod plans;
mod queue;
mod quotas;
mod registry;
mod relays;
mod schedules;
mod terms;
mod uploads;
mod users;
mod webhooks;

use std::pin::Pin;

use crate::context::{Context, run, with_postgres};

type Case = (&'static str, for<'c> fn(&'c Context) -> Pin<Box<dyn Future<Output = ()> + 'c>>);

macro_rules! cases {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($case)), |context| Box::pin($module::$case(context)))),+]
    };
}

const CASES: &[Case] = cases![
    audit::every_change_has_an_entry_and_a_refusal_has_none,
    audit::sequences_have_no_gaps_when_many_write_at_once,
    audit::entries_come_in_pages,
    catalog::objects_are_put_replaced_and_deleted,
    catalog::blobs_are_counted_over_all_that_refers_to_them,
    catalog::a_blob_is_forgotten_only_when_nothing_refers_to_it,
    catalog::a_base_stays_as_long_as_something_is_stored_as_a_difference_to_it,
    catalog::a_prefix_is_bytes_and_has_no_special_characters,
    catalog::lists_come_in_pages_in_byte_order,
    catalog::a_blob_is_readable_in_the_projects_that_have_it,
    catalog::the_same_content_of_two_projects_is_two_blobs,
    catalog::a_task_refers_to_the_module_of_the_project_that_has_its_name,
    catalog::no_page_is_longer_than_a_thousand,
    buckets::buckets_are_made_set_and_deleted_when_empty,
    buckets::a_put_waits_for_what_must_be_there,
    buckets::versions_are_kept_marked_and_brought_to_light,
    buckets::a_bucket_that_stopped_keeping_versions_has_one_null_version,
    buckets::versions_of_a_key_are_bases_of_each_other,
    buckets::settings_are_changed_only_from_what_was_read,
    buckets::samples_are_one_a_day_and_bounded,
    buckets::what_a_bucket_takes_counts_shared_content_once_and_bases_with_it,
    quotas::a_quota_counts_versions_and_what_makes_nothing_grow_passes,
    quotas::many_at_once_do_not_get_past_a_quota,
    uploads::uploads_hold_their_parts_until_they_end,
    uploads::parts_count_towards_the_quota_until_their_upload_ends,
    uploads::many_parts_at_once_do_not_get_past_a_quota,
    uploads::an_upload_ends_with_the_put_that_completes_it,
    lifecycle::rules_expire_trim_and_give_up_as_the_clock_goes_on,
    lifecycle::what_changed_meanwhile_is_left_alone,
    inventory::blobs_come_by_project_and_digest,
    inventory::parts_of_all_uploads_come_in_order,
    schedules::a_time_is_carried_out_once_and_nothing_is_submitted_over_an_open_task,
    schedules::what_a_schedule_reads_stays_until_it_is_removed,
    schedules::tasks_are_counted_by_the_hour_and_go_when_they_were_kept_for_long_enough,
    relays::a_session_is_open_until_its_end_and_is_bounded,
    nodes::a_join_token_makes_one_node,
    nodes::a_node_takes_tasks_of_its_project_that_want_its_labels,
    nodes::what_nodes_do_is_counted,
    nodes::replicas_go_to_distinct_owners_and_a_lie_is_outvoted,
    nodes::replicas_end_with_their_task,
    nodes::an_audit_confirms_the_honest_and_catches_the_liar_with_all_that_nobody_looked_at,
    nodes::a_liar_who_audits_frames_nobody,
    credentials::keys_are_found_listed_and_revoked_once,
    credentials::sessions_end_and_expired_ones_are_removed,
    idempotency::a_request_is_carried_out_once,
    idempotency::of_many_with_one_key_one_is_carried_out,
    idempotency::a_dead_request_loses_its_key_and_cannot_answer,
    idempotency::answers_are_bounded_and_forgotten,
    users::users_are_found_by_id_and_name_and_names_are_unique,
    users::an_invitation_makes_one_user,
    users::a_password_is_replaced_once_and_ends_sessions,
    users::a_blocked_user_has_no_standing_and_no_sessions,
    users::members_and_roles_come_and_go,
    users::a_refresh_token_is_used_once_with_a_grace,
    functions::versions_are_added_in_order_and_never_change,
    functions::a_name_is_one_projects_until_its_function_is_removed,
    functions::only_versions_that_there_are_can_be_routed_to,
    functions::modules_are_held_by_versions_and_old_ones_go,
    functions::a_value_is_replaced_only_by_who_has_seen_it,
    functions::values_are_listed_by_prefix_and_go_with_their_function,
    functions::a_function_keeps_only_so_many_bytes,
    factors::a_code_is_taken_once_and_only_forwards,
    factors::a_recovery_code_is_taken_once,
    factors::codes_are_removed_only_by_who_shows_one,
    factors::a_passkey_and_its_challenge_are_used_forwards,
    factors::a_user_has_only_so_many_passkeys,
    factors::reset_factors_end_sessions,
    overrides::overrides_are_set_replaced_and_removed,
    overrides::there_are_only_so_many_overrides,
    peppers::a_pepper_is_noted_once_and_retired_once,
    peppers::what_leans_on_a_pepper_is_counted_while_it_lives,
    webhooks::webhooks_are_made_changed_and_removed,
    webhooks::there_are_only_so_many_webhooks,
    webhooks::the_log_is_the_outbox_of_webhooks,
    webhooks::only_so_much_waits_for_a_webhook,
    webhooks::a_delivery_is_tried_until_it_ends,
    webhooks::a_lease_ends_by_time_or_with_its_holder,
    webhooks::a_webhook_is_paused_once_with_its_entry,
    webhooks::what_came_of_an_attempt_says_nothing_of_a_webhook_that_was_changed_since,
    webhooks::a_delivery_is_sent_again_on_demand,
    webhooks::deliveries_that_are_over_are_forgotten,
    queue::a_task_lives_from_submission_to_success,
    queue::a_lost_lease_cannot_write,
    queue::a_failure_of_the_node_is_tried_again_until_no_attempt_is_left,
    queue::a_task_that_is_handed_back_is_taken_again,
    queue::a_lease_that_nobody_works_under_ends,
    queue::a_waiting_task_is_cancelled_at_once_and_a_running_one_by_its_worker,
    queue::a_deadline_ends_a_task_that_waits,
    queue::a_full_queue_and_a_missing_blob_refuse_a_task,
    queue::tasks_are_taken_oldest_first_and_only_once,
    plans::the_most_urgent_comes_first_and_projects_take_turns,
    plans::a_task_waits_for_its_time_and_queues_then,
    plans::one_open_task_has_a_key,
    plans::a_guest_that_fails_is_attempted_again_if_its_plan_says_so,
    plans::a_task_waits_for_those_it_needs_and_reads_what_they_leave,
    queue::tasks_are_listed_newest_first,
    registry::of_many_claims_one_wins,
    registry::an_update_needs_the_owner_and_the_present_sequence,
    registry::a_name_means_only_what_its_project_may_read,
    registry::a_released_name_goes_on_where_it_ended,
    registry::of_names_that_look_alike_one_is_held,
    registry::what_is_above_and_below_a_name_is_its_holders,
    registry::history_and_names_come_in_pages,
    registry::of_changes_from_one_version_one_wins,
    terms::a_name_ends_unless_it_is_renewed,
    terms::a_clock_that_jumps_ahead_takes_no_name,
    terms::a_name_goes_to_whom_it_is_offered,
    terms::what_is_handed_on_below_a_name_ends_with_it,
    terms::a_revocation_can_be_taken_back_for_a_while,
    terms::a_stop_is_not_undone_by_giving_up_what_is_stopped,
    terms::what_cools_off_keeps_what_is_above_and_below,
    terms::a_claim_is_committed_to_before_it_is_seen,
    terms::a_name_is_not_released_above_one_of_another,
    terms::names_are_found_by_the_tags_they_have,
    terms::changes_of_a_name_with_an_owner_are_signed,
    terms::keys_of_a_name_change_hands_with_those_who_have_them,
];

#[test]
fn on_sqlite() {
    run(async {
        for (name, case) in CASES {
            check(name, Context::sqlite().await, *case).await;
        }
    });
}

#[test]
fn on_postgres() {
    with_postgres(|server| async move {
        for (name, case) in CASES {
            check(name, Context::postgres(server.fresh_database().await).await, *case).await;
        }
    });
}

/// Runs a case, and then looks whether it left everything in order.
#[expect(clippy::print_stderr, reason = "the last line before a failure says which case it was")]
async fn check(
    name: &str,
    context: Context,
    case: for<'c> fn(&'c Context) -> Pin<Box<dyn Future<Output = ()> + 'c>>,
) {
    eprintln!("case {name}");
    case(&context).await;
    let report = context.store.check().await.unwrap();
    assert_eq!((report.findings, report.truncated), (vec![], false), "after {name}");
    context.store.close().await;
}
