use std::io;
use std::time::Duration;

use crate::Problem;

/// Why a call gave no answer, or not the one wanted.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made.
    #[error("cannot reach the node at {address}")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is somebody, and no TLS with them: the certificate is not believed, or they speak something else.
    #[error("no trusted connection to the node at {address}")]
    NotTrusted {
        /// Where it should be.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The node took the connection and then not enough happened in time.
    #[error("the node at {address} did not answer within {} s", after.as_secs())]
    TimedOut {
        /// Where it is.
        address: String,
        /// How long the client waited.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the connection to the node at {address} broke off")]
    Broken {
        /// Where the node is.
        address: String,
        /// What happened to it.
        #[source]
        source: hyper::Error,
    },
    /// The node answered that something is the matter.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Something answered with an error that is not one of the API's: perhaps a proxy, or another server.
    #[error("the answer has the status {status} and is not one of Casemate's: {excerpt}")]
    Foreign {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer, for people.
        excerpt: String,
    },
    /// The answer is not what the operation gives.
    #[error("the answer to {operation} is not what it should be; do client and node have the same version?")]
    BadAnswer {
        /// The operation.
        operation: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The answer is not text.
    #[error("the answer to {operation} is not UTF-8 text; do client and node have the same version?")]
    NotText {
        /// The operation.
        operation: &'static str,
    },
    /// The answer is longer than any such answer.
    #[error("the answer to {operation} is longer than {bytes_max} bytes")]
    AnswerTooLong {
        /// The operation.
        operation: &'static str,
        /// The most that a client reads.
        bytes_max: usize,
    },
    /// What was to be uploaded could not be read.
    #[error("cannot read what is to be uploaded")]
    Source {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is no access token to send, because the session could not go on.
    #[error("you are not signed in to the node at {address} any more")]
    SignedOut {
        /// Where the node is.
        address: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A text cannot stand in a request's header, because it holds control characters.
    #[error("the {what} cannot be sent: it holds characters that a header cannot have")]
    NotAHeader {
        /// What it is.
        what: &'static str,
    },
}
