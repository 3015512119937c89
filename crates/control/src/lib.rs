//! Use cases: admit, authorize, do, record, answer. One module per family.
//!
//! ```text
//!   caller -> Permit (policy) -> engine (objects, names, tasks, sandbox) -> change + audit entry in one transaction
//!                                                                        -> feed item for whoever watches
//! ```
//!
//! Beside requests run fifteen background tasks, all owned by [`Control`]: the dispatcher leases and runs tasks, the
//! keeper of leases extends those that somebody works under and carries cancellations, the keeper of the log moves
//! audit entries into signed tiles, the sweep applies deadlines, the scheduler submits tasks of
//! schedules, another removes old tasks, the collector removes content that nothing refers to,
//! the packer compresses what was put, the measurer keeps figures of buckets, the caretaker
//! carries out lifecycle rules, the keeper of names reminds of names that end, the keeper of uses notes when keys were used, the keeper of limits reads exceptions from
//! them, the teller makes deliveries of webhooks from the log and sends them, and the watch looks at the node's health. If one of them fails the node
//! stops.
//!
//! Nothing here knows HTTP, wire types or SQL.

mod audit;
mod buckets;
mod caller;
mod certificates;
mod control;
mod denials;
mod dns;
mod error;
mod factors;
mod feed;
mod figures;
mod functions;
mod idempotency;
mod invitations;
mod keys;
mod lifecycle;
mod limits;
mod log_keeper;
mod makers;
mod members;
mod names;
mod nodes;
mod objects;
mod passkeys;
mod passwords;
mod peers;
mod proofs;
mod relays;
mod schedules;
mod sessions;
mod shares;
mod status;
mod sweep;
mod tasks;
mod uploads;
mod users;
mod webhooks;
mod witnesses;

pub use audit::{AuditFound, AuditSearch, EntryProof};
pub use caller::{Caller, LOOPBACK};
pub use casemate_sandbox::{OutboundError, SandboxError, Walls};
pub use control::{Control, Parts, Settings, Stopped};
pub use error::{ControlError, FactorError, TaskError};
pub use factors::{FactorsDetails, NewTotp};
pub use feed::{Change, Feed, FeedItem, Following};
pub use figures::Measured;
pub use functions::{
    ANSWER_BYTES_MAX as FUNCTION_FETCH_BYTES_MAX, BodyMemory, Call, Called, DeployFunction, FunctionDetails,
    FunctionError, FunctionFigures, FunctionSandbox, LATENCY_BOUNDS_MS, LogLine, OF_CONNECTION, OwnApi,
};
pub use idempotency::{Begun, IdempotencyRules, Underway};
pub use invitations::Registration;
pub use keys::{CreatedKey, KeyRequest};
pub use limits::OverrideRequest;
pub use log_keeper::LogKeeper;
pub use members::RoleDetails;
pub use nodes::{Beat, JOIN_TOKEN_LIFETIME_MAX, JoinNode, JoinedNode, NodeError};
pub use objects::CopySource;
pub use passkeys::{NewPasskeyOptions, PasskeyOptions};
pub use peers::KnownRegistry;
pub use proofs::{ProofsError, Verdict};
pub use relays::{RelayError, RelayOrder, RelayReport, StartRelay, StartedRelay};
pub use schedules::{NewSchedule, ScheduleError};
pub use sessions::{Opened, Refreshed, SignIn, SignInAs};
pub use shares::{SHARE_LIFETIME_MAX, SHARE_LIFETIME_MIN, Share};
pub use status::{Check, CheckStatus, Overview};
pub use tasks::{FollowEvent, Followed, InputSource, LEASE, ModuleSource, SubmitTask, TaskInput};
pub use uploads::UploadRef;
pub use users::{NewUser, UserDetails};
pub use webhooks::{CreatedWebhook, NewWebhook, WebhookChange, WebhookError};
