//! The API, one file per resource. Each handler decodes, calls one use case, and encodes.

mod audit;
mod buckets;
mod certificates;
mod events;
mod factors;
mod functions;
mod keys;
mod limits;
mod log;
mod members;
mod name_records;
mod names;
mod node;
mod nodes;
mod objects;
mod peers;
mod proofs;
mod relays;
mod schedules;
mod sessions;
mod shares;
mod tasks;
mod uploads;
mod users;
mod values;
mod versions;
mod webhooks;
mod work;

use axum::Router;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::document;

pub(crate) use node::metrics;
pub(crate) use objects::flowing;

/// What the document says beside the routes themselves.
#[derive(OpenApi)]
#[openapi(info(
    title = "Casemate",
    description = "Run code you don't trust on your own machines, and prove what it did.",
    license(name = "Apache-2.0")
))]
struct Described;

/// All routes under `/api/v1`, and the document that describes them.
pub(crate) fn api() -> (Router<AppState>, Document) {
    let (router, mut document) = described().split_for_parts();
    document::complete(&mut document);
    let text = document.to_pretty_json().expect("a document of plain values is JSON");
    let router = router.route("/openapi.json", node::document(text));
    (router, document)
}

/// The API's description, as `GET /api/v1/openapi.json` answers it and `openapi/casemate.json` keeps it.
pub fn openapi_document() -> String {
    let mut text = api().1.to_pretty_json().expect("a document of plain values is JSON");
    text.push('\n');
    text
}

/// The routes that functions may be granted: content, and nothing by which they could come to more.
pub(crate) fn for_functions() -> Router<AppState> {
    let (router, _) = OpenApiRouter::new()
        .routes(routes!(objects::list_objects))
        .routes(routes!(objects::list_folder))
        .routes(routes!(objects::stat_object))
        .routes(routes!(objects::put_object, objects::get_object, objects::delete_object))
        .routes(routes!(names::show_name))
        .routes(routes!(names::name_history))
        .routes(routes!(values::list_values))
        .routes(routes!(values::read_value, values::set_value, values::remove_value))
        .split_for_parts();
    router
}

/// Every route. What a JSON body may hold is the budget's to say, and the engine limits what is streamed.
fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Described::openapi())
        .merge(access())
        .merge(of_webhooks())
        .merge(of_nodes())
        .merge(of_functions())
        .merge(of_tasks())
        .routes(routes!(node::health))
        .routes(routes!(node::live))
        .routes(routes!(node::ready))
        .routes(routes!(node::overview))
        .routes(routes!(events::events))
        .routes(routes!(buckets::list_buckets, buckets::create_bucket))
        .routes(routes!(buckets::usage))
        .routes(routes!(buckets::list_project_samples))
        .routes(routes!(buckets::show_bucket, buckets::configure_bucket, buckets::delete_bucket))
        .routes(routes!(buckets::list_samples))
        .routes(routes!(buckets::graph))
        .routes(routes!(objects::list_objects))
        .routes(routes!(objects::list_folder))
        .routes(routes!(objects::stat_object))
        .routes(routes!(versions::list_versions))
        .routes(routes!(versions::restore_object))
        .routes(routes!(versions::verify_object))
        .routes(routes!(uploads::begin_upload))
        .routes(routes!(uploads::list_parts))
        .routes(routes!(uploads::complete_upload))
        .routes(routes!(uploads::abort_upload))
        .routes(routes!(shares::create_share))
        .routes(routes!(shares::open_share))
        .routes(routes!(names::claim_name, names::list_names))
        .routes(routes!(names::show_name, names::update_name, names::release_name))
        .routes(routes!(names::check_name))
        .routes(routes!(peers::show_peers))
        .routes(routes!(peers::resolve_at_peers))
        .routes(routes!(names::prove_name))
        .routes(routes!(names::renew_name))
        .routes(routes!(names::offer_name, names::withdraw_name))
        .routes(routes!(names::decline_name))
        .routes(routes!(names::accept_name))
        .routes(routes!(names::recover_name))
        .routes(routes!(names::suspend_name))
        .routes(routes!(names::resume_name))
        .routes(routes!(names::revoke_name))
        .routes(routes!(name_records::draft_name))
        .routes(routes!(name_records::commit_name))
        .routes(routes!(name_records::sign_name))
        .routes(routes!(names::name_history))
        .routes(routes!(keys::create_key, keys::list_keys))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(keys::rotate_key))
        .routes(routes!(certificates::issue_certificate))
        .routes(routes!(certificates::certificate_roots))
        .routes(routes!(limits::list_limits))
        .routes(routes!(limits::set_limit, limits::remove_limit))
        .routes(routes!(audit::list_entries))
        .routes(routes!(audit::prove_entry))
        .routes(routes!(audit::checkpoint))
        .routes(routes!(audit::prove_growth))
        .routes(routes!(log::tile))
        .routes(routes!(objects::put_object, objects::get_object, objects::delete_object))
        .routes(routes!(uploads::put_part))
}

fn of_tasks() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(tasks::submit_task, tasks::list_tasks))
        .routes(routes!(tasks::task_statistics))
        .routes(routes!(tasks::task_types))
        .routes(routes!(tasks::show_task))
        .routes(routes!(tasks::cancel_task))
        .routes(routes!(tasks::requeue_task))
        .routes(routes!(tasks::task_logs))
        .routes(routes!(tasks::task_stdout))
        .routes(routes!(tasks::task_stderr))
        .routes(routes!(tasks::task_output))
        .routes(routes!(tasks::task_receipt))
        .routes(routes!(proofs::add_key, proofs::list_keys))
        .routes(routes!(proofs::remove_key))
        .routes(routes!(proofs::statement))
        .routes(routes!(proofs::verify_proof))
        .routes(routes!(proofs::list_proofs))
        .routes(routes!(schedules::create_schedule, schedules::list_schedules))
        .routes(routes!(schedules::show_schedule, schedules::remove_schedule))
        .routes(routes!(schedules::pause_schedule))
        .routes(routes!(schedules::resume_schedule))
}

fn of_functions() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(functions::list_functions))
        .routes(routes!(functions::show_function, functions::remove_function))
        .routes(routes!(functions::deploy_function, functions::list_function_versions))
        .routes(routes!(functions::function_log))
        .routes(routes!(functions::route_function))
        .routes(routes!(functions::roll_back_function))
        .routes(routes!(values::list_values))
        .routes(routes!(values::read_value, values::set_value, values::remove_value))
}

/// Who comes in, and as what.
fn access() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sessions::sign_in, sessions::who_am_i, sessions::sign_out))
        .routes(routes!(sessions::create_login_link))
        .routes(routes!(sessions::log_in))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::token_keys))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(users::register))
        .routes(routes!(users::create_user, users::list_users))
        .routes(routes!(users::show_user))
        .routes(routes!(users::block_user))
        .routes(routes!(users::unblock_user))
        .routes(routes!(users::reset_password))
        .routes(routes!(users::change_password))
        .routes(routes!(factors::list_factors))
        .routes(routes!(factors::begin_totp))
        .routes(routes!(factors::confirm_totp))
        .routes(routes!(factors::remove_totp))
        .routes(routes!(factors::reset_factors))
        .routes(routes!(factors::passkey_options))
        .routes(routes!(factors::begin_passkey))
        .routes(routes!(factors::add_passkey))
        .routes(routes!(factors::rename_passkey))
        .routes(routes!(factors::remove_passkey))
        .routes(routes!(members::list_members))
        .routes(routes!(members::set_member, members::remove_member))
        .routes(routes!(members::list_roles))
        .routes(routes!(members::put_role, members::remove_role))
        .routes(routes!(members::invite, members::list_invitations))
        .routes(routes!(members::withdraw_invitation))
}

fn of_nodes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(nodes::create_join_token, nodes::list_join_tokens))
        .routes(routes!(nodes::withdraw_join_token))
        .routes(routes!(nodes::join_node, nodes::list_nodes))
        .routes(routes!(nodes::show_node, nodes::remove_node))
        .routes(routes!(nodes::drain_node))
        .routes(routes!(nodes::resume_node))
        .routes(routes!(nodes::cluster_stats))
        .routes(routes!(relays::start_relay))
        .routes(routes!(relays::list_relays))
        .routes(routes!(relays::show_relay))
        .routes(routes!(relays::hear_relay))
        .routes(routes!(relays::stop_relay))
        .routes(routes!(work::claim))
        .routes(routes!(work::beat))
        .routes(routes!(work::certificate))
        .routes(routes!(work::content, work::store))
        .routes(routes!(work::hand_in))
        .routes(routes!(work::log))
        .routes(routes!(work::give_back))
}

fn of_webhooks() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::create_webhook, webhooks::list_webhooks))
        .routes(routes!(webhooks::show_webhook, webhooks::update_webhook, webhooks::delete_webhook))
        .routes(routes!(webhooks::rotate_webhook))
        .routes(routes!(webhooks::pause_webhook))
        .routes(routes!(webhooks::resume_webhook))
        .routes(routes!(webhooks::test_webhook))
        .routes(routes!(webhooks::list_deliveries))
        .routes(routes!(webhooks::redeliver))
}
