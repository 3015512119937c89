//! The section `cache` of the configuration file. It is the commands' that use buckets elsewhere, not the node's, so
//! that it is only checked where a node reads the file.

use std::collections::BTreeMap;
use std::path::Path;

use casemate_cache::{CacheConfig, SettingSources};
use figment::Figment;
use figment::providers::{Format, Toml};
use figment::value::{Num, Value};

use super::{ConfigError, text_of};

/// What the file says of the cache, as it is written there; nothing without a file or section.
pub(crate) fn cache_section(file: Option<&Path>) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(path) = file else { return Ok(BTreeMap::new()) };
    let figment = Figment::from(Toml::string(&text_of(path)?));
    let section: Option<BTreeMap<String, Value>> = match figment.find_value("cache") {
        Ok(value) => Some(value.deserialize().map_err(|error| ConfigError::Shape(Box::new(error)))?),
        Err(error) if error.missing() => None,
        Err(error) => return Err(ConfigError::Shape(Box::new(error))),
    };
    section.unwrap_or_default().iter().map(|(name, value)| Ok((name.clone(), scalar(name, value)?))).collect()
}

/// Refuses a section that no command could use.
pub(super) fn check(section: &BTreeMap<String, Value>) -> Result<(), ConfigError> {
    let written: Result<_, ConfigError> =
        section.iter().map(|(name, value)| Ok((name.clone(), scalar(name, value)?))).collect();
    // Where users have their caches is not the question here.
    let environment = BTreeMap::from([("HOME".to_owned(), "/".to_owned())]);
    let sources = SettingSources { file: written?, environment, ..SettingSources::default() };
    CacheConfig::resolve(&sources).map_err(ConfigError::Cache)?;
    Ok(())
}

fn scalar(name: &str, value: &Value) -> Result<String, ConfigError> {
    let bad = || ConfigError::Value {
        key: "cache",
        value: name.chars().take(80).collect(),
        expected: "texts, numbers, true and false".to_owned(),
    };
    match value {
        Value::String(_, text) => Ok(text.clone()),
        Value::Bool(_, truth) => Ok(truth.to_string()),
        Value::Num(_, number) => {
            let whole = number.to_u128().map(|number| number.to_string());
            whole.or_else(|| number_text(*number)).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

/// Other numbers as they are, for the message of the setting that they do not suit.
fn number_text(number: Num) -> Option<String> {
    number
        .to_i128()
        .map(|number| number.to_string())
        .or_else(|| number.to_f64().map(|number| number.to_string()))
}
