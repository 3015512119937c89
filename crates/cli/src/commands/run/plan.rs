use casemate_api::tasks::{PlanRequest, RetryOn, RetryRequest};
use casemate_model::Timestamp;
use clap::{Args, ValueEnum};

use crate::limits::millis;

/// When a task runs, how urgently, and how often it is attempted, as options.
#[derive(Debug, Args)]
pub(super) struct PlanOptions {
    /// How urgent it is, from 0 to 9; 5 unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// Not before this time, such as 2027-01-01T03:00:00Z; at most a year ahead.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// One open task at most has this key: if there is one, nothing is submitted, and that one is waited for.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Most attempts, 1 to 20; 3 unless given. After failures of the node there is always another.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    attempts: Option<u32>,
    /// Attempt it again, too, when the program exits with another code than 0, or traps.
    #[arg(long, value_name = "FAILURE", value_delimiter = ',')]
    retry_on: Vec<Failure>,
    /// The wait before the second attempt, such as 5s; it doubles with each further one. A second unless given.
    #[arg(long, value_name = "TIME", value_parser = millis)]
    retry_wait: Option<u64>,
    /// How long it may take altogether, such as 10m: queue, attempts and waits. As long as the limit `wall` unless given.
    #[arg(long, value_name = "TIME", value_parser = millis)]
    timeout: Option<u64>,
    /// A label of the node that runs it, such as zone=a; give it several times for several. Any node unless given.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
}

/// Failures of a program, as options.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Failure {
    Exit,
    Trap,
}

impl PlanOptions {
    pub(super) fn request(&self) -> PlanRequest {
        let on = self.retry_on.iter().map(|failure| match failure {
            Failure::Exit => RetryOn::Exit,
            Failure::Trap => RetryOn::Trap,
        });
        PlanRequest {
            priority: self.priority,
            not_before: self.at.map(|time| time.to_string()),
            key: self.key.clone(),
            retry: RetryRequest { attempts: self.attempts, wait_ms: self.retry_wait, on: on.collect() },
            timeout_ms: self.timeout,
            labels: self.labels.clone(),
        }
    }
}
