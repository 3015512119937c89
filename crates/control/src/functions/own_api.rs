use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use casemate_functions::{FunctionName, HostRules};
use casemate_identity::Maker;
use casemate_model::{Principal, Project, RequestId, Scopes};
use casemate_sandbox::OutboundError;
use http::uri::Scheme;
use http::{Request, Response, Uri};

use crate::{Caller, Control};

/// The host under which a function finds the node. It is in no DNS, and what is sent there leaves no process.
const HOST: &str = "casemate.internal";

/// The node's own API, as far as functions may be granted any of it.
#[async_trait]
pub trait OwnApi: Send + Sync + 'static {
    /// Answers a request of a caller who is known already; what the request presents counts for nothing.
    async fn answer(&self, caller: Caller, request: Request<Bytes>)
    -> Result<Response<Bytes>, OutboundError>;
}

/// What one run may ask of the node itself.
pub(super) struct Granted {
    pub(super) api: Arc<dyn OwnApi>,
    pub(super) control: Control,
    pub(super) project: Project,
    pub(super) function: FunctionName,
    pub(super) request: RequestId,
    pub(super) maker: Maker,
    pub(super) scopes: Scopes,
}

/// Whether the node's own host is among those that were declared, where it does nothing.
pub(super) fn names_node(hosts: &HostRules) -> bool {
    ["http", "https"].into_iter().any(|scheme| {
        let uri = Uri::try_from(format!("{scheme}://{HOST}/")).expect("a host is an address");
        hosts.destination(&uri).is_some()
    })
}

/// Whether a request is for the node itself.
pub(super) fn is_for_node(uri: &Uri) -> bool {
    let Some(authority) = uri.authority().filter(|authority| !authority.as_str().contains('@')) else {
        return false;
    };
    let usual_port = matches!(authority.port_u16(), None | Some(80));
    uri.scheme() == Some(&Scheme::HTTP) && usual_port && authority.host().eq_ignore_ascii_case(HOST)
}

impl Granted {
    /// Asks in the maker's name, as far as both it and the grants reach at this moment.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        let principal = self.control.principal_of(self.maker, &self.project).await;
        let principal = principal.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the maker of a function cannot be found"
            );
            OutboundError::Broken
        })?;
        let principal = principal.filter(|principal| principal.project == self.project);
        let principal = principal.ok_or(OutboundError::Denied)?;
        let scopes = principal.scopes.intersection(&self.scopes);
        let caller = Caller {
            function: Some(self.function.clone()),
            ..Caller::new(Principal { scopes, ..principal }, self.request, None)
        };
        self.api.answer(caller, request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_is_at_one_address_only() {
        let is = |uri: &str| is_for_node(&uri.parse().unwrap());
        assert!(is("http://casemate.internal/api/v1/objects/a/b"));
        assert!(is("http://Casemate.INTERNAL:80/api/v1/objects/a/b"));
        for other in [
            "https://casemate.internal/",
            "http://casemate.internal:81/",
            "http://x@casemate.internal/",
            "http://casemate.internal.example.org/",
            "http://a.casemate.internal/",
            "/api/v1/objects/a/b",
        ] {
            assert!(!is(other), "{other}");
        }
    }
}
