use std::collections::BTreeSet;

use super::{Place, Problem, Report, VerifyError};
use crate::Receipt;

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

/// Checks that receipts, each of which holds, are of the same deterministic run by different signers, and came to the same:
/// the same module, arguments and input within the same limits gave the same outcome, output and fuel.
pub fn verify_agreement(reports: &[Report]) -> Result<(), VerifyError> {
    let refused = |problem| Err(VerifyError { place: Place::Receipt, problem });
    let Some((first, others)) = reports.split_first() else { return Ok(()) };
    if first.receipt.profile != "det-1" {
        return refused(Problem::Disagree { what: "profile, which is not det-1" });
    }
    for other in others {
        if let Some(what) = difference(&first.receipt, &other.receipt) {
            return refused(Problem::Disagree { what });
        }
    }
    let signers: BTreeSet<String> =
        reports.iter().map(|report| report.signer.as_ref().unwrap_or(&report.key).to_string()).collect();
    if signers.len() < reports.len() {
        return refused(Problem::SameSigner);
    }
    Ok(())
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
