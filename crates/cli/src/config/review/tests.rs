use std::path::PathBuf;
use std::time::Duration;

use casemate_control::Registration;
use casemate_encryption::MasterKey;
use casemate_model::Timestamp;
use casemate_objects::MasterKeys;
use casemate_server::TlsFiles;
use casemate_state::Transport;
use casemate_tasks::AuditPolicy;
use secrecy::SecretString;

use super::facts::{Data, Machine};
use super::*;
use crate::config::{Database, RedisServer, Written, resolve};

fn master_key() -> Option<MasterKey> {
    MasterKey::parse(&"0".repeat(64)).ok()
}

/// A configuration that no rule has anything against, in any environment.
fn good(environment: Environment) -> Config {
    let config = resolve(&Written::default(), PathBuf::from("/srv/casemate")).unwrap();
    Config {
        environment,
        database: Database::Postgres(SecretString::from("postgres://localhost/casemate")),
        master_keys: MasterKeys { current: master_key(), former: None },
        log_json: true,
        workers: 4,
        run_tasks: true,
        audits: AuditPolicy { percent: 5 },
        ..config
    }
}

fn facts(config: &Config) -> Facts<'_> {
    Facts {
        config,
        data: Data { free_bytes: Some(1 << 40), ..Data::default() },
        tls_error: None,
        tls_not_after: Some(at(100)),
        now: at(0),
        database_transport: Some(Transport::Verified),
        database_url_open: None,
        machine: Machine { cores: 4, memory_bytes: 8 << 30 },
    }
}

fn redis(transport: Transport) -> Option<RedisServer> {
    Some(RedisServer { url: SecretString::from("redis://cache.example"), transport, authorities: None })
}

/// So many days after some time.
fn at(days: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + days * 24 * 3_600_000).unwrap()
}

/// What makes a rule fire: a change of what was written, and one of what was found.
type Change = (&'static str, fn(&mut Config), fn(&mut Facts<'_>));

const NOTHING: fn(&mut Facts<'_>) = |_| {};
const AS_IT_IS: fn(&mut Config) = |_| {};

const CHANGES: [Change; 28] = [
    ("CFG-001", |config| config.waive_walls = true, NOTHING),
    ("CFG-002", |config| config.listen = "0.0.0.0:7070".parse().unwrap(), NOTHING),
    ("CFG-003", |config| config.s3_listen = Some("[::]:7071".parse().unwrap()), NOTHING),
    ("CFG-004", AS_IT_IS, |facts| facts.tls_error = Some("no key".to_owned())),
    ("CFG-005", |config| config.cors_origins = vec!["http://app.example".parse().unwrap()], NOTHING),
    ("CFG-006", AS_IT_IS, |facts| facts.tls_not_after = Some(facts.now)),
    ("CFG-007", AS_IT_IS, |facts| facts.tls_not_after = Some(at(13))),
    ("CFG-008", |config| config.registration = Registration::Open("viewer".parse().unwrap()), NOTHING),
    ("CFG-010", AS_IT_IS, |facts| facts.data.unusable = Some("cannot open".to_owned())),
    ("CFG-011", AS_IT_IS, |facts| facts.data.not_synced = Some("cannot sync".to_owned())),
    ("CFG-012", AS_IT_IS, |facts| facts.data.volatile = Some("/dev/shm".to_owned())),
    ("CFG-013", AS_IT_IS, |facts| facts.data.apart = Some("two disks".to_owned())),
    ("CFG-014", AS_IT_IS, |facts| facts.data.free_bytes = Some((64 << 20) - 1)),
    ("CFG-015", AS_IT_IS, |facts| facts.data.free_bytes = Some(64 << 20)),
    ("CFG-016", AS_IT_IS, |facts| facts.data.locked_by = Some("process 1".to_owned())),
    ("CFG-020", |config| config.database = Database::Sqlite, NOTHING),
    ("CFG-021", AS_IT_IS, |facts| facts.database_url_open = Some("0644".to_owned())),
    ("CFG-022", AS_IT_IS, |facts| facts.database_transport = Some(Transport::Plain)),
    ("CFG-023", AS_IT_IS, |facts| facts.database_transport = Some(Transport::Unverified)),
    ("CFG-030", |config| config.master_keys.former = master_key(), NOTHING),
    ("CFG-031", |config| config.master_keys.current = None, NOTHING),
    ("CFG-040", |config| config.log_json = false, NOTHING),
    ("CFG-041", |config| config.limits.dry_run = true, NOTHING),
    ("CFG-042", |config| config.metrics_listen = Some("0.0.0.0:7072".parse().unwrap()), NOTHING),
    ("CFG-043", |config| config.redis = redis(Transport::Plain), NOTHING),
    ("CFG-050", |config| config.workers = 17, NOTHING),
    ("CFG-051", |config| config.limits_ceiling.memory_bytes = (8 << 30) + 1, NOTHING),
    ("CFG-052", |config| config.collect_grace = Duration::from_secs(59), NOTHING),
];

const ENVIRONMENTS: [Environment; 3] = [Environment::Development, Environment::Testnet, Environment::Mainnet];

#[test]
fn each_rule_fires_when_it_should_and_only_then() {
    assert!(
        RULES.iter().map(|rule| rule.id).eq(CHANGES.iter().map(|change| change.0)),
        "one change for each rule"
    );
    for environment in ENVIRONMENTS {
        assert_eq!(judge(&facts(&good(environment))), []);
        for (rule, (id, change, find)) in RULES.iter().zip(CHANGES) {
            let mut config = good(environment);
            change(&mut config);
            let mut facts = facts(&config);
            find(&mut facts);
            let found: Vec<_> = judge(&facts).iter().map(|finding| (finding.id, finding.severity)).collect();
            let wanted: Vec<_> =
                rule.severity(environment).map(|severity| (id, severity)).into_iter().collect();
            assert_eq!(found, wanted, "{id} in {environment:?}");
        }
    }
}

#[test]
fn the_edges_of_rules_with_numbers() {
    let silent = |change: fn(&mut Config), find: fn(&mut Facts<'_>)| {
        let mut config = good(Environment::Mainnet);
        change(&mut config);
        let mut facts = facts(&config);
        find(&mut facts);
        assert_eq!(judge(&facts), []);
    };
    silent(AS_IT_IS, |facts| facts.data.free_bytes = Some(1 << 30));
    silent(AS_IT_IS, |facts| facts.data.free_bytes = None);
    silent(AS_IT_IS, |facts| facts.tls_not_after = Some(at(14)));
    silent(|config| config.workers = 16, NOTHING);
    silent(|config| config.limits_ceiling.memory_bytes = 8 << 30, NOTHING);
    silent(|config| config.collect_grace = Duration::from_secs(60), NOTHING);
    silent(|config| config.s3_listen = None, NOTHING);
    silent(|config| config.redis = redis(Transport::Verified), NOTHING);
    silent(|config| config.redis = redis(Transport::Local), NOTHING);
    silent(AS_IT_IS, |facts| facts.database_transport = Some(Transport::Local));
    // With TLS an address may be reached from outside, and pages of this machine need none.
    let outside = |config: &mut Config| {
        config.tls = Some(TlsFiles { certificate: PathBuf::from("c"), key: PathBuf::from("k") });
        config.listen = "0.0.0.0:7070".parse().unwrap();
        config.s3_listen = Some("0.0.0.0:7071".parse().unwrap());
        config.cors_origins =
            vec!["https://app.example".parse().unwrap(), "http://localhost:3000".parse().unwrap()];
    };
    silent(outside, NOTHING);
}

#[test]
fn the_worst_comes_first_and_says_what_and_how() {
    let mut config = good(Environment::Mainnet);
    config.log_json = false;
    config.listen = "192.0.2.1:7070".parse().unwrap();
    let said: Vec<_> = judge(&facts(&config)).iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "CFG-002: critical: listen: the address can be reached from outside, and everything travels unencrypted, \
             keys too (192.0.2.1:7070): set `tls_certificate_file` and `tls_key_file`, or listen on loopback behind a \
             proxy that speaks TLS",
            "CFG-040: recommendation: log_format: lines of the log cannot be searched by field: set it to json",
        ]
    );
}

#[test]
fn every_rule_is_documented() {
    let document = include_str!("../../../../../docs/reference/config.md");
    let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| CFG-")).collect();
    let wanted: Vec<_> = RULES
        .iter()
        .map(|rule| {
            let [development, testnet, mainnet] = rule
                .severity
                .map(|severity| severity.map_or_else(String::new, |severity| format!(" {severity}")));
            let Rule { id, key, text, fix, .. } = rule;
            format!("| {id} | `{key}` |{development} |{testnet} |{mainnet} | {text} | {fix} |")
        })
        .collect();
    assert_eq!(rows, wanted);
}
