//! Checking the content of buckets elsewhere.

use casemate_remote::deltaglider::{DeltaGlider, DeltaGliderError, LogicalKey};
use serde::Serialize;

use super::{Verify, node};
use crate::commands::stat::form_name;
use crate::context::Context;
use crate::progress;
use crate::remote::{AnyAddress, RemoteAddress};
use crate::report::{CliError, Status, chain};
use crate::tables::Column;

/// What checking an object found.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) address: String,
    /// `verified`; `unproven` if nothing says what its hash should be; `damaged`.
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) form: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
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
        let mut findings = Vec::new();
        for address in addresses {
            let address = match address {
                AnyAddress::Remote(address) => address,
                AnyAddress::Node(address) => {
                    node::check(context, address, &mut findings).await?;
                    continue;
                }
            };
            let engine = self.buckets.open(address)?;
            for key in keys(&engine, address).await? {
                let label = address.at(&key).to_string();
                let spinner = progress::spinner(context.output, &label);
                findings.push(check(&engine, label, &key).await?);
                spinner.finish_and_clear();
            }
        }
        say(context, &findings)
    }
}

/// The object itself if there is one, otherwise all below.
async fn keys(engine: &DeltaGlider, address: &RemoteAddress) -> Result<Vec<String>, CliError> {
    let listed = engine.list(&address.rest).await?;
    let keys: Vec<String> = listed.into_iter().map(|object| object.key).collect();
    if keys.contains(&address.rest) {
        return Ok(vec![address.rest.clone()]);
    }
    let folder = address.folder();
    let below: Vec<String> = keys.into_iter().filter(|key| key.starts_with(&folder)).collect();
    if below.is_empty() && !address.rest.is_empty() {
        return Err(CliError::Nothing { address: address.to_string() });
    }
    Ok(below)
}

async fn check(engine: &DeltaGlider, address: String, key: &str) -> Result<Finding, CliError> {
    let checked = match LogicalKey::parse(key) {
        Ok(key) => engine.verify(&key).await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(found) => Ok(Finding {
            address,
            state: if found.was_expected { "verified" } else { "unproven" },
            form: Some(form_name(found.form)),
            digest: Some(found.sha256.to_string()),
            reason: None,
        }),
        Err(DeltaGliderError::Bucket(error)) if !error.is_not_found() => Err(error.into()),
        Err(error) => {
            Ok(Finding { address, state: "damaged", form: None, digest: None, reason: Some(chain(&error)) })
        }
    }
}

fn say(context: &Context, findings: &[Finding]) -> Result<Status, CliError> {
    let damaged = findings.iter().filter(|finding| finding.state == "damaged").count();
    if context.output.json() {
        context.output.value(&findings)?;
    } else {
        let rows = findings.iter().map(|finding| {
            let digest = finding.digest.clone().unwrap_or_else(|| "-".to_owned());
            vec![finding.address.clone(), finding.state.to_owned(), digest]
        });
        let columns = [Column::Text("object"), Column::Text("state"), Column::Text("digest")];
        context.output.rows(&columns, rows.collect())?;
    }
    for Finding { address, reason, .. } in findings {
        if let Some(reason) = reason {
            context.output.note(&format!("damaged: {address}: {reason}"));
        }
    }
    context.output.note(&format!("{} objects checked, {damaged} damaged", findings.len()));
    Ok(if damaged == 0 { Status::Done } else { Status::Failed })
}
