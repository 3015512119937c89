//! What two nodes say to each other directly. One message and one answer a stream; numbers are big-endian.
//!
//! ```text
//!   request   1 proof to the end                                   keep this
//!             2 u64 place, the name of a log to the end            what changed there since
//!   answer    1                                                    kept
//!             2 text to the end                                    not kept, or not known, and why
//!             3 u64 next, u8 more, then each: u32 length, proof    what changed
//! ```

use std::io;

use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;

use crate::LogChanges;
use crate::shelf::PROOF_BYTES_MAX;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Keep this proof.
    Put(Vec<u8>),
    /// What changed in a log.
    Changes { log: String, after: u64 },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Kept,
    Refused(String),
    Changes(LogChanges),
}

/// Most bytes of the name of a log.
const LOG_BYTES_MAX: usize = 128;
/// Most bytes of a reason.
const REASON_BYTES_MAX: usize = 256;
/// Most bytes of proofs in one answer.
pub(crate) const CHANGES_BYTES_MAX: usize = 512 << 10;
/// Most bytes of either.
const REQUEST_BYTES_MAX: usize = 1 + PROOF_BYTES_MAX;
const ANSWER_BYTES_MAX: usize = 10 + CHANGES_BYTES_MAX;

impl Request {
    fn encode(self) -> Vec<u8> {
        match self {
            Self::Put(proof) => [&[1], proof.as_slice()].concat(),
            Self::Changes { log, after } => [&[2], after.to_be_bytes().as_slice(), log.as_bytes()].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (1, proof) if proof.len() <= PROOF_BYTES_MAX => Some(Self::Put(proof.to_vec())),
            (2, rest) => {
                let (after, log) = rest.split_first_chunk()?;
                let log = String::from_utf8(log.to_vec()).ok().filter(|log| log.len() <= LOG_BYTES_MAX)?;
                Some(Self::Changes { log, after: u64::from_be_bytes(*after) })
            }
            _ => None,
        }
    }
}

impl Answer {
    fn encode(self) -> Vec<u8> {
        match self {
            Self::Kept => vec![1],
            Self::Refused(mut reason) => {
                reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
                [&[2], reason.as_bytes()].concat()
            }
            Self::Changes(LogChanges { proofs, next, more }) => {
                let mut bytes = [&[3], next.to_be_bytes().as_slice(), &[u8::from(more)]].concat();
                for proof in proofs {
                    bytes.extend(u32::try_from(proof.len()).unwrap_or(u32::MAX).to_be_bytes());
                    bytes.extend(proof.as_bytes());
                }
                bytes
            }
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (1, []) => Some(Self::Kept),
            (2, reason) if reason.len() <= REASON_BYTES_MAX => {
                let plain = |char: char| if char.is_control() { '?' } else { char };
                Some(Self::Refused(str::from_utf8(reason).ok()?.chars().map(plain).collect()))
            }
            (3, rest) => {
                let (next, rest) = rest.split_first_chunk()?;
                let (more, mut rest) = rest.split_first()?;
                let mut proofs = Vec::new();
                while !rest.is_empty() {
                    let (length, after) = rest.split_first_chunk()?;
                    let (proof, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
                    proofs.push(String::from_utf8(proof.to_vec()).ok()?);
                    rest = after;
                }
                let next = u64::from_be_bytes(*next);
                (*more <= 1).then_some(Self::Changes(LogChanges { proofs, next, more: *more == 1 }))
            }
            _ => None,
        }
    }
}

/// Reads and writes messages, none longer than they may be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Messages;

impl Codec for Messages {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        Request::decode(&read(io, REQUEST_BYTES_MAX).await?).ok_or_else(malformed)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        Answer::decode(&read(io, ANSWER_BYTES_MAX).await?).ok_or_else(malformed)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request.encode()).await?;
        io.close().await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Answer) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&answer.encode()).await?;
        io.close().await
    }
}

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > most { Err(malformed()) } else { Ok(bytes) }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no message of a peer")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for request in
            [Request::Put(vec![0, 1, 255]), Request::Changes { log: "casemate/00".to_owned(), after: 7 }]
        {
            assert_eq!(Request::decode(&request.clone().encode()), Some(request));
        }
        let changes = LogChanges { proofs: vec!["one".to_owned(), String::new()], next: 9, more: true };
        for answer in [Answer::Kept, Answer::Refused("no".to_owned()), Answer::Changes(changes)] {
            assert_eq!(Answer::decode(&answer.clone().encode()), Some(answer));
        }
        let long = Answer::Refused("ä".repeat(300)).encode();
        assert!(long.len() <= 1 + REASON_BYTES_MAX && Answer::decode(&long).is_some());
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_read_in_one_way_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(request) = Request::decode(&bytes) {
                prop_assert_eq!(request.encode(), bytes.clone());
            }
            match Answer::decode(&bytes) {
                None | Some(Answer::Refused(_)) => {}
                Some(answer) => prop_assert_eq!(answer.encode(), bytes),
            }
        }
    }
}
