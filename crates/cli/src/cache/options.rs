use std::collections::BTreeMap;

use casemate_cache::{CacheConfig, SettingSources, SettingsError};
use clap::Args;

use crate::report::CliError;
use crate::{config, location};

/// Which cache there is. `casemate cache show` says what all of this comes to.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of the cache (all of them: casemate cache show)")]
pub(crate) struct CacheOptions {
    /// Keep no references of buckets elsewhere beyond what this command holds in memory.
    #[arg(long)]
    no_cache: bool,
    /// The cache ends with the process, even if there is a key to keep it with.
    #[arg(long, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    ephemeral_cache: Option<String>,
    /// The directory that caches lie in.
    #[arg(long, hide = true, value_name = "DIR")]
    cache_dir: Option<String>,
    /// `filesystem` or `memory`.
    #[arg(long, hide = true, value_name = "BACKEND")]
    cache_backend: Option<String>,
    /// How much a cache in memory may hold.
    #[arg(long, hide = true, value_name = "MIB")]
    cache_memory_size_mb: Option<String>,
    /// How much a cache on the disk may hold.
    #[arg(long, hide = true, value_name = "MIB")]
    cache_disk_size_mb: Option<String>,
    /// Whether what is kept is encrypted.
    #[arg(long, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    cache_encryption: Option<String>,
    /// How long something kept may be used.
    #[arg(long, hide = true, value_name = "HOURS")]
    cache_lifetime_hours: Option<String>,
    /// Whether the cache's directories are watched.
    #[arg(long, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    cache_monitor: Option<String>,
}

impl CacheOptions {
    /// The cache that flags, environment, file and defaults come to, in this order.
    pub(crate) fn resolve(&self) -> Result<CacheConfig, CliError> {
        let mut sources = self.sources()?;
        match CacheConfig::resolve(&sources) {
            // Somebody without a home has no place for a cache, and has not asked for one either.
            Err(SettingsError::NoDirectory) => {
                sources.flags.insert("cache-backend".to_owned(), "memory".to_owned());
                Ok(CacheConfig::resolve(&sources)?)
            }
            resolved => Ok(resolved?),
        }
    }

    /// Everything that says how the cache is to be.
    pub(crate) fn sources(&self) -> Result<SettingSources, CliError> {
        let mut environment = BTreeMap::new();
        for beginning in ["CASEMATE_CACHE_", "DG_", "HOME", "XDG_CACHE_HOME"] {
            environment.extend(location::variables_beginning(beginning));
        }
        let file = config::cache_section(location::config_file().as_deref())?;
        Ok(SettingSources { flags: self.flags(), environment, file })
    }

    fn flags(&self) -> BTreeMap<String, String> {
        let no_cache = self.no_cache.then(|| "true".to_owned());
        let flags = [
            ("no-cache", &no_cache),
            ("ephemeral-cache", &self.ephemeral_cache),
            ("cache-dir", &self.cache_dir),
            ("cache-backend", &self.cache_backend),
            ("cache-memory-size-mb", &self.cache_memory_size_mb),
            ("cache-disk-size-mb", &self.cache_disk_size_mb),
            ("cache-encryption", &self.cache_encryption),
            ("cache-lifetime-hours", &self.cache_lifetime_hours),
            ("cache-monitor", &self.cache_monitor),
        ];
        let given = flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        given.collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::commands::Command;

    /// What `SettingNames` promises and what clap takes are written twice.
    #[test]
    fn every_flag_of_the_cache_is_one_of_the_command_line() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(subcommand)]
            _command: Command,
        }
        let line = Line::command();
        let copy = line.find_subcommand("cp").unwrap();
        let flags: Vec<&str> = copy.get_arguments().filter_map(|flag| flag.get_long()).collect();
        for names in casemate_cache::setting_names() {
            assert!(names.flag.is_none_or(|flag| flags.contains(&flag)), "{names:?}");
        }
    }
}
