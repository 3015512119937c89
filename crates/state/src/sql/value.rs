use casemate_functions::{FunctionName, Route};
use casemate_identity::{Maker, NodeState};
use casemate_ledger::{NameChange, NodePublicKey, OwnerPublicKey, Standing};
use casemate_model::{
    BucketName, DeliveryId, Digest, DnsRecords, InvitationId, JoinTokenId, KeyId, Name, Networks, NodeId,
    NodeLabels, NodeName, ObjectKey, Project, RefreshId, RelayId, RequestId, Role, ScheduleId, Scopes,
    SessionId, Tags, TaskId, Timestamp, UploadId, UserId, UserName, VersionId, WebhookId, WorkerId,
};
use casemate_names::Notice;
use casemate_objects::ETag;
use casemate_proofs::SystemName;
use casemate_relays::{Destinations, RelayState};
use casemate_tasks::{Overlap, ScheduleName, ScheduleState, TaskKey, TaskState};
use casemate_throttle::{Subject, Tier};
use casemate_webhooks::{Description, Endpoint, EventKind, EventKinds};
use sqlx::query::Query;
use sqlx::{Database, Encode, Type};

use crate::failure::Failure;

/// A value that is bound to a placeholder. Nulls keep their type, because PostgreSQL wants to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Integer(Option<u64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// What can be bound.
pub(crate) trait ToValue {
    fn to_value(&self) -> Value;
}

/// The values of a statement, in the order of its placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::sql::ToValue::to_value(&$value)),*] };
}
pub(crate) use values;

/// Binds `values` in order.
pub(super) fn bind<'q, DB>(
    mut query: Query<'q, DB, DB::Arguments>,
    values: &[Value],
) -> Result<Query<'q, DB, DB::Arguments>, Failure>
where
    DB: Database,
    for<'t> Option<i64>: Encode<'t, DB> + Type<DB>,
    for<'t> Option<String>: Encode<'t, DB> + Type<DB>,
    for<'t> Option<Vec<u8>>: Encode<'t, DB> + Type<DB>,
{
    for value in values {
        query = match value {
            Value::Integer(None) => query.bind(None::<i64>),
            Value::Integer(Some(number)) => {
                query.bind(Some(i64::try_from(*number).map_err(|_| Failure::NumberTooLarge(*number))?))
            }
            Value::Text(text) => query.bind(text.clone()),
            Value::Bytes(bytes) => query.bind(bytes.clone()),
        };
    }
    Ok(query)
}

macro_rules! text_values {
    ($($type:ty),+) => { $(impl ToValue for $type {
        fn to_value(&self) -> Value {
            Value::Text(Some(self.to_string()))
        }
    })+ };
}

text_values!(
    str,
    String,
    BucketName,
    DnsRecords,
    Tags,
    Networks,
    InvitationId,
    JoinTokenId,
    KeyId,
    Maker,
    NodeId,
    NodeLabels,
    NodeName,
    NodePublicKey,
    NodeState,
    Name,
    ObjectKey,
    Project,
    RefreshId,
    SystemName,
    RelayId,
    RelayState,
    Destinations,
    RequestId,
    Role,
    ScheduleId,
    ScheduleName,
    ScheduleState,
    Overlap,
    Scopes,
    SessionId,
    TaskId,
    TaskKey,
    TaskState,
    UploadId,
    UserId,
    UserName,
    WorkerId,
    ETag,
    Tier,
    Subject,
    DeliveryId,
    Description,
    Endpoint,
    EventKind,
    EventKinds,
    WebhookId,
    FunctionName,
    Route
);

/// The null version has a text, so that it can be part of a key.
impl ToValue for Option<VersionId> {
    fn to_value(&self) -> Value {
        self.map_or_else(|| "null".to_value(), |version| version.to_string().to_value())
    }
}

impl ToValue for NameChange {
    fn to_value(&self) -> Value {
        self.as_str().to_value()
    }
}

impl ToValue for Standing {
    fn to_value(&self) -> Value {
        self.as_str().to_value()
    }
}

impl ToValue for Notice {
    fn to_value(&self) -> Value {
        self.number().to_value()
    }
}

impl ToValue for OwnerPublicKey {
    fn to_value(&self) -> Value {
        Value::Bytes(Some(self.to_bytes()))
    }
}

impl ToValue for u64 {
    fn to_value(&self) -> Value {
        Value::Integer(Some(*self))
    }
}

impl ToValue for u32 {
    fn to_value(&self) -> Value {
        Value::Integer(Some(u64::from(*self)))
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value {
        Value::Integer(Some(u64::from(*self)))
    }
}

impl ToValue for Timestamp {
    fn to_value(&self) -> Value {
        Value::Integer(Some(self.as_millis()))
    }
}

impl ToValue for Digest {
    fn to_value(&self) -> Value {
        Value::Bytes(Some(self.as_bytes().to_vec()))
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value {
        Value::Bytes(Some(self.to_vec()))
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

/// A null of the right type is one that its type made; see the implementations.
pub(crate) trait NullValue {
    const NULL: Value;
}

macro_rules! nulls {
    ($null:expr; $($type:ty),+) => { $(impl NullValue for $type {
        const NULL: Value = $null;
    })+ };
}

nulls!(Value::Integer(None); u32, u64, Timestamp);
nulls!(Value::Text(None); String, &str, KeyId, NodeId, Project, RefreshId, TaskId, UserId, WorkerId);
nulls!(Value::Bytes(None); Digest, OwnerPublicKey, &[u8]);

impl<T: ToValue + NullValue> ToValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(T::NULL, ToValue::to_value)
    }
}
