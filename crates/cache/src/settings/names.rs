//! What each setting is called where.

use super::SettingSources;
use crate::SettingsError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Off,
    Ephemeral,
    Dir,
    Backend,
    MemorySize,
    DiskSize,
    Encryption,
    EncryptionKey,
    LifetimeHours,
    Monitor,
}

/// The names of one setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingNames {
    /// On the command line, without dashes; none for secrets, as others can read command lines.
    pub flag: Option<&'static str>,
    /// In the environment.
    pub variable: &'static str,
    /// What DeltaGlider calls it in the environment, if it has it.
    pub alias: Option<&'static str>,
    /// In the section `cache` of the configuration file.
    pub file: &'static str,
}

impl Setting {
    pub(super) const ALL: [Self; 10] = [
        Self::Off,
        Self::Ephemeral,
        Self::Dir,
        Self::Backend,
        Self::MemorySize,
        Self::DiskSize,
        Self::Encryption,
        Self::EncryptionKey,
        Self::LifetimeHours,
        Self::Monitor,
    ];

    pub(super) fn names(self) -> SettingNames {
        let (flag, variable, alias, file) = match self {
            Self::Off => ("no-cache", "CASEMATE_CACHE_OFF", "DG_NO_CACHE", "off"),
            Self::Ephemeral => {
                ("ephemeral-cache", "CASEMATE_CACHE_EPHEMERAL", "DG_EPHEMERAL_CACHE", "ephemeral")
            }
            Self::Dir => ("cache-dir", "CASEMATE_CACHE_DIR", "DG_CACHE_DIR", "dir"),
            Self::Backend => ("cache-backend", "CASEMATE_CACHE_BACKEND", "DG_CACHE_BACKEND", "backend"),
            Self::MemorySize => (
                "cache-memory-size-mb",
                "CASEMATE_CACHE_MEMORY_SIZE_MB",
                "DG_CACHE_MEMORY_SIZE_MB",
                "memory_size_mb",
            ),
            Self::DiskSize => ("cache-disk-size-mb", "CASEMATE_CACHE_DISK_SIZE_MB", "", "disk_size_mb"),
            Self::Encryption => {
                ("cache-encryption", "CASEMATE_CACHE_ENCRYPTION", "DG_CACHE_ENCRYPTION", "encryption")
            }
            Self::EncryptionKey => {
                ("", "CASEMATE_CACHE_ENCRYPTION_KEY", "DG_CACHE_ENCRYPTION_KEY", "encryption_key")
            }
            Self::LifetimeHours => {
                ("cache-lifetime-hours", "CASEMATE_CACHE_LIFETIME_HOURS", "", "lifetime_hours")
            }
            Self::Monitor => ("cache-monitor", "CASEMATE_CACHE_MONITOR", "", "monitor"),
        };
        let named = |name: &'static str| Some(name).filter(|name| !name.is_empty());
        SettingNames { flag: named(flag), variable, alias: named(alias), file }
    }
}

/// Refuses what is meant for the cache and is no setting of it, which would otherwise do nothing unseen.
pub(super) fn refuse_unknown(sources: &SettingSources) -> Result<(), SettingsError> {
    let names: Vec<SettingNames> = Setting::ALL.iter().map(|setting| setting.names()).collect();
    let known = |named: &dyn Fn(&SettingNames) -> bool| names.iter().any(named);
    for flag in sources.flags.keys() {
        if !known(&|names| names.flag == Some(flag)) {
            return Err(SettingsError::Unknown { name: format!("--{flag}") });
        }
    }
    for variable in sources.environment.keys().filter(|name| name.starts_with("CASEMATE_CACHE_")) {
        if !known(&|names| names.variable == variable) {
            return Err(SettingsError::Unknown { name: variable.clone() });
        }
    }
    for entry in sources.file.keys() {
        if !known(&|names| names.file == entry) {
            return Err(SettingsError::Unknown { name: format!("cache.{entry}") });
        }
    }
    Ok(())
}
