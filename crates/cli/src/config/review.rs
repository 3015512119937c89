//! Judging a configuration: a look at the machine gives facts, a table of rules turns them into findings. What `config
//! check` prints is what a node prints when it starts.

mod facts;
mod rules;

use std::fmt;

use serde::Serialize;

use super::{Config, Environment};
use facts::Facts;
use rules::RULES;

/// How bad a finding is in the configuration's environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Worth considering.
    Recommendation,
    /// A risk that somebody should accept knowingly.
    Warning,
    /// A mainnet node does not start with it.
    Critical,
}

/// Something about a configuration that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The rule, which stays the same when its words change.
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    /// The key it is about.
    pub(crate) key: &'static str,
    /// What is the matter.
    pub(crate) text: &'static str,
    /// What exactly was found; empty where the text says it all.
    pub(crate) detail: String,
    /// The way out.
    pub(crate) fix: &'static str,
}

/// One thing that is looked for.
struct Rule {
    id: &'static str,
    key: &'static str,
    /// For development, testnet and mainnet; nothing where it does not matter.
    severity: [Option<Severity>; 3],
    text: &'static str,
    fix: &'static str,
    /// What was found, if it is the case.
    found: fn(&Facts<'_>) -> Option<String>,
}

impl Rule {
    fn severity(&self, environment: Environment) -> Option<Severity> {
        self.severity[match environment {
            Environment::Development => 0,
            Environment::Testnet => 1,
            Environment::Mainnet => 2,
        }]
    }
}

/// Looks at the machine and judges a configuration for the environment that it names; the worst findings come first.
/// It blocks.
pub(crate) fn review(config: &Config) -> Vec<Finding> {
    judge(&Facts::gather(config))
}

fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &RULES {
        let Some(severity) = rule.severity(facts.config.environment) else { continue };
        if let Some(detail) = (rule.found)(facts) {
            let Rule { id, key, text, fix, .. } = *rule;
            findings.push(Finding { id, severity, key, text, detail, fix });
        }
    }
    // Rules are in the order of their ids, which stays within a severity.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, severity, key, text, detail, fix } = self;
        write!(f, "{id}: {severity}: {key}: {text}")?;
        if !detail.is_empty() {
            write!(f, " ({detail})")?;
        }
        write!(f, ": {fix}")
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Recommendation => "recommendation",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests;
