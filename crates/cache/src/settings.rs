//! From what somebody wrote to what it means: flag before environment before file before default.

mod key_text;
mod names;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{CacheConfig, Place};
use crate::{CacheSecret, SettingsError};

use names::Setting;
pub use names::SettingNames;

/// Everything that may say how the cache is to be, as it was written. Nothing else is looked at.
#[derive(Clone, Debug, Default)]
pub struct SettingSources {
    /// Flags of the command line without their dashes. A flag without a value says `true`.
    pub flags: BTreeMap<String, String>,
    /// The environment. Variables of other programs are ignored, an unknown `CASEMATE_CACHE_…` is not.
    pub environment: BTreeMap<String, String>,
    /// The section `cache` of the configuration file.
    pub file: BTreeMap<String, String>,
}

/// Every setting with its names, for help texts and documents.
pub fn setting_names() -> Vec<SettingNames> {
    Setting::ALL.iter().map(|setting| setting.names()).collect()
}

impl CacheConfig {
    /// Works out which cache is wanted. A pure function of what it is given.
    pub fn resolve(sources: &SettingSources) -> Result<Self, SettingsError> {
        names::refuse_unknown(sources)?;
        let encryption_key = sources.find(Setting::EncryptionKey).map(secret).transpose()?;
        let encrypted = sources.switch(Setting::Encryption)?.unwrap_or(true);
        let lifetime_hours = sources.number(Setting::LifetimeHours, LIFETIME_HOURS_MAX)?;
        let place = place(sources, encryption_key.is_some())?;
        Ok(Self {
            place,
            encrypted,
            secret: encryption_key,
            entry_lifetime: Duration::from_secs(3600 * lifetime_hours.unwrap_or(LIFETIME_HOURS)),
            monitored: sources.switch(Setting::Monitor)?.unwrap_or(true),
        })
    }
}

fn place(sources: &SettingSources, has_key: bool) -> Result<Place, SettingsError> {
    // All are read before any is used, so that a mistake shows even where it would not matter today.
    let off = sources.switch(Setting::Off)?.unwrap_or(false);
    let memory_mb = sources.number(Setting::MemorySize, SIZE_MB_MAX)?.unwrap_or(MEMORY_MB);
    let disk_mb = sources.number(Setting::DiskSize, SIZE_MB_MAX)?.unwrap_or(DISK_MB);
    let ephemeral = sources.switch(Setting::Ephemeral)?;
    let in_memory = in_memory(sources)?;
    if off {
        return Ok(Place::Nowhere);
    }
    if in_memory {
        return Ok(Place::Memory { bytes_max: memory_mb * MB });
    }
    let (base, bytes_max) = (base(sources)?, disk_mb * MB);
    // A key is supplied so that the next process can read what this one kept.
    match (ephemeral.unwrap_or(!has_key), has_key) {
        (true, _) => Ok(Place::Process { base, bytes_max }),
        (false, true) => Ok(Place::Kept { base, bytes_max }),
        (false, false) => Err(SettingsError::KeptWithoutKey),
    }
}

fn in_memory(sources: &SettingSources) -> Result<bool, SettingsError> {
    match sources.find(Setting::Backend) {
        None => Ok(false),
        Some(said) if said.value == "filesystem" => Ok(false),
        Some(said) if said.value == "memory" => Ok(true),
        Some(said) => Err(said.refuse("`filesystem` or `memory`")),
    }
}

fn base(sources: &SettingSources) -> Result<PathBuf, SettingsError> {
    if let Some(said) = sources.find(Setting::Dir) {
        let path = PathBuf::from(said.value);
        return if path.is_absolute() { Ok(path) } else { Err(said.refuse("an absolute path")) };
    }
    // The base directory specification says that a relative path in it is to be ignored.
    let absolute =
        |name: &str| sources.environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    user.map(|user| user.join("casemate")).ok_or(SettingsError::NoDirectory)
}

fn secret(said: Said<'_>) -> Result<CacheSecret, SettingsError> {
    key_text::decode(said.value).map_err(|reason| SettingsError::BadKey { name: said.name, reason })
}

/// Something that was set, and where.
struct Said<'a> {
    name: String,
    value: &'a str,
}

impl Said<'_> {
    fn refuse(&self, expected: &'static str) -> SettingsError {
        SettingsError::BadValue { name: self.name.clone(), value: self.value.to_owned(), expected }
    }
}

impl SettingSources {
    /// Who has the strongest word on a setting: the flag, variable or entry of the file; none if nobody has said it.
    pub fn said_by(&self, names: &SettingNames) -> Option<&'static str> {
        let says = |source: &BTreeMap<String, String>, name: &'static str| {
            source.get(name).is_some_and(|value| !value.trim().is_empty()).then_some(name)
        };
        names
            .flag
            .and_then(|flag| says(&self.flags, flag).map(|_| "its flag"))
            .or_else(|| says(&self.environment, names.variable))
            .or_else(|| names.alias.and_then(|alias| says(&self.environment, alias)))
            .or_else(|| says(&self.file, names.file).map(|_| "the file"))
    }

    /// The strongest word on a setting. Our own variable is stronger than its alias; an empty value is none.
    fn find(&self, setting: Setting) -> Option<Said<'_>> {
        let names = setting.names();
        let candidates = [
            names.flag.map(|name| (&self.flags, name, format!("--{name}"))),
            Some((&self.environment, names.variable, names.variable.to_owned())),
            names.alias.map(|name| (&self.environment, name, name.to_owned())),
            Some((&self.file, names.file, format!("cache.{}", names.file))),
        ];
        candidates.into_iter().flatten().find_map(|(source, name, shown)| {
            let value = source.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())?;
            Some(Said { name: shown, value })
        })
    }

    fn switch(&self, setting: Setting) -> Result<Option<bool>, SettingsError> {
        let Some(said) = self.find(setting) else { return Ok(None) };
        match said.value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(said.refuse("`true` or `false`")),
        }
    }

    fn number(&self, setting: Setting, max: u64) -> Result<Option<u64>, SettingsError> {
        let Some(said) = self.find(setting) else { return Ok(None) };
        match said.value.parse() {
            Ok(number) if (1..=max).contains(&number) => Ok(Some(number)),
            _ => Err(SettingsError::BadNumber { name: said.name, value: said.value.to_owned(), max }),
        }
    }
}

const MB: u64 = 1024 * 1024;
const MEMORY_MB: u64 = 100;
const DISK_MB: u64 = 2048;
/// A tebibyte.
const SIZE_MB_MAX: u64 = 1024 * 1024;
const LIFETIME_HOURS: u64 = 24;
/// A year.
const LIFETIME_HOURS_MAX: u64 = 24 * 365;

#[cfg(test)]
mod tests;
