//! What a verification says, and what it does not.

use casemate_ledger::verify::{LogReport, NameReport, Report};
use casemate_ledger::{Level, NodePublicKey, Receipt, Standing};
use serde_json::json;

use crate::known::{Known, Memory};
use crate::output::Output;
use crate::report::CliError;

/// Why the key is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The user named it.
    Pinned,
    /// It is the one that was seen before.
    Remembered,
    /// It was seen for the first time, and nothing else speaks for it.
    FirstUse {
        /// How many other nodes were seen before: none of them signed this.
        others: usize,
    },
}

impl Trust {
    pub(super) fn of(
        pinned: Option<&NodePublicKey>,
        known: Option<&Known>,
        memory: &Memory,
    ) -> Result<Self, CliError> {
        Ok(match (pinned, known) {
            (Some(_), _) => Self::Pinned,
            (None, Some(_)) => Self::Remembered,
            (None, None) => Self::FirstUse { others: memory.count()? },
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Remembered => "remembered",
            Self::FirstUse { .. } => "first-use",
        }
    }

    /// The same for people.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Pinned => "the one that was asked for".to_owned(),
            Self::Remembered => "the one that was seen here before".to_owned(),
            Self::FirstUse { others } => {
                let others = match others {
                    0 => String::new(),
                    1 => ", and is not the one of the other node that is known here".to_owned(),
                    count => format!(", and is none of the {count} that are known here"),
                };
                format!(
                    "seen for the first time{others}. It is believed: compare it with the node's operator, or name \
                     the right one with --key"
                )
            }
        }
    }
}

/// Says what the receipts of a file come to: one by itself, or several of distinct signers that agree.
pub(super) fn say_receipts(
    output: Output,
    (what, level): (&str, Level),
    reports: &[Report],
    trust: &[Trust],
) -> Result<(), CliError> {
    let (Some(first), Some(of_first)) = (reports.first(), trust.first()) else { return Ok(()) };
    say_receipt(output, what, (first, level), of_first)?;
    if reports.len() > 1 && !output.json() {
        for report in reports {
            let signer = report.signer.as_ref().unwrap_or(&report.key);
            output.note(&format!("{} agrees, signed with {signer}.", report.receipt.task));
        }
    }
    Ok(())
}

fn say_receipt(
    output: Output,
    what: &str,
    (report, level): (&Report, Level),
    trust: &Trust,
) -> Result<(), CliError> {
    let receipt = &report.receipt;
    if output.json() {
        return output.value(&json!({
            "file": what, "level": level.to_string(), "claimed": claimed(report, level),
            "not_claimed": not_claimed(level), "task": receipt.task.to_string(),
            "run": receipt.run.to_string(), "project": receipt.project.to_string(),
            "module": receipt.module.to_string(), "input": receipt.input.to_string(),
            "stdout": receipt.output.to_string(), "stderr": receipt.log.to_string(),
            "outputs": receipt.output_files.iter()
                .map(|(path, digest)| json!({ "path": path, "digest": digest.to_string() })).collect::<Vec<_>>(),
            "outcome": receipt.outcome.to_string(), "fuel": receipt.usage.fuel, "wall_ms": receipt.usage.wall_ms,
            "engine": receipt.engine, "profile": receipt.profile, "ended": receipt.ended.to_string(),
            "signer": report.signer.as_ref().unwrap_or(&report.key).to_string(),
            "entry": report.sequence, "log_size": report.checkpoint.size(), "key": report.key.to_string(),
            "trust": trust.word(), "output_matches": report.output,
        }));
    }
    output.line(&format!("{what}: holds, level {level}"))?;
    output.fields(&fields(report, receipt))?;
    output.note(&format!("The key is {}.", trust.text()));
    output.note(&format!("Claimed: {}.", claimed(report, level)));
    output.note(&format!("Not claimed: {}.", not_claimed(level)));
    Ok(())
}

fn fields(report: &Report, receipt: &Receipt) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("task", receipt.task.to_string()),
        ("project", receipt.project.to_string()),
        ("module", receipt.module.to_string()),
        ("input", receipt.input.to_string()),
        ("stdout", receipt.output.to_string()),
        ("outcome", receipt.outcome.to_string()),
        ("fuel", receipt.usage.fuel.to_string()),
        ("ended", receipt.ended.to_string()),
        ("engine", receipt.engine.clone()),
        ("entry", format!("{} of {}", report.sequence, report.checkpoint.size())),
        ("key", report.key.to_string()),
    ];
    if let Some(signer) = &report.signer {
        fields.push(("signer", signer.to_string()));
    }
    if let Some(output) = &report.output {
        fields.insert(5, ("matches", format!("the given file is {output}")));
    }
    fields
}

/// What a receipt of the level says.
fn claimed(report: &Report, level: Level) -> String {
    let signed = match report.signer {
        None => {
            "the node with this key signed that this module, on this input, gave this outcome and output, and its log \
             records it"
        }
        Some(_) => {
            "the node with the signer's key signed that this module, on this input, gave this outcome and output, and the \
             log of the server with this key records it, and that the signer was a node of it"
        }
    };
    match level {
        Level::Reported => {
            "a worker reported this outcome and output, and the node with this key recorded it".to_owned()
        }
        Level::Signed => signed.to_owned(),
        Level::ReExecuted => format!("{signed}; somebody else ran it again and signed the same result"),
        Level::Replicated { agreed, nodes } => {
            format!("{signed}; of {nodes} that were to run it, {agreed} signed this result")
        }
        Level::Proved => format!("{signed}; a proof of the execution was checked"),
    }
}

/// What it leaves open.
fn not_claimed(level: Level) -> &'static str {
    match level {
        Level::Reported | Level::Signed => {
            "that the node told the truth: nobody else ran it. Run it again with --det to compare"
        }
        Level::ReExecuted | Level::Replicated { .. } => "that those who ran it are independent of each other",
        Level::Proved => "that the program is right, or that its input stayed private",
    }
}

/// Says what a name means, or meant.
pub(super) fn say_name(
    output: Output,
    what: &str,
    report: &NameReport,
    trust: Trust,
) -> Result<(), CliError> {
    let record = &report.record;
    let owner = record.owner.as_ref().map(|owner| owner.fingerprint().to_string());
    if output.json() {
        return output.value(&json!({
            "file": what, "name": record.name.to_string(), "change": record.change.as_str(),
            "standing": record.standing.as_str(), "epoch": record.epoch, "sequence": record.sequence,
            "project": record.project.to_string(), "digest": record.digest.map(|digest| digest.to_string()),
            "dns": record.dns.records().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "registry": record.registry.to_string(), "owner": owner, "owner_signed": report.owner_signed,
            "expires": record.expires.to_string(), "entered": report.entered.to_string(),
            "entry": report.sequence, "log_size": report.checkpoint.size(), "key": report.key.to_string(),
            "trust": trust.word(), "resolution": "offline",
        }));
    }
    let stopped = match record.standing {
        _ if record.change.is_end() => ", which has ended with it",
        Standing::Good => "",
        Standing::Suspended => ", which is suspended and may not be used",
        Standing::Revoked => ", which is revoked and may not be used",
    };
    output.line(&format!("{what}: holds, version {} of {}{stopped}", record.sequence, record.name))?;
    let digest = record.digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
    let mut fields = vec![
        ("name", record.name.to_string()),
        ("digest", digest),
        ("change", record.change.as_str().to_owned()),
        ("project", record.project.to_string()),
        ("expires", record.expires.to_string()),
        ("entered", report.entered.to_string()),
        ("entry", format!("{} of {}", report.sequence, report.checkpoint.size())),
        ("key", report.key.to_string()),
    ];
    fields.extend(owner.map(|owner| ("owner key", owner)));
    fields.extend(record.dns.records().iter().map(|record| ("dns", record.to_string())));
    output.fields(&fields)?;
    output.note(&format!("The key is {}.", trust.text()));
    let signed = if report.owner_signed { "its owner signed this version, and " } else { "" };
    output.note(&format!(
        "Claimed: {signed}the registry with this key entered it into its log, where nobody can change it unseen."
    ));
    output.note(&format!(
        "Not claimed: that there is no newer version. This was so at {}; `casemate name show {}` asks for now.",
        report.entered, record.name
    ));
    Ok(())
}

fn root_of(report: &LogReport) -> String {
    data_encoding::HEXLOWER.encode(report.checkpoint.root().as_bytes())
}

pub(crate) fn say_log(output: Output, what: &str, report: &LogReport, trust: &Trust) -> Result<(), CliError> {
    let checkpoint = &report.checkpoint;
    if output.json() {
        return output.value(&json!({
            "log": what, "origin": checkpoint.origin(), "size": checkpoint.size(),
            "root": root_of(report), "head": report.head.to_string(), "trust": trust.word(),
        }));
    }
    output.line(&format!("{what}: holds, {} entries", checkpoint.size()))?;
    output.fields(&[
        ("log", checkpoint.origin().to_owned()),
        ("root", root_of(report)),
        ("head", report.head.to_string()),
    ])?;
    output.note(&format!("The key is {}.", trust.text()));
    output
        .note("Claimed: every entry is there, in order and unchanged, as the node with this key signed it.");
    match trust {
        Trust::Remembered => output.note("It goes on from the history that was seen here before."),
        Trust::Pinned | Trust::FirstUse { .. } => {
            output
                .note("Not claimed: that nobody was shown another history, unless one was remembered here.");
        }
    }
    Ok(())
}
