use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::Profile;

/// The engine's version, for receipts. A test holds it to the lock file.
const ENGINE_VERSION: &str = "48.0.8";

/// Names the engine that runs guests, for receipts: `wasmtime 48.0.8 cranelift x86_64 linux canonical 1`. The last number is of
/// the rules by which the deterministic profile counts fuel and stack.
///
/// Two nodes with the same text and the deterministic profile give the same results.
pub fn engine_build() -> String {
    let (arch, os, canonical) = (std::env::consts::ARCH, std::env::consts::OS, casemate_canonical::VERSION);
    format!("wasmtime {ENGINE_VERSION} cranelift {arch} {os} canonical {canonical}")
}

/// Address space of one linear memory, so that no bounds checks are needed.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
/// Address space after it that traps, for the same reason.
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// How much more native stack a guest of the deterministic profile gets than it may use by its own count, so that it is always
/// that count which ends it.
const NATIVE_STACK_FACTOR: usize = 4;
/// As if there was so much more: for the frame that is one too many, which is entered before it is counted, and for one that is free.
const NATIVE_FRAMES_BYTES: u64 = casemate_canonical::FRAME_BYTES_MAX + (16 << 10);
/// The engine's own frames on a guest's stack, beside what the guest may use.
const HOST_STACK_BYTES: u64 = 1 << 20;
/// The tables of a pool are mapped writable from the start, so this much counts against a worker's memory; larger
/// tables are made one by one.
const TABLE_POOL_BYTES_MAX: u64 = 512 << 20;

/// How large the objects of an engine may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    stack_bytes: u64,
    table_elements: u64,
    instances: u32,
}

impl Shape {
    /// Fits the limits of a run, rounded up so that runs with like limits share an engine. The stack is not
    /// rounded: it is a limit by itself, the others are only room.
    pub(crate) fn fitting(stack_bytes: u64, table_elements: u64, instances: u32) -> Self {
        Self {
            stack_bytes,
            table_elements: table_elements.max(1 << 17).next_power_of_two(),
            instances: instances.max(16).next_power_of_two(),
        }
    }

    fn pool(&self) -> Option<PoolingAllocationConfig> {
        let table_pool = self.table_elements.checked_mul(8 * u64::from(self.instances))?;
        if table_pool > TABLE_POOL_BYTES_MAX {
            return None;
        }
        let mut pool = PoolingAllocationConfig::new();
        pool.total_core_instances(self.instances)
            .total_component_instances(self.instances)
            .total_memories(self.instances)
            .total_tables(self.instances)
            .max_memories_per_module(self.instances)
            .max_tables_per_module(self.instances)
            .table_elements(usize::try_from(self.table_elements).ok()?)
            .max_memory_size(usize::try_from(MEMORY_RESERVATION_BYTES).ok()?)
            .max_core_instance_size(64 << 20)
            .max_component_instance_size(64 << 20)
            // One run at a time; the second stack is for a start that overlaps the end of the former.
            .total_stacks(2);
        Some(pool)
    }
}

/// The configuration that decides what code is generated: the same for the compiler, which has no pool, and for
/// the workers, which refuse code that was made for another.
fn code_config(profile: Profile) -> Config {
    let deterministic = profile == Profile::Det1;
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .memory_may_move(false)
        .memory_init_cow(true)
        // 64-bit memories give up the guard pages, which are the engine's best tested protection.
        .wasm_memory64(false)
        .wasm_backtrace_max_frames(None)
        .cranelift_nan_canonicalization(deterministic)
        .relaxed_simd_deterministic(deterministic);
    config
}

/// The engine of a compiler process.
pub(crate) fn compiler_engine(profile: Profile) -> wasmtime::Result<Engine> {
    Engine::new(&code_config(profile))
}

/// The engine of a worker process, for runs that `shape` fits.
pub(crate) fn worker_engine(profile: Profile, shape: &Shape) -> wasmtime::Result<Engine> {
    let stack = match profile {
        Profile::Default => usize::try_from(shape.stack_bytes)?,
        Profile::Det1 => usize::try_from(shape.stack_bytes.saturating_add(NATIVE_FRAMES_BYTES))?
            .saturating_mul(NATIVE_STACK_FACTOR),
    };
    let mut config = code_config(profile);
    config.max_wasm_stack(stack).async_stack_size(stack + usize::try_from(HOST_STACK_BYTES)?);
    if let Some(pool) = shape.pool() {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    Engine::new(&config)
}

/// Bytes that differ whenever compiled code of one engine would not fit another: version, processor features,
/// configuration.
pub(crate) fn compatibility(profile: Profile) -> wasmtime::Result<Vec<u8>> {
    let engine = compiler_engine(profile)?;
    let mut bytes = Collector(Vec::new());
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut bytes);
    bytes.0.extend_from_slice(&casemate_canonical::VERSION.to_be_bytes());
    Ok(bytes.0)
}

/// Keeps what is hashed, so that a real hash function can hash it.
struct Collector(Vec<u8>);

impl std::hash::Hasher for Collector {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        let entry = format!("name = \"wasmtime\"\nversion = \"{ENGINE_VERSION}\"\n");
        assert!(lock.contains(&entry), "ENGINE_VERSION is not the wasmtime of Cargo.lock");
    }

    #[test]
    fn profiles_do_not_share_code() {
        let of = |profile| compatibility(profile).map_err(|error| error.to_string());
        assert_eq!(of(Profile::Default), of(Profile::Default));
        assert_ne!(of(Profile::Default), of(Profile::Det1));
    }
}
