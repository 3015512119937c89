use std::sync::Arc;

use casemate_model::LimitKind;
use wasmtime::{Error, ResourceLimiter, Result};

use super::meter::Meter;

/// Counts linear memory and table elements of all instances of a run together, and ends the run at the limit.
///
/// A guest that merely asks for too much is ended, not told: the promise is that reaching a limit is an outcome
/// with that limit's name, and a guest that goes on without the memory would hide it.
pub(super) struct Limiter {
    meter: Arc<Meter>,
    memory: Count,
    table: Count,
}

/// A sum over all memories or tables.
#[derive(Default)]
struct Count {
    now: u64,
    peak: u64,
    last_growth: u64,
}

impl Count {
    fn grow(&mut self, current: usize, desired: usize, max: u64) -> bool {
        let growth = (desired as u64).saturating_sub(current as u64);
        let next = self.now.saturating_add(growth);
        if next > max {
            return false;
        }
        self.now = next;
        self.peak = self.peak.max(next);
        self.last_growth = growth;
        true
    }

    /// Takes back the last growth, which the engine could not carry out.
    fn undo(&mut self) {
        self.now -= std::mem::take(&mut self.last_growth);
    }
}

impl Limiter {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, memory: Count::default(), table: Count::default() }
    }

    pub(super) fn memory_bytes_peak(&self) -> u64 {
        self.memory.peak
    }

    pub(super) fn table_elements_peak(&self) -> u64 {
        self.table.peak
    }

    fn objects_max(&self) -> usize {
        usize::try_from(self.meter.limits().instances).unwrap_or(usize::MAX)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if self.memory.grow(current, desired, self.meter.limits().memory_bytes) {
            return Ok(true);
        }
        Err(Error::new(self.meter.reach(LimitKind::Memory)))
    }

    /// What this machine does not have is no matter of the guest's: told of it, it would do here what it does nowhere else.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.memory.undo();
        Err(error.context("this machine has no memory left"))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if self.table.grow(current, desired, self.meter.limits().table_elements) {
            return Ok(true);
        }
        Err(Error::new(self.meter.reach(LimitKind::TableElements)))
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.table.undo();
        Err(error.context("this machine has no memory left"))
    }

    fn instances(&self) -> usize {
        self.objects_max()
    }

    fn tables(&self) -> usize {
        self.objects_max()
    }

    fn memories(&self) -> usize {
        self.objects_max()
    }
}
