use std::time::Duration;

use casemate_api::nodes::Capabilities;
use casemate_fs::SealedBytes;
use casemate_model::{Digest, Outcome, Project, RunLimits};
use casemate_sandbox::{Job, Profile, Sandbox};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::NodeError;

/// Measures the machine, so that nobody has to say what it has. The server believes the node.
pub async fn measure(sandbox: &Sandbox) -> Result<Capabilities, NodeError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Capabilities {
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        memory_bytes: memory_bytes(),
        kvm: has_kvm(),
        fuel_per_second: fuel_per_second(sandbox).await?,
    })
}

/// The memory of the machine.
fn memory_bytes() -> u64 {
    let pages = rustix::system::sysinfo();
    pages.totalram.saturating_mul(u64::from(pages.mem_unit.max(1)))
}

/// Whether this process may use KVM.
fn has_kvm() -> bool {
    let access = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    rustix::fs::access("/dev/kvm", access).is_ok()
}

/// Runs a loop and sees how fast it went.
async fn fuel_per_second(sandbox: &Sandbox) -> Result<u64, NodeError> {
    let module = SealedBytes::from_bytes(LOOP)?;
    let now = Instant::now();
    let job = Job {
        module,
        module_digest: Digest::of(LOOP),
        project: Project::default_project(),
        args: vec!["guest".to_owned()],
        env: Vec::new(),
        stdin: None,
        inputs: Vec::new(),
        output_directory: false,
        limits: RunLimits::DEFAULT,
        profile: Profile::Det1,
        seed: [0; 32],
        deadline: now + Duration::from_millis(RunLimits::DEFAULT.wall_ms),
        accepted: now,
        serving: None,
        slow: false,
        watcher: None,
    };
    let report = sandbox.run(job, CancellationToken::new()).await;
    let (Outcome::Exited(0), Some(started)) = (&report.outcome, report.started) else {
        return Err(NodeError::Measure(report.outcome.to_string()));
    };
    let micros = started.elapsed().as_micros().max(1);
    Ok(u64::try_from(u128::from(report.usage.fuel) * 1_000_000 / micros).unwrap_or(u64::MAX))
}

/// A program that counts to fifty million; [`LOOP_TEXT`] in the tests.
const LOOP: &[u8] = &[
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01,
    0x00, 0x05, 0x03, 0x01, 0x00, 0x01, 0x07, 0x13, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02,
    0x00, 0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x00, 0x0a, 0x18, 0x01, 0x16, 0x01, 0x01, 0x7f,
    0x03, 0x40, 0x20, 0x00, 0x41, 0x01, 0x6a, 0x22, 0x00, 0x41, 0x80, 0xe1, 0xeb, 0x17, 0x49, 0x0d, 0x00,
    0x0b, 0x0b,
];

#[cfg(test)]
mod tests {
    use super::LOOP;

    const LOOP_TEXT: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (local i32)
        (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 50000000))))))"#;

    #[test]
    fn the_loop_is_what_it_says() {
        assert_eq!(wat::parse_str(LOOP_TEXT).expect("text"), LOOP);
    }
}
