use casemate_model::{Principal, RequestId};

/// Who asks, and under which request id everything that follows is recorded.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who asks.
    pub principal: Principal,
    /// The request.
    pub request: RequestId,
}
