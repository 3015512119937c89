//! Checking the content of a node's buckets, which the node itself reads.

use casemate_api::objects::{ObjectRef, Verdict, Verification};
use casemate_api::{Client, PageRequest};

use super::objects::Finding;
use crate::address::{Address, of_object};
use crate::context::Context;
use crate::progress;
use crate::remote::check_bucket;
use crate::report::CliError;

/// Checks the object at an address, or all objects whose keys begin with it.
pub(super) async fn check(
    context: &Context,
    address: &Address,
    findings: &mut Vec<Finding>,
) -> Result<(), CliError> {
    let (client, before) = (context.client()?, findings.len());
    let mut after = None;
    loop {
        let page = PageRequest { limit: None, after };
        let page = client.objects_list(address.bucket.as_str(), &address.rest, &page).await?;
        for object in page.items {
            // The object itself sorts before those whose keys go on; then only it is meant.
            if findings.len() == before + 1 && findings[before].address == address.to_string() {
                return Ok(());
            }
            let wanted = ObjectRef { bucket: object.bucket, key: object.key };
            findings.push(check_one(context, &client, &wanted).await?);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if findings.len() == before {
        check_bucket(&client, address).await?;
        return Err(CliError::Nothing { address: address.to_string() });
    }
    Ok(())
}

async fn check_one(context: &Context, client: &Client, object: &ObjectRef) -> Result<Finding, CliError> {
    let address = of_object(&object.bucket, &object.key);
    let spinner = progress::bar(context.output, &address, None);
    let checked = client.objects_verify(object, None).await;
    spinner.finish_and_clear();
    let Verification { object, verdict, .. } = checked?;
    let reason = match verdict {
        Verdict::Sound => None,
        Verdict::Damaged => Some("its bytes are not those that were put; they are set aside"),
        Verdict::Missing => Some("its bytes are gone; put it again"),
    };
    let state = if verdict == Verdict::Sound { "verified" } else { "damaged" };
    let reason = reason.map(str::to_owned);
    Ok(Finding { address, state: state.into(), form: None, digest: Some(object.digest), reason })
}
