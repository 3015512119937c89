use std::fmt;
use std::str::FromStr;

use casemate_model::{NodeLabels, NodeLabelsError};

/// What a task wants of the node that runs it, as one text, by which the queue groups those that wait: labels, and memory in
/// steps if it is much.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    labels: NodeLabels,
    /// In steps of [`STEP_BYTES`]; 0 for one step or less, which every node has.
    memory_steps: u64,
}

/// Memory is looked at so coarsely: each step is a group of its own.
const STEP_BYTES: u64 = 256 << 20;

/// Text that is no [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The labels.
    #[error(transparent)]
    Labels(#[from] NodeLabelsError),
    /// The memory.
    #[error("`{0}` is no number of steps of memory")]
    Memory(String),
}

impl Place {
    /// What a task wants whose node must have `labels`, and that may use so much memory.
    pub fn of(labels: &NodeLabels, memory_bytes: u64) -> Self {
        let steps = memory_bytes.div_ceil(STEP_BYTES);
        Self { labels: labels.clone(), memory_steps: if steps > 1 { steps } else { 0 } }
    }

    /// Whether a node with `labels` and so much memory has it.
    pub fn is_met_by(&self, labels: &NodeLabels, memory_bytes: u64) -> bool {
        labels.satisfy(&self.labels) && memory_bytes / STEP_BYTES >= self.memory_steps
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.memory_steps {
            0 => self.labels.fmt(f),
            steps => write!(f, "{}|{steps}", self.labels),
        }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((labels, steps)) = text.split_once('|') else {
            return Ok(Self { labels: text.parse()?, memory_steps: 0 });
        };
        let memory_steps = steps.parse().map_err(|_| PlaceError::Memory(steps.to_owned()))?;
        Ok(Self { labels: labels.parse()?, memory_steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_goes_where_its_labels_and_its_memory_are() {
        let (none, zone): (NodeLabels, NodeLabels) =
            (NodeLabels::default(), "zone=a".parse().expect("a label"));
        let small = Place::of(&none, 256 << 20);
        assert_eq!(small.to_string(), "", "as it was before memory was looked at");
        assert!(small.is_met_by(&none, 64 << 20));
        let large = Place::of(&zone, (1 << 30) + 1);
        assert_eq!(large.to_string(), "zone=a|5");
        assert_eq!(large.to_string().parse(), Ok(large.clone()));
        assert!(large.is_met_by(&zone, 5 * STEP_BYTES));
        assert!(!large.is_met_by(&zone, 5 * STEP_BYTES - 1) && !large.is_met_by(&none, u64::MAX));
        assert_eq!("|x".parse::<Place>(), Err(PlaceError::Memory("x".to_owned())));
    }
}
