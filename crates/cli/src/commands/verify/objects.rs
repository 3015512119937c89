//! Checking the content of buckets elsewhere.

use std::borrow::Cow;
use std::path::Path;

use casemate_remote::Unusable;
use casemate_remote::deltaglider::{DeltaGlider, DeltaGliderError, Listing, LogicalKey, LogicalObject};
use serde::{Deserialize, Serialize};

use super::progress::Progress;
use super::{Verify, node};
use crate::commands::stat::form_name;
use crate::context::Context;
use crate::progress;
use crate::remote::{AnyAddress, Meter, RemoteAddress};
use crate::report::{CliError, Status, chain};
use crate::tables::Column;

/// What checking an object found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) address: String,
    /// `verified`; `unproven` if nothing says what its hash should be; `damaged`; `unreadable` if the bucket does not give
    /// it.
    pub(super) state: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) form: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl Finding {
    pub(super) fn is_damaged(&self) -> bool {
        self.state == "damaged" || self.state == "unreadable"
    }
}

/// What was found of all objects, and how many of them an earlier check had done.
#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
    known: usize,
}

impl Verify {
    /// Checks every object that the addresses name. Goes on after what is damaged, and ends where the bucket fails.
    pub(super) async fn verify_objects(
        &self,
        context: &Context,
        addresses: &[AnyAddress],
    ) -> Result<Status, CliError> {
        if addresses.is_empty() {
            return Ok(Status::Done);
        }
        let mut findings = Findings::default();
        for address in addresses {
            let address = match address {
                AnyAddress::Remote(address) => address,
                AnyAddress::Node(address) => {
                    node::check(context, address, &mut findings.all).await?;
                    continue;
                }
            };
            let mut state = Progress::open(&address.to_string(), self.state.as_deref(), self.resume)?;
            let done = self.verify_all(context, address, &mut state, &mut findings).await;
            match done {
                Ok(()) => state.finish()?,
                Err(error) => {
                    // What was checked until here is not checked again.
                    state.save()?;
                    return Err(error);
                }
            }
        }
        say(context, &findings)
    }

    async fn verify_all(
        &self,
        context: &Context,
        address: &RemoteAddress,
        state: &mut Progress,
        findings: &mut Findings,
    ) -> Result<(), CliError> {
        let meter = Meter::new(progress::files(context.output));
        let engine = self.buckets.open_metered(context, address, &meter)?;
        let (objects, unusable) = objects(&engine, address).await?;
        findings.all.extend(unusable.into_iter().map(|Unusable { key, reason }| Finding {
            address: address.at(&key).to_string(),
            state: "unreadable".into(),
            form: None,
            digest: None,
            reason: Some(reason),
        }));
        meter.expect(objects.iter().map(|object| object.size_bytes).sum());
        for object in &objects {
            let label = address.at(&object.key).to_string();
            meter.begin(&label, object.size_bytes);
            let finding = match state.known(object) {
                Some(known) => {
                    findings.known += 1;
                    known.clone()
                }
                None => {
                    let found = check(&engine, label, &object.key).await?;
                    state.note(object, &found)?;
                    found
                }
            };
            findings.all.push(finding);
            meter.end(object.size_bytes);
        }
        meter.finish();
        Ok(())
    }

    /// The file that the user named for the state, which is of one address.
    pub(super) fn refuse_shared_state(&self, addresses: &[AnyAddress]) -> Result<(), CliError> {
        match (&self.state, addresses.len()) {
            (Some(path), count) if count != 1 => Err(CliError::SharedState { path: Path::to_owned(path) }),
            _ => Ok(()),
        }
    }
}

/// The object itself if there is one, otherwise all below.
async fn objects(
    engine: &DeltaGlider,
    address: &RemoteAddress,
) -> Result<(Vec<LogicalObject>, Vec<Unusable>), CliError> {
    let Listing { mut objects, mut unusable } = engine.list(&address.rest).await?;
    if let Some(at) = objects.iter().position(|object| object.key == address.rest) {
        return Ok((vec![objects.swap_remove(at)], Vec::new()));
    }
    let folder = address.folder();
    objects.retain(|object| object.key.starts_with(&folder));
    unusable.retain(|unusable| unusable.key.starts_with(&folder) || is_of(&unusable.key, &address.rest));
    if objects.is_empty() && unusable.is_empty() && !address.rest.is_empty() {
        return Err(CliError::Nothing { address: address.to_string() });
    }
    Ok((objects, unusable))
}

/// Whether it is a form of that object.
fn is_of(stored: &str, key: &str) -> bool {
    stored.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest == ".delta")
}

async fn check(engine: &DeltaGlider, address: String, key: &str) -> Result<Finding, CliError> {
    let checked = match LogicalKey::parse(key) {
        Ok(key) => engine.verify(&key).await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(found) => Ok(Finding {
            address,
            state: if found.was_expected { "verified" } else { "unproven" }.into(),
            form: Some(form_name(found.form).into()),
            digest: Some(found.sha256.to_string()),
            reason: None,
        }),
        Err(error) if !error.is_of_one_object() => Err(error.into()),
        Err(error) => {
            let is_there = !matches!(&error, DeltaGliderError::Bucket(error) if !error.is_not_found());
            let state = if is_there { "damaged" } else { "unreadable" }.into();
            let reason = Some(chain(&error));
            Ok(Finding { address, state, form: None, digest: None, reason })
        }
    }
}

fn say(context: &Context, Findings { all, known }: &Findings) -> Result<Status, CliError> {
    let damaged = all.iter().filter(|finding| finding.is_damaged()).count();
    if context.output.json() {
        context.output.value(&all)?;
    } else {
        let rows = all.iter().map(|finding| {
            let digest = finding.digest.clone().unwrap_or_else(|| "-".to_owned());
            vec![finding.address.clone(), finding.state.to_string(), digest]
        });
        let columns = [Column::Text("object"), Column::Text("state"), Column::Text("digest")];
        context.output.rows(&columns, rows.collect())?;
    }
    for Finding { address, state, reason, .. } in all {
        if let Some(reason) = reason {
            context.output.note(&format!("{state}: {address}: {reason}"));
        }
    }
    let earlier = if *known > 0 { format!(", {known} of them earlier") } else { String::new() };
    context.output.note(&format!("{} objects checked{earlier}, {damaged} damaged", all.len()));
    Ok(if damaged == 0 { Status::Done } else { Status::Failed })
}
