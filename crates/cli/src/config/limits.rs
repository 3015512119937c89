//! The section `limits`: how many requests each caller may send.

use std::path::PathBuf;

use casemate_limits::Quota;
use casemate_state::{Transport, redis_transport};
use casemate_throttle::{Settings, Tier};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{ConfigError, FILE_BYTES_MAX, bad};

/// Most bytes of a file of authorities.
const CA_BYTES_MAX: u64 = 4 << 20;

/// Most nodes that count together.
const REPLICAS_MAX: u32 = 1_000;

/// The server in which nodes count together.
#[derive(Clone, Debug)]
pub(crate) struct RedisServer {
    /// Where it is, and perhaps with which password.
    pub(crate) url: SecretString,
    /// How what is sent there is protected.
    pub(crate) transport: Transport,
    /// Authorities that its certificate may be of, in PEM.
    pub(crate) authorities: Option<Vec<u8>>,
}

/// What was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenLimits {
    /// Counts what would be refused, and refuses nothing.
    pub(crate) dry_run: bool,
    /// A file that holds the address of the Redis server in which nodes count together; empty to count alone.
    pub(crate) redis_url_file: String,
    /// A file with the authorities that its certificate may be of, in PEM; empty for those that the machine trusts.
    pub(crate) redis_ca_file: String,
    /// Whether a Redis server on another machine may be used without TLS.
    pub(crate) redis_plain: bool,
    /// How many nodes count together. Each allows its part while Redis does not answer.
    pub(crate) replicas: u32,
    pub(crate) auth: WrittenQuota,
    pub(crate) names: WrittenQuota,
    pub(crate) tasks: WrittenQuota,
    pub(crate) objects: WrittenQuota,
    pub(crate) work: WrittenQuota,
    pub(crate) functions: WrittenQuota,
    pub(crate) s3: WrittenQuota,
    pub(crate) general: WrittenQuota,
}

/// The quota of one tier.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenQuota {
    /// Tokens each second.
    pub(crate) per_second: u32,
    /// Most tokens at once.
    pub(crate) burst: u32,
}

impl Default for WrittenLimits {
    fn default() -> Self {
        let quota = |per_second, burst| WrittenQuota { per_second, burst };
        Self {
            dry_run: false,
            redis_url_file: String::new(),
            redis_ca_file: String::new(),
            redis_plain: false,
            replicas: 1,
            auth: quota(5, 50),
            names: quota(200, 400),
            tasks: quota(500, 1_000),
            objects: quota(400, 800),
            work: quota(5_000, 10_000),
            functions: quota(2_000, 4_000),
            s3: quota(2_000, 4_000),
            general: quota(200, 400),
        }
    }
}

impl WrittenLimits {
    fn of(&self, tier: Tier) -> &WrittenQuota {
        match tier {
            Tier::Auth => &self.auth,
            Tier::Names => &self.names,
            Tier::Tasks => &self.tasks,
            Tier::Objects => &self.objects,
            Tier::Work => &self.work,
            Tier::Functions => &self.functions,
            Tier::S3 => &self.s3,
            Tier::General => &self.general,
        }
    }
}

/// The keys of a tier, as messages name them.
fn keys(tier: Tier) -> (&'static str, &'static str) {
    match tier {
        Tier::Auth => ("limits.auth.per_second", "limits.auth.burst"),
        Tier::Names => ("limits.names.per_second", "limits.names.burst"),
        Tier::Tasks => ("limits.tasks.per_second", "limits.tasks.burst"),
        Tier::Objects => ("limits.objects.per_second", "limits.objects.burst"),
        Tier::Work => ("limits.work.per_second", "limits.work.burst"),
        Tier::Functions => ("limits.functions.per_second", "limits.functions.burst"),
        Tier::S3 => ("limits.s3.per_second", "limits.s3.burst"),
        Tier::General => ("limits.general.per_second", "limits.general.burst"),
    }
}

/// Works out what the section means.
pub(super) fn settings(written: &WrittenLimits) -> Result<Settings, ConfigError> {
    let quotas = Tier::EVERY.map(|tier| {
        let WrittenQuota { per_second, burst } = *written.of(tier);
        Quota { per_second, burst }
    });
    let most = Quota::MAX;
    for (tier, quota) in Tier::EVERY.into_iter().zip(quotas) {
        if !(1..=most).contains(&quota.per_second) {
            return Err(bad(
                keys(tier).0,
                &quota.per_second.to_string(),
                &format!("a number from 1 to {most}"),
            ));
        }
        let least = tier.burst_min();
        if !(least..=most).contains(&quota.burst) {
            let expected = format!("a number from {least}, which its costliest request costs, to {most}");
            return Err(bad(keys(tier).1, &quota.burst.to_string(), &expected));
        }
    }
    if !(1..=REPLICAS_MAX).contains(&written.replicas) {
        let expected = format!("how many nodes count together, from 1 to {REPLICAS_MAX}");
        return Err(bad("limits.replicas", &written.replicas.to_string(), &expected));
    }
    let settings = Settings::new(quotas);
    let mut settings = settings.map_err(|error| bad("limits", &error.to_string(), "other numbers"))?;
    (settings.dry_run, settings.replicas) = (written.dry_run, written.replicas);
    Ok(settings)
}

/// Reads the address of Redis, which may hold a password, and what its certificate is checked by.
pub(super) fn redis(written: &WrittenLimits) -> Result<Option<RedisServer>, ConfigError> {
    if written.redis_url_file.is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(&written.redis_url_file);
    let bytes = casemate_fs::read_secret_file(&path, FILE_BYTES_MAX).map_err(ConfigError::File)?;
    let text = String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path })?;
    let url = SecretString::from(text.trim().to_owned());
    let refused = |expected: &str| bad("limits.redis_url_file", &written.redis_url_file, expected);
    let transport = redis_transport(&url).map_err(|error| refused(&error.to_string()))?;
    if transport == Transport::Plain && !written.redis_plain {
        return Err(refused(
            "a file with a rediss:// address, as that server is another machine, or set limits.redis_plain if the way there is safe",
        ));
    }
    let authorities = match written.redis_ca_file.as_str() {
        "" => None,
        path => Some(
            casemate_fs::read_config_file(&PathBuf::from(path), CA_BYTES_MAX).map_err(ConfigError::File)?,
        ),
    };
    Ok(Some(RedisServer { url, transport, authorities }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_that_nothing_gets_through_is_refused() {
        let refused = |change: fn(&mut WrittenLimits)| {
            let mut written = WrittenLimits::default();
            change(&mut written);
            settings(&written).expect_err("a bad value").to_string()
        };
        settings(&WrittenLimits::default()).expect("defaults are good");
        assert_eq!(
            refused(|written| written.s3.per_second = 0),
            "the configuration key `limits.s3.per_second` cannot be `0`: use a number from 1 to 1000000"
        );
        assert_eq!(
            refused(|written| written.replicas = 0),
            "the configuration key `limits.replicas` cannot be `0`: use how many nodes count together, from 1 to 1000"
        );
        assert_eq!(
            refused(|written| written.tasks.burst = 4),
            "the configuration key `limits.tasks.burst` cannot be `4`: use a number from 5, which its costliest request \
             costs, to 1000000"
        );
    }
}
