use crate::ByteSize;

/// What one run may use. Every field is enforced; reaching one ends the run with that limit named.
///
/// Not limited here: network (a guest has none), processes and signals (a worker's jail forbids them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Wall-clock time over queue, compilation, execution and blocking host calls, in milliseconds.
    pub wall_ms: u64,
    /// Operations, by the engine's own counter.
    pub fuel: u64,
    /// Linear memory of all instances together, in bytes.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Core instances; as many memories and tables are allowed.
    pub instances: u32,
    /// The guest's call stack, in bytes.
    pub stack_bytes: u64,
    /// Standard output and output files together, in bytes.
    pub output_bytes: u64,
    /// Standard error, in bytes.
    pub log_bytes: u64,
    /// Time for compiling the module, in milliseconds; it counts against `wall_ms` too.
    pub compile_ms: u64,
    /// Memory for compiling the module, in bytes of address space of the compiling process.
    pub compile_memory_bytes: u64,
}

/// What one run used, measured by the engine and the kernel, never derived from another figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From acceptance to the end, in milliseconds.
    pub wall_ms: u64,
    /// Of that, waiting for a worker, in milliseconds.
    pub queue_ms: u64,
    /// Of that, compiling or loading the compiled module, in milliseconds.
    pub compile_ms: u64,
    /// Operations executed, by the engine's own counter.
    pub fuel: u64,
    /// Highest linear memory of all instances together, in bytes.
    pub memory_bytes_peak: u64,
    /// Highest number of table elements of all tables together.
    pub table_elements_peak: u64,
    /// Bytes of standard output and output files together.
    pub output_bytes: u64,
    /// Bytes of standard error.
    pub log_bytes: u64,
}

/// A limit outside the operator's ceiling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{field}` must be from {min} to {max}, not {given}")]
pub struct LimitError {
    /// The field of [`RunLimits`].
    pub field: &'static str,
    /// The least allowed value.
    pub min: u64,
    /// The greatest allowed value: the operator's ceiling.
    pub max: u64,
    /// What was asked for.
    pub given: u64,
}

impl RunLimits {
    /// What a run gets when it asks for nothing: enough for an interpreter and a script.
    pub const DEFAULT: Self = Self {
        wall_ms: 30_000,
        fuel: 20_000_000_000,
        memory_bytes: ByteSize::mib(256).as_u64(),
        table_elements: 100_000,
        instances: 16,
        stack_bytes: ByteSize::kib(1024).as_u64(),
        output_bytes: ByteSize::mib(16).as_u64(),
        log_bytes: ByteSize::mib(1).as_u64(),
        compile_ms: 30_000,
        compile_memory_bytes: ByteSize::mib(2048).as_u64(),
    };

    /// What an operator allows at most unless configured otherwise.
    pub const CEILING: Self = Self {
        wall_ms: 3_600_000,
        fuel: 100_000_000_000_000,
        memory_bytes: ByteSize::mib(2048).as_u64(),
        table_elements: 10_000_000,
        instances: 256,
        stack_bytes: ByteSize::mib(8).as_u64(),
        output_bytes: ByteSize::mib(1024).as_u64(),
        log_bytes: ByteSize::mib(64).as_u64(),
        compile_ms: 300_000,
        compile_memory_bytes: ByteSize::mib(8192).as_u64(),
    };

    /// Each field with its name, in the order of the declaration.
    pub fn fields(&self) -> [(&'static str, u64); 10] {
        [
            ("wall_ms", self.wall_ms),
            ("fuel", self.fuel),
            ("memory_bytes", self.memory_bytes),
            ("table_elements", self.table_elements),
            ("instances", u64::from(self.instances)),
            ("stack_bytes", self.stack_bytes),
            ("output_bytes", self.output_bytes),
            ("log_bytes", self.log_bytes),
            ("compile_ms", self.compile_ms),
            ("compile_memory_bytes", self.compile_memory_bytes),
        ]
    }

    /// Checks that every limit is at least 1 and within `ceiling`.
    pub fn within(self, ceiling: &Self) -> Result<Self, LimitError> {
        for ((field, given), (_, max)) in self.fields().into_iter().zip(ceiling.fields()) {
            if given == 0 || given > max {
                return Err(LimitError { field, min: 1, max, given });
            }
        }
        Ok(self)
    }
}

impl Default for RunLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_within_the_ceiling() {
        assert_eq!(RunLimits::DEFAULT.within(&RunLimits::CEILING), Ok(RunLimits::DEFAULT));
    }

    #[test]
    fn a_limit_of_zero_or_over_the_ceiling_is_named() {
        let zero = RunLimits { fuel: 0, ..RunLimits::DEFAULT };
        let error = zero.within(&RunLimits::CEILING).expect_err("no fuel");
        assert_eq!(error.to_string(), "the limit `fuel` must be from 1 to 100000000000000, not 0");
        let greedy = RunLimits { instances: 257, ..RunLimits::DEFAULT };
        assert_eq!(
            greedy.within(&RunLimits::CEILING),
            Err(LimitError { field: "instances", min: 1, max: 256, given: 257 })
        );
    }
}
