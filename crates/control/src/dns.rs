use std::sync::Arc;

use async_trait::async_trait;
use casemate_dns::{Look, View};
use casemate_model::{DnsRecords, Name, StoreError};
use casemate_names::{AGE_MAX, NamesError, Status};

use crate::Control;

/// What names say is public where a node says it in DNS; whoever sets that up has decided so.
#[async_trait]
impl View for Control {
    async fn look(&self, name: &Name) -> Result<Look, StoreError> {
        let known = self.parts.names.known(name, self.now(), AGE_MAX).await.map_err(stored)?;
        let says = match known.resolved {
            Some((held, Status::Active)) => Some(Arc::new(held.record.dns)),
            Some(_) | None => None,
        };
        Ok(Look { says, has_below: known.has_below })
    }

    async fn page(
        &self,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<(Vec<(Name, DnsRecords)>, Option<Name>), StoreError> {
        let (names, last) = self.parts.names.saying(after, limit, self.now()).await.map_err(stored)?;
        let names = names.into_iter().map(|held| (held.record.name, held.record.dns));
        Ok((names.collect(), last))
    }

    async fn serial(&self) -> Result<u32, StoreError> {
        let serial = self.parts.names.serial().await.map_err(stored)?;
        // Serial numbers go around (RFC 1982).
        Ok(u32::try_from(serial & u64::from(u32::MAX)).unwrap_or(0))
    }
}

/// Reading names fails for no other reason.
pub(crate) fn stored(error: NamesError) -> StoreError {
    match error {
        NamesError::Store(error) => error,
        other => StoreError::Damaged { what: "name", source: Box::new(other) },
    }
}
