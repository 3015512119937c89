use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Project, StoreError, Timestamp};

use crate::{
    Function, FunctionName, Route, ValueBefore, ValueChanged, ValueInfo, ValueKey, ValuePage, Version,
};

/// What became of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deployed {
    /// It is there.
    Done(Function),
    /// Another project has the name.
    NameTaken,
    /// The project has as many functions as it may have.
    TooMany,
    /// The component is not stored, or not any more.
    ModuleMissing,
    /// Somebody else deployed or routed meanwhile.
    Overtaken,
}

/// What became of another route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routed {
    /// It is in force.
    Done(Function),
    /// There is no such function in the project.
    NotFound,
    /// A version of it does not exist.
    NoVersion(u32),
}

/// Stored functions.
#[async_trait]
pub trait Functions: Send + Sync + 'static {
    /// Adds a version, whose number must be one more than the function's newest, and routes to it, if the function still has the
    /// first of the `routes`, and the second from then on; makes the function if it is the first. Versions beyond the most that there may be are removed, the oldest first, but none that is routed to.
    async fn deploy(
        &self,
        project: &Project,
        name: &FunctionName,
        version: &Version,
        routes: (Option<&Route>, &Route),
        event: Event,
    ) -> Result<Deployed, StoreError>;

    /// Routes to other versions.
    async fn set_route(
        &self,
        project: &Project,
        name: &FunctionName,
        route: &Route,
        at: Timestamp,
        event: Event,
    ) -> Result<Routed, StoreError>;

    /// Removes a function with all its versions; false if there is none in the project.
    async fn remove_function(
        &self,
        project: &Project,
        name: &FunctionName,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// A function, whosever it is.
    async fn function(&self, name: &FunctionName) -> Result<Option<Function>, StoreError>;

    /// Functions of a project after a name, by name.
    async fn functions(
        &self,
        project: &Project,
        after: Option<&FunctionName>,
        limit: u32,
    ) -> Result<Vec<Function>, StoreError>;

    /// A version of a function.
    async fn version(&self, name: &FunctionName, number: u32) -> Result<Option<Version>, StoreError>;

    /// Versions of a function before a number, newest first.
    async fn versions(
        &self,
        name: &FunctionName,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Version>, StoreError>;
}

/// Values that functions keep from one request to the next. They go with their function.
#[async_trait]
pub trait FunctionValues: Send + Sync + 'static {
    /// A value of a project's function with its bytes.
    async fn value(
        &self,
        project: &Project,
        name: &FunctionName,
        key: &ValueKey,
    ) -> Result<Option<(ValueInfo, Vec<u8>)>, StoreError>;

    /// Values of a project's function, by key.
    async fn values(
        &self,
        project: &Project,
        name: &FunctionName,
        page: &ValuePage,
    ) -> Result<Vec<ValueInfo>, StoreError>;

    /// Sets a value to `bytes`, at most [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX), if `before` is what is there.
    async fn set_value(
        &self,
        project: &Project,
        (name, key): (&FunctionName, &ValueKey),
        bytes: &[u8],
        before: ValueBefore,
        event: Event,
    ) -> Result<ValueChanged, StoreError>;

    /// Removes a value if `before` is what is there.
    async fn remove_value(
        &self,
        project: &Project,
        (name, key): (&FunctionName, &ValueKey),
        before: ValueBefore,
        event: Event,
    ) -> Result<ValueChanged, StoreError>;
}
