use casemate_model::{Digest, LimitKind, Outcome, TaskId};

use crate::{Plan, Progress, TaskRecord, TaskResult, TaskSpec};

/// How many nodes of distinct owners are to run a task, and how many must come to the same.
///
/// The task itself is run by nobody: it has replicas, which are tasks of their own and are taken by nodes of distinct owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// How many must agree: more than half.
    pub agree: u8,
    /// The tasks that are run in its place.
    pub replicas: Vec<TaskId>,
}

/// Numbers that make no quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quorum is more than half of 2 to {max} nodes, such as 2/3", max = Quorum::REPLICAS_MAX)]
pub struct QuorumError;

/// What became of a replica so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ballot {
    /// It is not over.
    Open,
    /// It is over without a result that could be compared.
    Void,
    /// It has a result.
    Cast(Vote),
}

/// What must be the same of two runs that agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    outcome: Outcome,
    stdout: Option<Digest>,
    stderr: Option<Digest>,
    outputs: Vec<(String, Digest)>,
    fuel: u64,
}

/// What the replicas came to, each by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is open yet.
    Waiting,
    /// Enough agree.
    Agreed {
        /// Those that agree, at least as many as must.
        agreed: Vec<usize>,
        /// Those that came to something else.
        refuted: Vec<usize>,
    },
    /// Not enough can agree any more.
    Impossible,
}

impl Quorum {
    /// Most replicas of a task.
    pub const REPLICAS_MAX: usize = 7;

    /// A quorum of `agree` among `replicas`.
    pub fn new(agree: u8, replicas: Vec<TaskId>) -> Result<Self, QuorumError> {
        let (least, of) = (usize::from(agree), replicas.len());
        if (2..=Self::REPLICAS_MAX).contains(&of) && least <= of && 2 * least > of {
            Ok(Self { agree, replicas })
        } else {
            Err(QuorumError)
        }
    }

    /// What the ballots, in the order of the replicas, come to.
    pub fn verdict(&self, ballots: &[Ballot]) -> Verdict {
        let open = ballots.iter().filter(|ballot| **ballot == Ballot::Open).count();
        let votes = ballots.iter().enumerate().filter_map(|(place, ballot)| match ballot {
            Ballot::Cast(vote) => Some((place, vote)),
            Ballot::Open | Ballot::Void => None,
        });
        let votes: Vec<(usize, &Vote)> = votes.collect();
        let like = |vote: &Vote| votes.iter().filter(|(_, other)| *other == vote).count();
        // More than half is one group at most.
        let Some((_, largest)) = votes.iter().max_by_key(|(_, vote)| like(vote)) else {
            return if open >= usize::from(self.agree) { Verdict::Waiting } else { Verdict::Impossible };
        };
        let count = like(largest);
        if count >= usize::from(self.agree) {
            let (agreed, refuted): (Vec<_>, Vec<_>) = votes.iter().partition(|(_, vote)| vote == largest);
            let places = |of: Vec<(usize, &Vote)>| of.into_iter().map(|(place, _)| place).collect();
            return Verdict::Agreed { agreed: places(agreed), refuted: places(refuted) };
        }
        if count + open >= usize::from(self.agree) { Verdict::Waiting } else { Verdict::Impossible }
    }
}

impl Ballot {
    /// What a replica says.
    pub fn of(task: &TaskRecord) -> Self {
        match &task.result {
            _ if !task.progress.state.is_final() => Self::Open,
            Some(result) => Vote::of(result).map_or(Self::Void, Self::Cast),
            None => Self::Void,
        }
    }
}

impl Vote {
    /// What a run came to, unless that was the node's doing, or time's. What is refused is refused for reasons of whoever refuses,
    /// in its own words, and so is no vote.
    pub fn of(result: &TaskResult) -> Option<Self> {
        match &result.outcome {
            Outcome::Exited(_) | Outcome::Trapped(_) => {}
            Outcome::LimitReached(kind) if *kind != LimitKind::Wall => {}
            Outcome::LimitReached(_)
            | Outcome::Refused(_)
            | Outcome::Cancelled
            | Outcome::EngineFailed(_) => return None,
        }
        Some(Self {
            outcome: result.outcome.clone(),
            stdout: result.stdout,
            stderr: result.stderr,
            outputs: result.outputs.iter().map(|file| (file.path.clone(), file.digest)).collect(),
            fuel: result.usage.fuel,
        })
    }
}

impl TaskSpec {
    /// The tasks that are run in its place.
    pub fn replicas(&self) -> Vec<TaskId> {
        self.quorum.as_ref().map(|quorum| quorum.replicas.clone()).unwrap_or_default()
    }
}

impl TaskRecord {
    /// The replica of this task that goes by `id`. It begins when the task does.
    pub fn replica(&self, id: TaskId, progress: Progress) -> Self {
        let spec = TaskSpec {
            quorum: None,
            replica_of: Some(self.id),
            plan: Plan { key: None, ..self.spec.plan.clone() },
            ..self.spec.clone()
        };
        Self { id, spec, progress, result: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::Timestamp;
    use casemate_model::test_support::CountingEntropy;
    use proptest::prelude::*;

    use super::*;

    fn quorum(agree: u8, of: usize) -> Result<Quorum, QuorumError> {
        let entropy = CountingEntropy::default();
        Quorum::new(agree, (0..of).map(|_| TaskId::generate(Timestamp::EPOCH, &entropy)).collect())
    }

    fn cast(fuel: u64) -> Ballot {
        let nothing = Digest::of(b"");
        Ballot::Cast(Vote {
            outcome: Outcome::Exited(0),
            stdout: Some(nothing),
            stderr: Some(nothing),
            outputs: Vec::new(),
            fuel,
        })
    }

    #[test]
    fn a_quorum_is_more_than_half_of_a_few() {
        for (agree, of) in [(2, 2), (2, 3), (3, 5), (7, 7)] {
            assert!(quorum(agree, of).is_ok_and(|quorum| quorum.replicas.len() == of), "{agree}/{of}");
        }
        for (agree, of) in [(0, 0), (1, 1), (1, 2), (2, 4), (4, 3), (5, 8)] {
            assert_eq!(quorum(agree, of), Err(QuorumError), "{agree}/{of}");
        }
    }

    #[test]
    fn a_lie_is_outvoted_and_named() {
        let quorum = quorum(2, 3).expect("a quorum");
        let verdict = |ballots: [Ballot; 3]| quorum.verdict(&ballots);
        use Ballot::{Open, Void};
        assert_eq!(verdict([Open, Open, Open]), Verdict::Waiting);
        assert_eq!(verdict([cast(1), Open, Void]), Verdict::Waiting);
        assert_eq!(verdict([cast(1), cast(2), Open]), Verdict::Waiting);
        assert_eq!(
            verdict([cast(1), cast(2), cast(1)]),
            Verdict::Agreed { agreed: vec![0, 2], refuted: vec![1] }
        );
        assert_eq!(
            verdict([cast(1), Open, cast(1)]),
            Verdict::Agreed { agreed: vec![0, 2], refuted: vec![] }
        );
        assert_eq!(verdict([cast(1), cast(2), cast(3)]), Verdict::Impossible);
        assert_eq!(verdict([Void, Void, Open]), Verdict::Impossible);
    }

    proptest! {
        #[test]
        fn fewer_liars_than_must_agree_are_never_believed(
            (agree, of) in prop_oneof![Just((2_u8, 3_usize)), Just((3, 5)), Just((4, 7)), Just((2, 2))],
            lies in 0_usize..4,
        ) {
            let quorum = quorum(agree, of).expect("a quorum");
            let lies = lies.min(usize::from(agree) - 1).min(of);
            let ballots: Vec<_> = (0..of).map(|place| cast(if place < lies { 666 } else { 1 })).collect();
            match quorum.verdict(&ballots) {
                Verdict::Agreed { agreed, refuted } => {
                    prop_assert!(agreed.iter().all(|place| *place >= lies));
                    prop_assert_eq!(refuted.len(), lies);
                }
                Verdict::Impossible => prop_assert!(of - lies < usize::from(agree)),
                Verdict::Waiting => prop_assert!(false, "nothing is open"),
            }
        }
    }
}
