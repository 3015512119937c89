use std::path::Path;
use std::sync::Arc;

use casemate_api::ClientError;
use casemate_api::health::HealthStatus;
use casemate_fs::Dir;
use casemate_model::ByteSize;
use casemate_sandbox::{Sandbox, SandboxConfig, Walls};

use super::Finding;
use crate::context::Context;
use crate::location;
use crate::report::CliError;
use crate::world::SystemEntropy;

/// The first kernel with Landlock.
const KERNEL_MIN: (u32, u32) = (5, 13);

/// Memory below which a node and its guests get into each other's way.
const MEMORY_WANTED: u64 = 1 << 30;

/// Free disk space below which a node warns, and below which it cannot go on.
const DISK_WANTED: u64 = 1 << 30;
const DISK_MIN: u64 = 64 << 20;

pub(super) fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let (major, minor) = KERNEL_MIN;
    let fix =
        format!("take a kernel of version {major}.{minor} or later: without it guests are not contained");
    match version(&release) {
        Some(found) if found >= KERNEL_MIN => Finding::ok("kernel", release),
        Some(_) => Finding::fail("kernel", release, fix),
        None => Finding::warn("kernel", release, fix),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn memory() -> Finding {
    let info = rustix::system::sysinfo();
    let bytes = info.totalram.saturating_mul(u64::from(info.mem_unit));
    let detail = ByteSize::bytes(bytes).to_string();
    if bytes >= MEMORY_WANTED {
        return Finding::ok("memory", detail);
    }
    Finding::warn("memory", detail, "give the machine 1 GiB or more, or tasks small memory limits")
}

/// Free space where the data directory is, or would be.
pub(super) fn disk(context: &Context) -> Result<Finding, CliError> {
    let directory = context.data_directory()?;
    let existing = directory.ancestors().find_map(|path| casemate_fs::open_user_dir(path).ok());
    let Some(existing) = existing else {
        return Ok(Finding::fail(
            "disk",
            directory.display().to_string(),
            "choose a directory that can be opened",
        ));
    };
    let free = existing.free_bytes()?;
    let detail = format!("{} free for {}", ByteSize::bytes(free), directory.display());
    let fix = "free some space, or move the data directory with --data-dir";
    Ok(match free {
        DISK_WANTED.. => Finding::ok("disk", detail),
        DISK_MIN.. => Finding::warn("disk", detail, fix),
        _ => Finding::fail("disk", detail, fix),
    })
}

pub(super) fn kvm() -> Finding {
    let devices = casemate_fs::open_user_dir(Path::new("/dev")).and_then(|dev| dev.entries());
    if devices.is_ok_and(|devices| devices.iter().any(|device| device.name == "kvm")) {
        return Finding::ok("kvm", "/dev/kvm is there");
    }
    let fix = "nothing needs it yet; virtual machines will. Turn on virtualisation in the firmware or the hypervisor";
    Finding::warn("kvm", "no /dev/kvm", fix)
}

/// Starts one worker and asks which walls stand around it.
pub(super) async fn walls() -> Result<Vec<Finding>, CliError> {
    let directory = Dir::open_private(&location::state_directory()?.join("doctor"))?;
    let _lock = directory.lock("casemate doctor")?;
    let config = SandboxConfig {
        waive_walls: true,
        ..SandboxConfig::new(1, directory.private_subdir("sandbox")?, Arc::new(SystemEntropy))
    };
    let sandbox = match Sandbox::start(config).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            let detail = crate::report::chain(&error);
            return Ok(vec![Finding::fail("worker", detail, "guests cannot run here until this is mended")]);
        }
    };
    let findings = of_walls(sandbox.walls());
    sandbox.shutdown().await;
    Ok(findings)
}

fn of_walls(walls: &Walls) -> Vec<Finding> {
    let deeper = |name, stands: bool, detail: &str, fix: &str| {
        if stands { Finding::ok(name, detail) } else { Finding::warn(name, "missing", fix) }
    };
    let landlock = match walls.landlock_abi {
        Some(abi) => Finding::ok("landlock", format!("version {abi}")),
        None => Finding::fail(
            "landlock",
            "missing: guests that escape could reach files",
            "boot with `lsm=landlock,…` among the kernel's options; guests are refused without it",
        ),
    };
    let seccomp = if walls.seccomp {
        Finding::ok("seccomp", "filters are in force")
    } else {
        let fix = "take a kernel with CONFIG_SECCOMP_FILTER; guests are refused without it";
        Finding::fail("seccomp", "missing: guests that escape could call the kernel", fix)
    };
    vec![
        landlock,
        seccomp,
        deeper("rlimits", walls.rlimits, "set", "see `ulimit -H -a` of the user who runs the node"),
        deeper(
            "capabilities",
            walls.capabilities_dropped,
            "none left",
            "do not give the node capabilities that it cannot drop",
        ),
        deeper(
            "user",
            walls.user.is_some(),
            "workers have a user of their own",
            "optional: a node that root starts gives workers a user without rights",
        ),
        deeper(
            "network",
            walls.network_namespace,
            "workers have no network",
            "optional: allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
        ),
        deeper(
            "root",
            walls.root_directory,
            "workers see only their scratch directory",
            "optional: allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
        ),
    ]
}

/// How the node says it is, if it runs.
pub(super) async fn node(context: &Context) -> Result<Vec<Finding>, CliError> {
    let client = context.client()?;
    let health = match client.node_ready().await {
        Ok(health) => health,
        Err(error @ ClientError::Unreachable { .. }) => {
            return Ok(vec![Finding::warn(
                "node",
                crate::report::chain(&error),
                "start it with `casemate serve`",
            )]);
        }
        Err(error) => return Err(error.into()),
    };
    let mut findings = vec![Finding::ok("node", format!("{} runs at {}", health.version, client.address()))];
    for check in health.checks {
        let name = match check.name.as_str() {
            "state" => "node: state",
            "objects" => "node: objects",
            "workers" => "node: workers",
            "audit" => "node: audit",
            _ => "node: other",
        };
        findings.push(match check.status {
            HealthStatus::Ok => Finding::ok(name, check.detail),
            HealthStatus::Degraded => Finding::warn(name, check.detail, "look at the node's log"),
            HealthStatus::Failing => Finding::fail(name, check.detail, "look at the node's log"),
        });
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_versions() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.13"), Some((5, 13)));
        assert_eq!(version("mystery"), None);
    }
}
