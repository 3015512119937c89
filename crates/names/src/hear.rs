//! Hearing of what other nodes do to names that this node decides over, too: by the places in their logs.

use std::collections::BTreeMap;

use casemate_ledger::NameChange;
use casemate_model::Name;

use crate::{Names, NamesError};

/// Changes that are read at a time.
const BATCH: u32 = 256;

/// Up to where the logs of other nodes were heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// For each log the first entry that was not looked at; `None` before it was ever looked for logs.
    places: Option<BTreeMap<String, u64>>,
}

impl Names {
    /// Reads what other nodes changed since the last time, so that this one forgets what it knew of those names, and returns that.
    /// The first time it only notes where the logs are.
    pub async fn hear(&self, heard: &mut Heard) -> Result<Vec<(Name, NameChange)>, NamesError> {
        let logs = self.registry().logs_elsewhere().await?;
        let Some(places) = &mut heard.places else {
            heard.places = Some(logs.into_iter().collect());
            return Ok(Vec::new());
        };
        let mut changes = Vec::new();
        for (log, size) in logs {
            // A log that was not there before is one whose entries are all new.
            let place = places.entry(log.clone()).or_default();
            while *place < size {
                let page = self.registry().changes_in(&log, *place, BATCH).await?;
                *place = match page.last() {
                    Some(last) if page.len() == BATCH as usize => last.entry + 1,
                    Some(last) => size.max(last.entry + 1),
                    None => size,
                };
                for change in page {
                    self.forget(&change.name);
                    changes.push((change.name, change.change));
                }
            }
        }
        Ok(changes)
    }
}
