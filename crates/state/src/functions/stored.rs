//! What versions are run with, as JSON text. Fields may be added with a default, never renamed or removed.

use casemate_functions::{Access, HostRules, Settings};
use casemate_limits::JsonBudget;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::queue::StoredLimits;

const WHAT: &str = "settings of a function";

pub(super) fn settings_text(settings: &Settings) -> String {
    let Settings { access, env, hosts, grants, limits, concurrency, rate } = settings.clone();
    let access = match access {
        Access::Public => StoredAccess::Public,
        Access::Project => StoredAccess::Project,
    };
    let (hosts, grants, limits) = (hosts.texts(), grants.to_string(), limits.into());
    serde_json::to_string(&StoredSettings { access, env, hosts, grants, limits, concurrency, rate })
        .expect("plain values are JSON")
}

pub(super) fn read_settings(text: &str) -> Result<Settings, Failure> {
    JsonBudget::STORED.check(text.as_bytes()).map_err(|error| Failure::damaged(WHAT, error))?;
    let stored: StoredSettings = serde_json::from_str(text).map_err(|error| Failure::damaged(WHAT, error))?;
    let StoredSettings { access, env, hosts, grants, limits, concurrency, rate } = stored;
    let hosts = hosts.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    let hosts = HostRules::new(hosts.map_err(|error| Failure::damaged(WHAT, error))?);
    Ok(Settings {
        access: match access {
            StoredAccess::Public => Access::Public,
            StoredAccess::Project => Access::Project,
        },
        env,
        hosts: hosts.ok_or_else(|| Failure::damaged(WHAT, TooManyHosts))?,
        grants: grants.parse().map_err(|error| Failure::damaged(WHAT, error))?,
        limits: limits.into(),
        concurrency,
        rate,
    })
}

/// More hosts than were ever taken.
#[derive(Debug, thiserror::Error)]
#[error("there are too many hosts")]
struct TooManyHosts;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSettings {
    access: StoredAccess,
    env: Vec<(String, String)>,
    hosts: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    grants: String,
    limits: StoredLimits,
    concurrency: u32,
    rate: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredAccess {
    Public,
    Project,
}
