use std::time::Duration;

use casemate_control::Registration;
use casemate_model::ByteSize;
use casemate_state::Transport;

use super::Severity::{Critical, Recommendation, Warning};
use super::facts::Machine;
use super::{Rule, Severity};
use crate::config::{Database, RedisServer};

/// Free space below which a node should not be started, beyond what objects leave free.
const FREE_BYTES_WANTED: u64 = 1 << 30;

/// How long before its end a certificate should have been renewed.
const RENEWAL: Duration = Duration::from_secs(14 * 24 * 3_600);

/// Guests for each core beyond which they only get in each other's way.
const WORKERS_PER_CORE_MAX: usize = 4;

/// Transfers that are under way should be over by then.
const COLLECT_GRACE_SECONDS_MIN: u64 = 60;

/// The same in each environment.
const fn always(severity: Severity) -> [Option<Severity>; 3] {
    [Some(severity), Some(severity), Some(severity)]
}

/// Something to accept on a developer's machine alone.
const STRICT: [Option<Severity>; 3] = [Some(Warning), Some(Critical), Some(Critical)];

/// Every rule. An id is never given to another one, also when its rule is gone.
pub(super) const RULES: [Rule; 28] = [
    Rule {
        id: "CFG-001",
        key: "waive_walls",
        severity: STRICT,
        text: "guests run without a required wall",
        fix: "set it to false and see `casemate doctor`",
        found: |facts| facts.config.waive_walls.then(String::new),
    },
    Rule {
        id: "CFG-002",
        key: "listen",
        severity: STRICT,
        text: "the address can be reached from outside, and everything travels unencrypted, keys too",
        fix: "set `tls_certificate_file` and `tls_key_file`, or listen on loopback behind a proxy that speaks TLS",
        found: |facts| {
            let open = facts.config.tls.is_none() && !facts.config.listen.ip().is_loopback();
            open.then(|| facts.config.listen.to_string())
        },
    },
    Rule {
        id: "CFG-003",
        key: "s3_listen",
        severity: STRICT,
        text: "the address of S3 can be reached from outside, and everything travels unencrypted",
        fix: "set `tls_certificate_file` and `tls_key_file`, listen on loopback, or set it to off",
        found: |facts| {
            let address = facts.config.s3_listen.filter(|address| !address.ip().is_loopback())?;
            facts.config.tls.is_none().then(|| address.to_string())
        },
    },
    Rule {
        id: "CFG-004",
        key: "tls_certificate_file",
        severity: always(Critical),
        text: "certificate and key cannot be used, and the node will not start",
        fix: "name a PEM file with the whole chain, and in `tls_key_file` its key, with mode 0600",
        found: |facts| facts.tls_error.clone(),
    },
    Rule {
        id: "CFG-005",
        key: "cors_origins",
        severity: [None, Some(Warning), Some(Critical)],
        text: "pages of an origin without TLS are let in, which anybody between can rewrite",
        fix: "list its https address only",
        found: |facts| {
            facts.config.cors_origins.iter().find(|origin| !origin.is_trustworthy()).map(ToString::to_string)
        },
    },
    Rule {
        id: "CFG-006",
        key: "tls_certificate_file",
        severity: STRICT,
        text: "the certificate has expired, and clients refuse it",
        fix: "renew it",
        found: |facts| facts.tls_not_after.filter(|end| *end <= facts.now).map(|end| end.to_string()),
    },
    Rule {
        id: "CFG-007",
        key: "tls_certificate_file",
        severity: always(Warning),
        text: "the certificate expires within 14 days",
        fix: "renew it; a running node takes the new one by itself",
        found: |facts| {
            let end = facts.tls_not_after.filter(|end| *end > facts.now)?;
            (end.saturating_since(facts.now) < RENEWAL).then(|| end.to_string())
        },
    },
    Rule {
        id: "CFG-008",
        key: "registration",
        severity: STRICT,
        text: "whoever reaches the node becomes a user",
        fix: "set it to invited or off",
        found: |facts| match &facts.config.registration {
            Registration::Open(role) => Some(format!("with the role {role}")),
            Registration::Invited | Registration::Off => None,
        },
    },
    Rule {
        id: "CFG-010",
        key: "data_dir",
        severity: always(Critical),
        text: "a directory cannot be used or written",
        fix: "make it the node's own, with mode 0700, on a disk that works",
        found: |facts| facts.data.unusable.clone(),
    },
    Rule {
        id: "CFG-011",
        key: "data_dir",
        severity: always(Critical),
        text: "what is written there cannot be made durable",
        fix: "choose a disk on which fsync works",
        found: |facts| facts.data.not_synced.clone(),
    },
    Rule {
        id: "CFG-012",
        key: "data_dir",
        severity: [Some(Recommendation), Some(Critical), Some(Critical)],
        text: "a directory is in memory and does not survive a restart of the machine",
        fix: "choose one on a disk that is backed up",
        found: |facts| facts.data.volatile.clone(),
    },
    Rule {
        id: "CFG-013",
        key: "data_dir",
        severity: always(Critical),
        text: "parts between which files are renamed are on different disks",
        fix: "mount the whole of `objects` on one disk, and nothing beneath it",
        found: |facts| facts.data.apart.clone(),
    },
    Rule {
        id: "CFG-014",
        key: "free_bytes_min",
        severity: [Some(Warning), Some(Warning), Some(Critical)],
        text: "less is free than objects leave free, so that nothing can be stored",
        fix: "free some space, or move the data directory",
        found: |facts| free_below(&facts.data.free_bytes, facts.config.free_bytes_min),
    },
    Rule {
        id: "CFG-015",
        key: "data_dir",
        severity: [Some(Recommendation), Some(Warning), Some(Warning)],
        text: "less than 1 GiB is free",
        fix: "free some space before it is needed",
        found: |facts| {
            let enough_to_store =
                facts.data.free_bytes.is_some_and(|free| free >= facts.config.free_bytes_min);
            free_below(&facts.data.free_bytes, FREE_BYTES_WANTED).filter(|_| enough_to_store)
        },
    },
    Rule {
        id: "CFG-016",
        key: "data_dir",
        // Who checks what a running node is to start with next has nothing to worry about.
        severity: always(Recommendation),
        text: "another process works in the directory, and a second node will not start there",
        fix: "stop it first, or name another directory",
        found: |facts| facts.data.locked_by.clone(),
    },
    Rule {
        id: "CFG-020",
        key: "database",
        severity: [None, Some(Recommendation), Some(Recommendation)],
        text: "only one node can use this store",
        fix: "take postgres to run several",
        found: |facts| matches!(facts.config.database, Database::Sqlite).then(String::new),
    },
    Rule {
        id: "CFG-021",
        key: "database_url_file",
        severity: STRICT,
        text: "other users of the machine can read the file, which holds a password",
        fix: "give it mode 0600",
        found: |facts| facts.database_url_open.clone(),
    },
    Rule {
        id: "CFG-022",
        key: "database_url_file",
        severity: STRICT,
        text: "the database is on another machine, and everything travels there unencrypted, its password too",
        fix: "take sslmode=disable out of the URL, and name the server's authority with sslrootcert",
        found: |facts| (facts.database_transport == Some(Transport::Plain)).then(String::new),
    },
    Rule {
        id: "CFG-023",
        key: "database_url_file",
        severity: [Some(Warning), Some(Warning), Some(Critical)],
        text: "the database is on another machine, and whoever stands between can pass for it",
        fix: "take sslmode out of the URL for verify-full, and name the server's authority with sslrootcert",
        found: |facts| (facts.database_transport == Some(Transport::Unverified)).then(String::new),
    },
    Rule {
        id: "CFG-030",
        key: "former_encryption_key_file",
        severity: always(Warning),
        text: "it is needed for one start only",
        fix: "remove the key, and destroy the file when no backup needs it",
        found: |facts| facts.config.master_keys.former.is_some().then(String::new),
    },
    Rule {
        id: "CFG-031",
        key: "encryption_key_file",
        severity: [None, None, Some(Recommendation)],
        text: "content is stored as it comes",
        fix: "name the file of a key, or see that the disk is encrypted",
        found: |facts| facts.config.master_keys.current.is_none().then(String::new),
    },
    Rule {
        id: "CFG-040",
        key: "log_format",
        severity: [None, None, Some(Recommendation)],
        text: "lines of the log cannot be searched by field",
        fix: "set it to json",
        found: |facts| (!facts.config.log_json).then(String::new),
    },
    Rule {
        id: "CFG-041",
        key: "limits.dry_run",
        severity: always(Warning),
        text: "requests are counted and none is refused, however many come",
        fix: "set it to false once the log shows that it would refuse what you want refused",
        found: |facts| facts.config.limits.dry_run.then(String::new),
    },
    Rule {
        id: "CFG-042",
        key: "metrics_listen",
        severity: always(Warning),
        text: "whoever reaches this address reads the metrics of all projects, without a key and without TLS",
        fix: "listen on loopback, or give the scraper a key with metrics:read",
        found: |facts| {
            let public = facts.config.metrics_listen.filter(|address| !address.ip().is_loopback());
            public.map(|_| String::new())
        },
    },
    Rule {
        id: "CFG-043",
        key: "limits.redis_plain",
        severity: STRICT,
        text: "Redis is on another machine, and everything travels there unencrypted, its password too",
        fix: "let it speak TLS and write rediss:// into the file",
        found: |facts| {
            let plain = |redis: &&RedisServer| redis.transport == Transport::Plain;
            facts.config.redis.as_ref().filter(plain).map(|_| String::new())
        },
    },
    Rule {
        id: "CFG-050",
        key: "workers",
        severity: always(Warning),
        text: "more guests run at once than the cores can carry",
        fix: "four for each core at most; 0 takes one for each",
        found: |facts| {
            let Machine { cores, .. } = facts.machine;
            let workers = facts.config.workers;
            (workers > cores * WORKERS_PER_CORE_MAX).then(|| format!("{workers} guests on {cores} cores"))
        },
    },
    Rule {
        id: "CFG-051",
        key: "task_memory_max",
        severity: [None, Some(Warning), Some(Warning)],
        text: "one task may take more memory than the machine has",
        fix: "make it smaller, so that the kernel does not have to choose whom to end",
        found: |facts| {
            let (most, there) = (facts.config.limits_ceiling.memory_bytes, facts.machine.memory_bytes);
            (most > there).then(|| format!("{} of {}", ByteSize::bytes(most), ByteSize::bytes(there)))
        },
    },
    Rule {
        id: "CFG-052",
        key: "collect_grace_seconds",
        severity: [Some(Recommendation), Some(Warning), Some(Critical)],
        text: "content may be removed while it is still being transferred",
        fix: "take a minute at least",
        found: |facts| {
            let seconds = facts.config.collect_grace.as_secs();
            (seconds < COLLECT_GRACE_SECONDS_MIN).then(|| format!("{seconds} s"))
        },
    },
];

fn free_below(free: &Option<u64>, wanted: u64) -> Option<String> {
    let free = (*free)?;
    (free < wanted).then(|| format!("{} free", ByteSize::bytes(free)))
}
