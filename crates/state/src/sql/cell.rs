use std::fmt::Display;
use std::str::FromStr;

use casemate_functions::{FunctionName, Route};
use casemate_identity::{Maker, NodeState};
use casemate_ledger::{NameChange, NodePublicKey, OwnerPublicKey, Standing};
use casemate_model::{
    BucketName, DeliveryId, Digest, DnsRecords, InvitationId, JoinTokenId, KeyId, Name, Networks, NodeId,
    NodeLabels, NodeName, ObjectKey, Project, RefreshId, RegistryId, RelayId, RequestId, Role, RunId,
    ScheduleId, Scopes, SessionId, Tags, TaskId, Timestamp, UploadId, UserId, UserName, VersionId, WebhookId,
    WorkerId,
};
use casemate_names::Notice;
use casemate_objects::ETag;
use casemate_proofs::SystemName;
use casemate_relays::{Destinations, RelayState};
use casemate_tasks::{Overlap, ScheduleName, ScheduleState, TaskKey, TaskState};
use casemate_throttle::{Subject, Tier};
use casemate_webhooks::{Description, Endpoint, EventKind, EventKinds};

use super::Value;
use crate::failure::Failure;

/// A value as an engine returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// A type that no column of ours has.
    Foreign,
}

/// A row as an engine returned it: nothing in it is trusted to be well-formed.
#[derive(Clone, Debug)]
pub(crate) struct Row(Vec<Cell>);

/// The columns of a row, read from left to right into the types that they should be.
pub(crate) struct Columns {
    what: &'static str,
    cells: std::vec::IntoIter<Cell>,
    position: usize,
}

/// A cell that cannot be what was written.
#[derive(Debug, thiserror::Error)]
#[error("column {position} is not {wanted}{detail}")]
pub(crate) struct BadCell {
    position: usize,
    wanted: &'static str,
    detail: String,
}

/// What is wrong with a cell beyond being of another type; often nothing.
#[derive(Debug, Default)]
pub(crate) struct Mismatch(String);

/// What a cell can be read as.
pub(crate) trait FromCell: Sized {
    const WANTED: &'static str;

    /// Reads the cell.
    fn from_cell(cell: Cell) -> Result<Self, Mismatch>;
}

impl Row {
    pub(super) fn new(cells: Vec<Cell>) -> Self {
        Self(cells)
    }

    /// Starts reading the row, which is to be a `what`.
    pub(crate) fn read(self, what: &'static str) -> Columns {
        Columns { what, cells: self.0.into_iter(), position: 0 }
    }

    /// The first `width` columns as they are, to go on after this row.
    pub(crate) fn key(&self, width: usize) -> Option<Vec<Value>> {
        let key = self.0.get(..width)?;
        key.iter().map(Cell::to_value).collect()
    }

    /// Reads the only column of the row.
    pub(crate) fn only<T: FromCell>(self, what: &'static str) -> Result<T, Failure> {
        self.read(what).next()
    }
}

impl Row {
    /// Reads the last column of the row.
    pub(crate) fn last<T: FromCell>(mut self, what: &'static str) -> Result<T, Failure> {
        let last = self.0.pop().unwrap_or(Cell::Foreign);
        Self(vec![last]).only(what)
    }
}

impl Cell {
    fn to_value(&self) -> Option<Value> {
        match self {
            Self::Integer(number) => Some(Value::Integer(Some(u64::try_from(*number).ok()?))),
            Self::Text(text) => Some(Value::Text(Some(text.clone()))),
            Self::Bytes(bytes) => Some(Value::Bytes(Some(bytes.clone()))),
            Self::Null | Self::Foreign => None,
        }
    }
}

impl Columns {
    /// Reads the next column.
    pub(crate) fn next<T: FromCell>(&mut self) -> Result<T, Failure> {
        self.position += 1;
        let cell = self.cells.next().unwrap_or(Cell::Foreign);
        T::from_cell(cell).map_err(|Mismatch(detail)| {
            let bad = BadCell { position: self.position, wanted: T::WANTED, detail };
            Failure::damaged(self.what, bad)
        })
    }
}

impl FromCell for u64 {
    const WANTED: &'static str = "a number from 0";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Integer(number) => Self::try_from(number).map_err(|_| Mismatch(format!(" but {number}"))),
            _ => Err(Mismatch::default()),
        }
    }
}

impl FromCell for u32 {
    const WANTED: &'static str = "a number from 0 to 4294967295";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        let number = u64::from_cell(cell)?;
        Self::try_from(number).map_err(|_| Mismatch(format!(" but {number}")))
    }
}

impl FromCell for bool {
    const WANTED: &'static str = "0 or 1";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match u64::from_cell(cell)? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(Mismatch(format!(" but {number}"))),
        }
    }
}

impl FromCell for Timestamp {
    const WANTED: &'static str = "a time";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        Self::from_millis(u64::from_cell(cell)?).map_err(|error| Mismatch(format!(": {error}")))
    }
}

impl FromCell for String {
    const WANTED: &'static str = "text";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Text(text) => Ok(text),
            _ => Err(Mismatch::default()),
        }
    }
}

impl FromCell for Vec<u8> {
    const WANTED: &'static str = "bytes";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Bytes(bytes) => Ok(bytes),
            _ => Err(Mismatch::default()),
        }
    }
}

impl FromCell for [u8; 32] {
    const WANTED: &'static str = "32 bytes";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        let bytes = Vec::from_cell(cell)?;
        Self::try_from(bytes).map_err(|bytes| Mismatch(format!(" but {} bytes", bytes.len())))
    }
}

impl FromCell for Digest {
    const WANTED: &'static str = "a digest";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        <[u8; 32]>::from_cell(cell).map(Self::from_bytes)
    }
}

impl FromCell for NameChange {
    const WANTED: &'static str = "a change of a name";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        Self::from_text(&String::from_cell(cell)?).ok_or_else(Mismatch::default)
    }
}

impl FromCell for Standing {
    const WANTED: &'static str = "the standing of a name";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        Self::from_text(&String::from_cell(cell)?).ok_or_else(Mismatch::default)
    }
}

impl FromCell for Notice {
    const WANTED: &'static str = "the number of a notice";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        Self::from_number(u32::from_cell(cell)?).ok_or_else(Mismatch::default)
    }
}

impl FromCell for OwnerPublicKey {
    const WANTED: &'static str = "an owner's key";

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        Self::from_bytes(&Vec::from_cell(cell)?).ok_or_else(Mismatch::default)
    }
}

impl<T: FromCell> FromCell for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Null => Ok(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

fn parsed<T: FromStr<Err: Display>>(cell: Cell) -> Result<T, Mismatch> {
    String::from_cell(cell)?.parse().map_err(|error| Mismatch(format!(": {error}")))
}

macro_rules! parsed_cells {
    ($($type:ty => $wanted:literal),+ $(,)?) => { $(impl FromCell for $type {
        const WANTED: &'static str = $wanted;

        fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
            parsed(cell)
        }
    })+ };
}

parsed_cells!(
    BucketName => "a bucket name",
    DeliveryId => "a delivery id",
    DnsRecords => "DNS records",
    RegistryId => "the id of a registry",
    Tags => "tags",
    Description => "a description",
    Endpoint => "an endpoint",
    EventKind => "a kind of event",
    EventKinds => "kinds of events",
    FunctionName => "the name of a function",
    Route => "a route",
    ETag => "an entity tag",
    InvitationId => "an invitation id",
    Tier => "a tier",
    Subject => "somebody who is limited",
    JoinTokenId => "a join token id",
    KeyId => "a key id",
    Maker => "a maker",
    NodeId => "a node id",
    NodeLabels => "labels",
    NodeName => "the name of a node",
    NodePublicKey => "a node's public key",
    NodeState => "the state of a node",
    Name => "a name",
    Networks => "networks",
    ObjectKey => "an object key",
    Project => "a project",
    RefreshId => "a refresh token id",
    SystemName => "a proof system",
    RelayId => "a relay session id",
    RelayState => "the state of a relay session",
    Destinations => "destinations",
    RequestId => "a request id",
    Role => "a role",
    RunId => "a run id",
    ScheduleId => "a schedule id",
    ScheduleName => "the name of a schedule",
    ScheduleState => "the state of a schedule",
    Overlap => "what becomes of an overlap",
    TaskKey => "the key of a task",
    Scopes => "a set of scopes",
    SessionId => "a session id",
    TaskId => "a task id",
    TaskState => "a task state",
    UploadId => "an upload id",
    UserId => "a user id",
    UserName => "a user name",
    VersionId => "a version id",
    WebhookId => "a webhook id",
    WorkerId => "a worker id",
);
