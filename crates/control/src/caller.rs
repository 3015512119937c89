use std::net::IpAddr;

use casemate_functions::FunctionName;
use casemate_ledger::Event;
use casemate_model::{Principal, RequestId};

/// Where processes of this machine ask from, as rules for addresses see it.
pub const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Who asks, and under which request id everything that follows is recorded.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who asks.
    pub principal: Principal,
    /// The request.
    pub request: RequestId,
    /// Where the request comes from; `None` for processes of this machine and for the node itself.
    pub address: Option<IpAddr>,
    /// The function that asks in the principal's name, if it is one.
    pub function: Option<FunctionName>,
}

impl Caller {
    /// Somebody who asks for themselves.
    pub fn new(principal: Principal, request: RequestId, address: Option<IpAddr>) -> Self {
        Self { principal, request, address, function: None }
    }

    /// The address that rules for addresses look at.
    pub(crate) fn from(&self) -> IpAddr {
        self.address.unwrap_or(LOOPBACK)
    }

    /// Says in an entry where the request came from, for entries from which somebody may want to learn who was there.
    pub(crate) fn add_address(&self, event: &mut Event) {
        if let Some(address) = self.address {
            event.details.push(("address".to_owned(), address.to_string()));
        }
    }
}
