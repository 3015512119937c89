use casemate_model::Networks;
use serde::{Deserialize, Serialize};

use super::{ConfigError, bad};

/// Most workers of functions.
const WORKERS_MAX: usize = 256;

/// What was written about functions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WrittenFunctions {
    /// Worker processes; 0 for as many as suit the machine.
    pub(crate) workers: usize,
    /// Networks beside the public ones that functions may send requests to, such as `10.1.0.0/16`.
    pub(crate) allow_networks: Vec<String>,
}

/// How functions run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionSettings {
    /// Worker processes.
    pub(crate) workers: usize,
    /// Networks beside the public ones that they may send requests to.
    pub(crate) networks: Networks,
}

/// Works out what the section means on a machine with so many cores.
pub(super) fn settings(written: &WrittenFunctions, cores: usize) -> Result<FunctionSettings, ConfigError> {
    if written.workers > WORKERS_MAX {
        let expected = format!("a number from 0 to {WORKERS_MAX}");
        return Err(bad("functions.workers", &written.workers.to_string(), &expected));
    }
    let text = written.allow_networks.join(" ");
    let expected = "at most 32 networks, such as 10.1.0.0/16";
    let networks = text.parse().map_err(|_| bad("functions.allow_networks", &text, expected))?;
    // Most of them wait: for whom they ask, or for a request.
    let workers = if written.workers == 0 { (4 * cores).max(16) } else { written.workers };
    Ok(FunctionSettings { workers, networks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_worked_out_and_mistakes_named() {
        let read = |workers, networks: &[&str]| {
            let allow_networks = networks.iter().map(|text| (*text).to_owned()).collect();
            let settings = settings(&WrittenFunctions { workers, allow_networks }, 8);
            settings
                .map(|found| (found.workers, found.networks.to_string()))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(0, &["127.0.0.1"]), Ok((32, "127.0.0.1/32".to_owned())));
        assert_eq!(read(3, &[]), Ok((3, String::new())));
        assert_eq!(
            read(257, &[]).unwrap_err(),
            "the configuration key `functions.workers` cannot be `257`: use a number from 0 to 256"
        );
        assert!(read(0, &["a"]).unwrap_err().contains("`functions.allow_networks` cannot be `a`"));
    }
}
