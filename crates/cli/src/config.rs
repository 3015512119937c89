//! Configuration in two steps: [`Written`] is what files, environment and flags say; [`Config`] is what it means,
//! checked whole. Only this file and its caller read the environment.

mod bounds;
mod cache;
mod cors;
mod dns;
mod edge;
mod error;
mod functions;
mod idempotency;
mod json;
mod keys;
mod limits;
mod mutual;
mod names;
mod peers;
mod registration;
mod review;
mod tls;
mod webhooks;
mod witnesses;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use casemate_control::{IdempotencyRules, Registration};
use casemate_identity::SecondFactor;
use casemate_ledger::WitnessPublicKey;
use casemate_limits::JsonBudget;
use casemate_model::{Networks, RunLimits};
use casemate_names::Commitments;
use casemate_objects::{MasterKeys, ProjectQuota};
use casemate_server::{Origin, S3Domain, TlsFiles, TrustedProxies};
use casemate_tasks::AuditPolicy;
use casemate_throttle::Settings as LimitSettings;
use casemate_witness::WitnessAddress;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use cache::cache_section;
pub(crate) use dns::{DnsConfig, WrittenDns};
pub(crate) use error::ConfigError;
pub(crate) use functions::{FunctionSettings, WrittenFunctions};
use keys::master_key;
pub(crate) use limits::{RedisServer, WrittenLimits};
pub(crate) use mutual::Mutual;
pub(crate) use peers::{PeersConfig, WrittenPeers};
pub(crate) use review::{Severity, review};
pub(crate) use webhooks::WrittenWebhooks;

/// Most bytes of a configuration file, and of a secret's file.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Variables with the prefix that are about the client, not the node.
const CLIENT_VARIABLES: [&str; 9] =
    ["url", "api_key", "api_key_file", "ca_file", "socket", "project", "config", "log", "bin"];

/// What was written, before it is checked. Field names are the keys of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// `development`, `testnet` or `mainnet`: how strictly `casemate config check` judges.
    pub(crate) environment: String,
    /// Where everything is kept; empty for the user's default place.
    pub(crate) data_dir: String,
    /// The public address.
    pub(crate) listen: String,
    /// Networks of the proxies that are believed when they say for whom they ask.
    pub(crate) trusted_proxies: Vec<String>,
    /// The address of S3; `auto` for the port after that of `listen`, `off` to serve none.
    pub(crate) s3_listen: String,
    /// A domain before which hosts may name a bucket, as in `builds.s3.example.org`; empty for none.
    pub(crate) s3_domain: String,
    /// Origins whose pages may use the API with a key, such as `https://app.example.org`.
    pub(crate) cors_origins: Vec<String>,
    /// A file with the certificate of both addresses and those up to its authority, in PEM; empty for plain HTTP.
    pub(crate) tls_certificate_file: String,
    /// A file with the certificate's private key, in PEM.
    pub(crate) tls_key_file: String,
    /// `sqlite`, or `postgres` with `database_url_file`.
    pub(crate) database: String,
    /// A file that holds the PostgreSQL URL, which is a secret.
    pub(crate) database_url_file: String,
    /// The version of the pepper that new hashes are made with; 0 for the newest in `secrets/`.
    pub(crate) pepper_version: u32,
    /// A file that holds the key under which content is encrypted, 64 hexadecimal digits; empty to store it as it comes.
    pub(crate) encryption_key_file: String,
    /// The file of the key that it replaces, for the start at which they are exchanged.
    pub(crate) former_encryption_key_file: String,
    /// Most bytes of one object, such as `5GiB`.
    pub(crate) object_bytes_max: String,
    /// What objects leave free on their disk, for the database and the log, such as `64MiB`.
    pub(crate) free_bytes_min: String,
    /// Most bytes that the buckets of one project may hold, such as `100GiB`; empty for any number.
    pub(crate) project_bytes_max: String,
    /// Most objects and versions that they may hold; 0 for any number.
    pub(crate) project_objects_max: u64,
    /// Who may become a user: `off`, `invited`, or `open` to all with the role `registration_role`.
    pub(crate) registration: String,
    /// The role in the project `default` of who registers at an open node.
    pub(crate) registration_role: String,
    /// Who must sign in with two factors: `optional`, `admins` or `all`.
    pub(crate) second_factor: String,
    /// Whether names are committed to before they are claimed: `optional` or `required`.
    pub(crate) name_commitments: String,
    /// The address at which browsers reach the console; empty for what follows from `listen`.
    pub(crate) console_url: String,
    /// How long content stays after nothing refers to it, in seconds.
    pub(crate) collect_grace_seconds: u64,
    /// Guests that run at once; 0 for one per core.
    pub(crate) workers: usize,
    /// Of a hundred results of a node that has often been confirmed, how many are run again; 0 for none of any node.
    pub(crate) audit_percent: u64,
    /// Days for which tasks are kept after their end, with their receipts; 0 for ever.
    pub(crate) task_keep_days: u64,
    /// Whether the server runs tasks itself; else it leaves them to nodes that have joined.
    pub(crate) run_tasks: bool,
    /// Runs guests although a required wall is missing on this machine. The waiver is audited.
    pub(crate) waive_walls: bool,
    /// Most bytes of a JSON body, such as `256KiB`.
    pub(crate) json_bytes_max: String,
    /// Most levels of nesting in one.
    pub(crate) json_depth_max: u64,
    /// Most values in one.
    pub(crate) json_values_max: u64,
    /// Most members of one object in it.
    pub(crate) json_members_max: u64,
    /// Most bytes of one string in it, such as `64KiB`.
    pub(crate) json_string_bytes_max: String,
    /// Hours for which answers to requests with an idempotency key are kept.
    pub(crate) idempotency_hours: u64,
    /// Most of them of one caller.
    pub(crate) idempotency_keys_max: u64,
    /// Most bytes of them of one caller, such as `64MiB`.
    pub(crate) idempotency_bytes_max: String,
    /// The address of the API for clients with a certificate of the node's own authority; empty for none.
    pub(crate) mutual_listen: String,
    /// DNS names and IP addresses by which they reach it, beside localhost.
    pub(crate) mutual_names: Vec<String>,
    /// An address where metrics are read without a key; empty for none.
    pub(crate) metrics_listen: String,
    /// Whether that may be an address that others reach.
    pub(crate) metrics_listen_public: bool,
    /// How many requests each caller may send.
    pub(crate) limits: WrittenLimits,
    /// How functions run, and whom they may ask.
    pub(crate) functions: WrittenFunctions,
    /// Witnesses that cosign the log: where each is, and its key.
    pub(crate) witnesses: Vec<String>,
    /// Names over DNS.
    pub(crate) dns: WrittenDns,
    /// Other nodes that know names.
    pub(crate) peers: WrittenPeers,
    /// Where webhooks may be sent to.
    pub(crate) webhooks: WrittenWebhooks,
    /// Longest wall-clock time that a task may ask for, in seconds.
    pub(crate) task_seconds_max: u64,
    /// Most memory that a task may ask for, such as `2GiB`.
    pub(crate) task_memory_max: String,
    /// `text` or `json`.
    pub(crate) log_format: String,
    /// The section for the commands that use buckets elsewhere. Never shown: it may hold a key.
    #[serde(default, skip_serializing)]
    pub(crate) cache: BTreeMap<String, figment::value::Value>,
}

/// How strictly a configuration is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    /// A developer's machine.
    Development,
    /// A rehearsal of the real thing.
    Testnet,
    /// The real thing: the node refuses to start on a critical finding.
    Mainnet,
}

/// What a configuration means.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) environment: Environment,
    pub(crate) data_directory: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) s3_listen: Option<SocketAddr>,
    pub(crate) s3_domain: Option<S3Domain>,
    pub(crate) cors_origins: Vec<Origin>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) mutual: Option<Mutual>,
    pub(crate) database: Database,
    /// Where its URL was read from.
    pub(crate) database_url_file: Option<PathBuf>,
    /// The version of the pepper that new hashes are made with; the newest if it is not said.
    pub(crate) pepper_version: Option<u32>,
    pub(crate) master_keys: MasterKeys,
    pub(crate) object_bytes_max: u64,
    pub(crate) free_bytes_min: u64,
    pub(crate) project_quota: ProjectQuota,
    pub(crate) registration: Registration,
    pub(crate) second_factor: SecondFactor,
    pub(crate) name_commitments: Commitments,
    pub(crate) console_url: Option<String>,
    pub(crate) collect_grace: Duration,
    pub(crate) workers: usize,
    pub(crate) run_tasks: bool,
    pub(crate) task_retention: Option<Duration>,
    pub(crate) audits: AuditPolicy,
    pub(crate) waive_walls: bool,
    pub(crate) json_budget: JsonBudget,
    pub(crate) idempotency: IdempotencyRules,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) limits: LimitSettings,
    pub(crate) redis: Option<RedisServer>,
    pub(crate) functions: FunctionSettings,
    pub(crate) dns: Option<DnsConfig>,
    pub(crate) peers: Option<PeersConfig>,
    pub(crate) witnesses: Vec<(WitnessAddress, WitnessPublicKey)>,
    pub(crate) webhook_networks: Networks,
    pub(crate) limits_ceiling: RunLimits,
    pub(crate) log_json: bool,
}

/// Where state is kept.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// In the data directory.
    Sqlite,
    /// On a server.
    Postgres(SecretString),
}

impl Default for Written {
    fn default() -> Self {
        Self {
            environment: "development".to_owned(),
            data_dir: String::new(),
            listen: "127.0.0.1:7070".to_owned(),
            trusted_proxies: Vec::new(),
            s3_listen: "auto".to_owned(),
            s3_domain: String::new(),
            cors_origins: Vec::new(),
            tls_certificate_file: String::new(),
            tls_key_file: String::new(),
            database: "sqlite".to_owned(),
            database_url_file: String::new(),
            pepper_version: 0,
            encryption_key_file: String::new(),
            former_encryption_key_file: String::new(),
            object_bytes_max: "5GiB".to_owned(),
            free_bytes_min: "64MiB".to_owned(),
            project_bytes_max: String::new(),
            project_objects_max: 0,
            registration: "invited".to_owned(),
            registration_role: "viewer".to_owned(),
            second_factor: "optional".to_owned(),
            name_commitments: "optional".to_owned(),
            console_url: String::new(),
            collect_grace_seconds: 600,
            workers: 0,
            audit_percent: 5,
            task_keep_days: 0,
            run_tasks: true,
            waive_walls: false,
            json_bytes_max: "256KiB".to_owned(),
            json_depth_max: 16,
            json_values_max: 20_000,
            json_members_max: 1_000,
            json_string_bytes_max: "64KiB".to_owned(),
            idempotency_hours: 24,
            idempotency_keys_max: 10_000,
            idempotency_bytes_max: "64MiB".to_owned(),
            mutual_listen: String::new(),
            mutual_names: Vec::new(),
            metrics_listen: String::new(),
            metrics_listen_public: false,
            limits: WrittenLimits::default(),
            functions: WrittenFunctions::default(),
            witnesses: Vec::new(),
            dns: WrittenDns::default(),
            peers: WrittenPeers::default(),
            webhooks: WrittenWebhooks::default(),
            task_seconds_max: 3_600,
            task_memory_max: "2GiB".to_owned(),
            log_format: "text".to_owned(),
            cache: BTreeMap::new(),
        }
    }
}

/// Reads defaults, then the file, then `CASEMATE_*` variables, then what flags gave; later ones win.
pub(crate) fn read(file: Option<&std::path::Path>, flags: Figment) -> Result<Written, ConfigError> {
    let mut figment = Figment::from(Serialized::defaults(Written::default()));
    if let Some(path) = file {
        figment = figment.merge(Toml::string(&text_of(path)?));
    }
    let variables = Env::prefixed("CASEMATE_").ignore(&CLIENT_VARIABLES);
    let variables = variables.filter(|name| !name.as_str().to_ascii_lowercase().starts_with("cache_"));
    figment.merge(variables).merge(flags).extract().map_err(|error| ConfigError::Shape(Box::new(error)))
}

fn text_of(path: &std::path::Path) -> Result<String, ConfigError> {
    let bytes = casemate_fs::read_config_file(path, FILE_BYTES_MAX).map_err(ConfigError::File)?;
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.to_owned() })
}

/// Works out what `written` means. Secrets are read from the files that it names.
pub(crate) fn resolve(written: &Written, default_data_directory: PathBuf) -> Result<Config, ConfigError> {
    let data_directory =
        if written.data_dir.is_empty() { default_data_directory } else { PathBuf::from(&written.data_dir) };
    cache::check(&written.cache)?;
    let task_wall_ms = written.task_seconds_max.saturating_mul(1_000);
    let limits_ceiling = RunLimits {
        wall_ms: task_wall_ms,
        memory_bytes: bounds::memory_bytes("task_memory_max", &written.task_memory_max)?,
        ..RunLimits::CEILING
    };
    bounds::check(written)?;
    let listen: SocketAddr = written
        .listen
        .parse()
        .map_err(|_| bad("listen", &written.listen, "an IP address and port, such as 127.0.0.1:7070"))?;
    Ok(Config {
        environment: environment(&written.environment)?,
        data_directory,
        listen,
        trusted_proxies: edge::trusted_proxies(&written.trusted_proxies)?,
        s3_listen: s3_listen(&written.s3_listen, listen)?,
        s3_domain: s3_domain(&written.s3_domain)?,
        cors_origins: cors::origins(&written.cors_origins)?,
        tls: tls::files(written)?,
        database: database(written)?,
        database_url_file: (written.database == "postgres")
            .then(|| PathBuf::from(&written.database_url_file)),
        pepper_version: (written.pepper_version > 0).then_some(written.pepper_version),
        master_keys: MasterKeys {
            current: master_key("encryption_key_file", &written.encryption_key_file)?,
            former: master_key("former_encryption_key_file", &written.former_encryption_key_file)?,
        },
        object_bytes_max: bounds::object_bytes("object_bytes_max", &written.object_bytes_max)?,
        free_bytes_min: bounds::disk_bytes("free_bytes_min", &written.free_bytes_min)?,
        project_quota: ProjectQuota {
            objects_max: (written.project_objects_max > 0).then_some(written.project_objects_max),
            bytes_max: match written.project_bytes_max.as_str() {
                "" => None,
                text => Some(bounds::disk_bytes("project_bytes_max", text)?),
            },
        },
        registration: registration::of(written)?,
        second_factor: registration::second_factor(written)?,
        name_commitments: names::commitments(written)?,
        console_url: registration::console_url(written)?,
        collect_grace: Duration::from_secs(written.collect_grace_seconds),
        workers: if written.workers == 0 { cores() } else { written.workers },
        run_tasks: written.run_tasks,
        task_retention: (written.task_keep_days > 0)
            .then(|| Duration::from_secs(written.task_keep_days * 24 * 60 * 60)),
        audits: AuditPolicy { percent: u8::try_from(written.audit_percent).unwrap_or(100) },
        waive_walls: written.waive_walls,
        json_budget: json::budget(written)?,
        idempotency: idempotency::rules(written)?,
        mutual: mutual::mutual(&written.mutual_listen, &written.mutual_names)?,
        metrics_listen: edge::metrics_listen(&written.metrics_listen, written.metrics_listen_public)?,
        limits: limits::settings(&written.limits)?,
        redis: limits::redis(&written.limits)?,
        functions: functions::settings(&written.functions, cores())?,
        dns: dns::settings(&written.dns, !written.tls_certificate_file.is_empty())?,
        peers: peers::settings(&written.peers)?,
        witnesses: witnesses::settings(&written.witnesses)?,
        webhook_networks: webhooks::allowed(&written.webhooks)?,
        limits_ceiling,
        log_json: match written.log_format.as_str() {
            "text" => false,
            "json" => true,
            other => return Err(bad("log_format", other, "text or json")),
        },
    })
}

fn s3_listen(text: &str, listen: SocketAddr) -> Result<Option<SocketAddr>, ConfigError> {
    let expected = "auto, off, or an IP address and port, such as 127.0.0.1:7071";
    match text {
        "off" => Ok(None),
        // A free port has no next one that is known before.
        "auto" if listen.port() == 0 => Ok(Some(listen)),
        "auto" => {
            let port = listen.port().checked_add(1).ok_or_else(|| bad("s3_listen", text, expected))?;
            Ok(Some(SocketAddr::new(listen.ip(), port)))
        }
        text => text.parse().map(Some).map_err(|_| bad("s3_listen", text, expected)),
    }
}

fn s3_domain(text: &str) -> Result<Option<S3Domain>, ConfigError> {
    let expected = "a domain, such as s3.example.org, or nothing";
    if text.is_empty() {
        Ok(None)
    } else {
        text.parse().map(Some).map_err(|_| bad("s3_domain", text, expected))
    }
}

fn environment(text: &str) -> Result<Environment, ConfigError> {
    match text {
        "development" => Ok(Environment::Development),
        "testnet" => Ok(Environment::Testnet),
        "mainnet" => Ok(Environment::Mainnet),
        other => Err(bad("environment", other, "development, testnet or mainnet")),
    }
}

fn database(written: &Written) -> Result<Database, ConfigError> {
    match written.database.as_str() {
        "sqlite" => Ok(Database::Sqlite),
        "postgres" if written.database_url_file.is_empty() => {
            Err(bad("database_url_file", "", "the path of a file with the PostgreSQL URL"))
        }
        "postgres" => {
            let path = PathBuf::from(&written.database_url_file);
            let bytes = casemate_fs::read_config_file(&path, FILE_BYTES_MAX).map_err(ConfigError::File)?;
            let url = String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path })?;
            Ok(Database::Postgres(SecretString::from(url.trim().to_owned())))
        }
        other => Err(bad("database", other, "sqlite or postgres")),
    }
}

fn bad(key: &'static str, value: &str, expected: &str) -> ConfigError {
    ConfigError::Value { key, value: value.chars().take(80).collect(), expected: expected.to_owned() }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// How long a request may wait for its task to end.
pub(crate) const TASK_WAIT_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(change: impl FnOnce(&mut Written)) -> Result<Config, ConfigError> {
        let mut written = Written::default();
        change(&mut written);
        resolve(&written, PathBuf::from("/home/a/casemate"))
    }

    #[test]
    fn defaults_make_a_local_node() {
        let config = resolved(|_| {}).expect("defaults are good");
        assert_eq!(config.data_directory, PathBuf::from("/home/a/casemate"));
        assert!(config.listen.ip().is_loopback() && matches!(config.database, Database::Sqlite));
        assert_eq!(config.object_bytes_max, 5 << 30);
    }

    #[test]
    fn each_bad_value_names_its_key_and_what_would_do() {
        let refused = |change: fn(&mut Written)| resolved(change).expect_err("a bad value").to_string();
        assert_eq!(
            refused(|written| written.listen = "7070".to_owned()),
            "the configuration key `listen` cannot be `7070`: use an IP address and port, such as 127.0.0.1:7070"
        );
        assert_eq!(
            refused(|written| written.task_memory_max = "lots".to_owned()),
            "the configuration key `task_memory_max` cannot be `lots`: use a size, such as 64MiB"
        );
        assert_eq!(
            refused(|written| written.environment = "prod".to_owned()),
            "the configuration key `environment` cannot be `prod`: use development, testnet or mainnet"
        );
        assert_eq!(
            refused(|written| written.s3_domain = "a.b:99".to_owned()),
            "the configuration key `s3_domain` cannot be `a.b:99`: use a domain, such as s3.example.org, or nothing"
        );
        assert_eq!(
            refused(|written| written.task_seconds_max = 0),
            "the configuration key `task_seconds_max` cannot be `0`: use a number from 1 to 2592000"
        );
    }

    #[test]
    fn every_key_is_documented_with_its_default() {
        let document = include_str!("../../../docs/reference/config.md");
        let defaults = serde_json::to_value(Written::default()).expect("plain values");
        for (key, default) in flat("", &defaults) {
            let default = default.as_str().map_or_else(|| default.to_string(), ToOwned::to_owned);
            let row = format!("| `{key}` | `{default}` |");
            let row = if default.is_empty() { format!("| `{key}` | |") } else { row };
            assert!(document.contains(&row), "docs/reference/config.md lacks: {row}");
        }
    }

    /// Every key with its value, those of sections with the section's name before them.
    fn flat(section: &str, table: &serde_json::Value) -> Vec<(String, serde_json::Value)> {
        let of_key = |(key, value): (&String, &serde_json::Value)| match value {
            serde_json::Value::Object(_) => flat(&format!("{section}{key}."), value),
            value => vec![(format!("{section}{key}"), value.clone())],
        };
        table.as_object().expect("a table").iter().flat_map(of_key).collect()
    }

    #[test]
    fn a_mistake_in_the_file_is_told_in_one_line() {
        let file = Figment::from(Toml::string("workers = 2\nlisten = \"127.0.0.1:1\n"));
        let error = file.extract::<Written>().expect_err("no TOML");
        let told = ConfigError::Shape(Box::new(error)).to_string();
        assert!(told.starts_with("the configuration file: TOML parse error at line 2, column "), "{told}");
        assert!(!told.contains('\n') && told.contains("string"), "{told}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        let flags = Figment::from(Serialized::default("lisen", "127.0.0.1:1"));
        assert!(matches!(read(None, flags), Err(ConfigError::Shape(_))));
    }
}
