use casemate_model::{Digest, Project, RunLimits, Scope, Scopes, Timestamp};

use crate::hosts::HostRules;
use crate::{FunctionName, Route};

/// Most functions of a project.
pub const FUNCTIONS_MAX: u32 = 1_000;
/// Most versions of a function. The oldest that answer nothing are removed for new ones.
pub const VERSIONS_MAX: u32 = 100;
/// Most hosts that a function may ask.
pub const HOSTS_MAX: usize = 32;
/// Most requests that a function answers at once.
pub const CONCURRENCY_MAX: u32 = 256;
/// Most requests a second that a limit may allow.
pub const RATE_MAX: u32 = 100_000;

/// What a version may be granted: content, and nothing by which it could come to more.
pub const GRANTABLE: [Scope; 4] =
    [Scope::FunctionsValues, Scope::NamesRead, Scope::ObjectsRead, Scope::ObjectsWrite];

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// What it is called.
    pub name: FunctionName,
    /// Whose it is.
    pub project: Project,
    /// Which versions answer.
    pub route: Route,
    /// The number of its newest version.
    pub newest: u32,
    /// When the first version was deployed.
    pub created: Timestamp,
    /// When it changed last.
    pub updated: Timestamp,
}

/// A version of a function. Nothing of it ever changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts from 1.
    pub number: u32,
    /// The component.
    pub module: Digest,
    /// Whose content that is, if it was found by a name of another project.
    pub module_project: Option<Project>,
    /// What it is run with.
    pub settings: Settings,
    /// Who deployed it.
    pub actor: String,
    /// In whose name it asks the node, in a form that only the port to identities reads. Versions from before there were grants
    /// have none.
    pub maker: Option<String>,
    /// When.
    pub created: Timestamp,
}

/// What a version is run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who may send it requests.
    pub access: Access,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Whom it may ask.
    pub hosts: HostRules,
    /// What it may ask of the node itself, of [`GRANTABLE`] and as far as its maker may do that.
    pub grants: Scopes,
    /// What one request may use.
    pub limits: RunLimits,
    /// How many requests it answers at once.
    pub concurrency: u32,
    /// How many requests a second it answers; no limit if absent.
    pub rate: Option<u32>,
}

/// Who may send requests to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Callers of its project whose credential has the scope `functions:call`.
    Project,
}
