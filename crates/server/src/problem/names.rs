use casemate_api::ProblemCode as Code;
use casemate_names::NamesError;
use casemate_peers::PeersError;

use super::Problem;

impl Problem {
    pub(super) fn peers(error: &PeersError) -> Self {
        let text = error.to_string();
        match error {
            PeersError::Off => Self::new(Code::Conflict, text),
            PeersError::UnknownRegistry(_) | PeersError::Unknown(_) => Self::new(Code::NotFound, text),
            PeersError::WhichRegistry { .. } => {
                Self::parameter_text("registry", text).hint("name one of them (`--registry ID`)")
            }
            PeersError::TooOld { .. } => Self::new(Code::Unavailable, text).hint(
                "ask its registry (`casemate name show NAME` there), or take an answer that may be older",
            ),
            PeersError::Timeout | PeersError::Busy | PeersError::Stopping => {
                Self::new(Code::Unavailable, text).retry(1)
            }
            PeersError::Store(_) => Self::failed(error),
        }
    }

    pub(super) fn names(error: &NamesError) -> Self {
        let text = error.to_string();
        match error {
            NamesError::NotClaimed { .. } => Self::new(Code::NotFound, text),
            NamesError::Taken { own: true, .. } => Self::new(Code::NameTaken, text)
                .hint("it is your project's: point it elsewhere with `casemate name set`"),
            NamesError::Taken { own: false, .. } => Self::new(Code::NameTaken, text),
            NamesError::OfAnother { .. } => {
                Self::new(Code::NameTaken, text).hint("choose another; what is below a name of yours you can revoke first")
            }
            NamesError::LooksLike { .. } | NamesError::CoolingOff { .. } => {
                Self::new(Code::NameTaken, text).hint("choose another")
            }
            NamesError::Reserved { .. } => Self::new(Code::Denied, text).hint("choose another last word"),
            NamesError::HighRisk { .. } => Self::new(Code::Denied, text)
                .hint("choose another last word, or ask whoever may write the node"),
            NamesError::NotOwner { .. } => Self::new(Code::NotOwner, text),
            NamesError::Stale { .. } => {
                Self::new(Code::StaleSequence, text).hint("read the name again and decide anew")
            }
            NamesError::BlobMissing { .. } => {
                Self::new(Code::BlobMissing, text).hint("store the content in the project first, or name other content")
            }
            NamesError::NotActive { .. } => Self::new(Code::NameStopped, text),
            NamesError::TooEarly { .. }
            | NamesError::Locked { .. }
            | NamesError::EndsWithAbove { .. }
            | NamesError::OwnAlready { .. }
            | NamesError::NothingOpen { .. }
            | NamesError::NoRecovery { .. }
            | NamesError::StandsAlready { .. } => Self::new(Code::Conflict, text),
            NamesError::CommitmentMissing { .. } => Self::new(Code::Conflict, text)
                .hint("`casemate name claim --commit`, or \"Commit first\" in the console, commits, waits and claims"),
            NamesError::NotCommitted { .. } => {
                Self::new(Code::Conflict, text).hint("commit to it anew, and claim it ten seconds later")
            }
            NamesError::TooManyCommitments => Self::new(Code::Conflict, text)
                .hint("claim what they are for, or wait until they are a day old"),
            NamesError::Contended { .. } => Self::new(Code::Conflict, text).hint("try it again"),
            NamesError::NotOffered { .. }
            | NamesError::NoVersion { .. }
            | NamesError::ProvedElsewhere { .. } => Self::new(Code::NotFound, text),
            NamesError::NoPower { .. } => Self::new(Code::Denied, text),
            NamesError::SignatureMissing { .. } => Self::new(Code::SignatureRequired, text).hint(
                "sign it with `casemate name` and --owner-key, which drafts, signs and hands in the record",
            ),
            NamesError::BadSignature { .. } | NamesError::OnlySigned { .. } => {
                Self::new(Code::SignatureRequired, text)
            }
            NamesError::SignedOtherwise { .. } => {
                Self::new(Code::Conflict, text).hint("have it drafted anew, and sign that")
            }
            NamesError::SignedForAnotherTime { .. } => Self::new(Code::Conflict, text)
                .hint("have it drafted anew, and look whether the clocks are right"),
            NamesError::Store(error) => Self::store(error),
        }
    }
}
