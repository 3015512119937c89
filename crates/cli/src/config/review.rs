use std::fmt;

use super::{Config, Database, Environment};

/// How bad a finding is in the configuration's environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Worth considering.
    Recommendation,
    /// A risk that somebody should accept knowingly.
    Warning,
    /// A mainnet node does not start with it.
    Critical,
}

/// Something about a configuration that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// The key it is about.
    pub(crate) key: &'static str,
    /// What is the matter, and the way out.
    pub(crate) text: &'static str,
}

/// Judges a configuration for the environment that it names; the worst findings come first.
pub(crate) fn review(config: &Config) -> Vec<Finding> {
    let strict = config.environment != Environment::Development;
    let mut findings = Vec::new();
    let mut add = |severity, key, text| findings.push(Finding { severity, key, text });
    if config.waive_walls {
        let severity = if strict { Severity::Critical } else { Severity::Warning };
        add(
            severity,
            "waive_walls",
            "guests run without a required wall: set it to false and see `casemate doctor`",
        );
    }
    let s3_outside = config.s3_listen.is_some_and(|address| !address.ip().is_loopback());
    let severity = if strict { Severity::Critical } else { Severity::Warning };
    let text = "the address is reachable from outside and everything there travels unencrypted, keys too: set \
                `tls_certificate_file` and `tls_key_file`, or listen on loopback behind a proxy that speaks TLS";
    for (outside, key) in [(!config.listen.ip().is_loopback(), "listen"), (s3_outside, "s3_listen")] {
        if outside && config.tls.is_none() {
            add(severity, key, text);
        }
    }
    if strict && config.data_directory.starts_with("/tmp") {
        add(
            Severity::Critical,
            "data_dir",
            "the directory does not survive a restart: choose one that is backed up",
        );
    }
    if strict && matches!(config.database, Database::Sqlite) {
        add(
            Severity::Recommendation,
            "database",
            "one node can use this store: take postgres to run several",
        );
    }
    if config.master_keys.former.is_some() {
        let text =
            "it is needed for one start only: remove the key, and destroy the file when no backup needs it";
        add(Severity::Warning, "former_encryption_key_file", text);
    }
    if config.environment == Environment::Mainnet && config.master_keys.current.is_none() {
        let text = "content is stored as it comes: name the file of a key, or see that the disk is encrypted";
        add(Severity::Recommendation, "encryption_key_file", text);
    }
    if config.environment == Environment::Mainnet && !config.log_json {
        add(Severity::Recommendation, "log_format", "set it to json, so that logs can be searched by field");
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
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
