//! What every request passes on its way in and every answer on its way out, one duty a file.

pub(crate) mod drain;
pub(crate) mod measure;
pub(crate) mod rate_limit;
pub(crate) mod request_id;
pub(crate) mod security_headers;
