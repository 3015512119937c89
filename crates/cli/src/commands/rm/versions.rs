//! Deleting every version of objects, for good.

use casemate_api::objects::{ObjectRef, ObjectVersion};
use casemate_api::{Client, ClientError, PageRequest, ProblemCode};

use super::{Fate, Rm, fate};
use crate::address::{Address, of_object};
use crate::context::Context;
use crate::remote::{Place, check_bucket};
use crate::report::{CliError, chain};

impl Rm {
    /// Deletes every version and every mark below an address.
    pub(super) async fn delete_versions(
        &self,
        context: &Context,
        address: &Address,
        fates: &mut Vec<Fate>,
    ) -> Result<(), CliError> {
        let client = context.client()?;
        let folder = match Place::Node(address.clone()).folder() {
            Place::Node(folder) => folder.rest,
            Place::Pipe | Place::File(_) | Place::Remote(_) => address.rest.clone(),
        };
        // All before the first goes: what is deleted moves the pages behind it.
        let versions = versions(&client, address, &folder).await?;
        for ObjectVersion { bucket, key, version, .. } in versions {
            if !self.filter.takes(key.strip_prefix(&folder).unwrap_or(&key)) {
                continue;
            }
            let object = ObjectRef { bucket, key };
            let reason = if self.dryrun { None } else { delete(&client, &object, &version).await? };
            let address = of_object(&object.bucket, &object.key);
            self.tell(context, fates, fate(address, Some(&version), reason));
        }
        Ok(())
    }
}

async fn versions(client: &Client, address: &Address, prefix: &str) -> Result<Vec<ObjectVersion>, CliError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: Some(PAGE_MAX), after };
        let page = client.objects_versions(address.bucket.as_str(), prefix, &page).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if found.is_empty() {
        check_bucket(client, address).await?;
    }
    Ok(found)
}

/// Why a version was not deleted, if it is a matter of this one.
async fn delete(client: &Client, object: &ObjectRef, version: &str) -> Result<Option<String>, CliError> {
    match client.objects_delete(object, Some(version)).await {
        Ok(()) => Ok(None),
        // Somebody else was faster.
        Err(ClientError::Problem(problem)) if problem.code == ProblemCode::NotFound => Ok(None),
        Err(error) => {
            let error = CliError::from(error);
            if error.is_of_one_file() { Ok(Some(chain(&error))) } else { Err(error) }
        }
    }
}

/// As many as a node gives at once.
const PAGE_MAX: u32 = 200;
