//! The vocabulary of Casemate: values that cannot hold a bad one.
//!
//! Text from outside becomes one of these types at the edge, once; inside, nobody checks again. Nothing here
//! reads a clock, a file or the environment, and nothing here is serialised: wire types live in the `api` crate,
//! stored forms in `state`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod bucket;
mod clock;
mod digest;
mod dns;
mod egress;
mod entropy;
mod id;
mod label;
mod name;
mod networks;
mod node;
mod object_key;
mod outcome;
mod pattern;
mod principal;
mod project;
mod registry_id;
mod request_limit;
mod role;
mod run_limits;
mod scope;
mod size;
mod store_error;
mod tags;
#[cfg(feature = "test-support")]
pub mod test_support;
mod user_name;

pub use bucket::{BucketName, BucketNameError};
pub use clock::{Clock, Timestamp, TimestampError};
pub use digest::{Digest, DigestError, Hasher};
pub use dns::{Binding, DnsData, DnsError, DnsPrefix, DnsRecord, DnsRecords, DnsTarget};
pub use egress::{EgressPolicy, EgressRefused};
pub use entropy::Entropy;
pub use id::{
    DeliveryId, IdError, InvitationId, JoinTokenId, KeyId, MachineId, NodeId, RefreshId, RelayId, RequestId,
    RunId, ScheduleId, SessionId, TaskId, UploadId, UserId, VersionId, WebhookId, WorkerId,
};
pub use label::{Label, LabelError};
pub use name::{Name, NameError};
pub use networks::{Networks, NetworksError, client_network};
pub use node::{NodeLabels, NodeLabelsError, NodeName, NodeNameError};
pub use object_key::{ObjectKey, ObjectKeyError};
pub use outcome::{LimitKind, LimitKindError, Outcome, TrapKind, TrapKindError};
pub use pattern::{Pattern, PatternError};
pub use principal::{Principal, PrincipalKind, PrincipalKindError};
pub use project::{Project, ProjectError};
pub use registry_id::{RegistryId, RegistryIdError};
pub use request_limit::{KeyLimit, RequestLimit, RequestLimitError};
pub use role::{Role, RoleError};
pub use run_limits::{LimitError, RunLimits, Usage};
pub use scope::{Grant, GrantError, Scope, ScopeError, Scopes, ScopesError};
pub use size::{ByteSize, ByteSizeError};
pub use store_error::StoreError;
pub use tags::{Tag, Tags, TagsError};
pub use user_name::{UserName, UserNameError};
