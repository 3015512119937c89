use std::collections::BTreeSet;

use super::{Place, Problem, Report, VerifyError};
use crate::{Level, Receipt};

/// The bundles of a text that holds several, one behind the other; of one bundle, that.
pub fn split_bundles(bytes: &[u8]) -> Vec<&[u8]> {
    const START: &[u8] = b"\ncasemate bundle v";
    let starts = bytes.windows(START.len()).enumerate().filter(|(_, window)| *window == START);
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in starts {
        parts.push(&bytes[from..=at]);
        from = at + 1;
    }
    parts.push(&bytes[from..]);
    parts
}

/// What receipts, each of which holds, come to together. One says what it says. Several must be of the same deterministic run by
/// different signers, and have come to the same: the same module, arguments and input within the same limits gave the same
/// outcome, output and fuel; and the log must say that they are of one task. They are replicas of it, or the first is of the task
/// itself and the others of those that ran it again.
pub fn level_of(reports: &[Report]) -> Result<Level, VerifyError> {
    let refused = |problem| Err(VerifyError { place: Place::Receipt, problem });
    let Some((first, others)) = reports.split_first() else { return refused(Problem::Missing) };
    if others.is_empty() {
        return Ok(first.receipt.level);
    }
    if let Err(problem) = verify_agreement(first, others) {
        return refused(problem);
    }
    let signers: BTreeSet<String> =
        reports.iter().map(|report| report.signer.as_ref().unwrap_or(&report.key).to_string()).collect();
    if signers.len() < reports.len() {
        return refused(Problem::SameSigner);
    }
    let whole = (first.replica_of, first.replicas);
    if let (Some(_), Some(nodes)) = whole
        && others.iter().all(|other| (other.replica_of, other.replicas) == whole)
        && reports.len() <= usize::from(nodes)
    {
        let agreed = u8::try_from(reports.len()).unwrap_or(nodes);
        return Ok(Level::Replicated { agreed, nodes });
    }
    let again = |other: &Report| other.replica_of == Some(first.receipt.task) && other.replicas.is_none();
    if first.replica_of.is_none() && others.iter().all(again) {
        return Ok(Level::ReExecuted);
    }
    refused(Problem::Unrelated)
}

fn verify_agreement(first: &Report, others: &[Report]) -> Result<(), Problem> {
    if first.receipt.profile != "det-1" {
        return Err(Problem::Disagree { what: "profile, which is not det-1" });
    }
    match others.iter().find_map(|other| difference(&first.receipt, &other.receipt)) {
        Some(what) => Err(Problem::Disagree { what }),
        None => Ok(()),
    }
}

fn difference(one: &Receipt, other: &Receipt) -> Option<&'static str> {
    let same = [
        (one.project == other.project, "project"),
        (one.module == other.module, "module"),
        (one.invocation == other.invocation, "arguments or environment"),
        (one.input == other.input && one.input_files == other.input_files, "input"),
        (one.limits == other.limits, "limits"),
        (one.profile == other.profile, "profile"),
        (one.outcome == other.outcome, "outcome"),
        (one.output == other.output && one.output_files == other.output_files, "output"),
        (one.log == other.log, "standard error"),
        (one.usage.fuel == other.usage.fuel, "fuel"),
    ];
    same.into_iter().find(|(same, _)| !same).map(|(_, what)| what)
}
