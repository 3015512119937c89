use casemate_canonical::{FUEL, STACK, START};
use casemate_model::{LimitKind, Outcome};
use wasmtime::{AsContextMut, Error, Global, Instance, Result, Trap, Val};

use super::meter::Meter;
use crate::wire::message::Limits;

/// The counters of a module in canonical form.
pub(super) struct Counters {
    fuel: Global,
    stack: Global,
    limits: Limits,
}

impl Counters {
    /// Finds the counters of an instance, and sets them to what its run may use.
    pub(super) fn set(mut store: impl AsContextMut, instance: &Instance, limits: Limits) -> Result<Self> {
        let mut found = |name: &str| {
            let global = instance.get_global(&mut store, name);
            global.ok_or_else(|| Error::msg("the module is not in canonical form"))
        };
        let counters = Self { fuel: found(FUEL)?, stack: found(STACK)?, limits };
        counters.fuel.set(&mut store, Val::I64(signed(limits.fuel)))?;
        counters.stack.set(&mut store, Val::I64(signed(limits.stack_bytes)))?;
        Ok(counters)
    }

    /// The fuel that was used.
    pub(super) fn fuel(&self, store: impl AsContextMut) -> u64 {
        let left = left(store, &self.fuel);
        self.limits.fuel.saturating_sub(u64::try_from(left).unwrap_or(0))
    }

    /// Notes a limit that a counter has reached, which is why the guest has trapped. An error of the engine that no counter
    /// explains is not the guest's doing.
    pub(super) fn judge(
        &self,
        mut store: impl AsContextMut,
        error: &Error,
        meter: &Meter,
    ) -> Option<Outcome> {
        if left(&mut store, &self.fuel) < 0 {
            meter.reach(LimitKind::Fuel);
        } else if left(&mut store, &self.stack) < 0 {
            meter.reach(LimitKind::Stack);
        } else if matches!(error.downcast_ref(), Some(Trap::StackOverflow | Trap::OutOfFuel)) {
            return Some(Outcome::EngineFailed(format!(
                "this machine has less room than the guest may use: {error:#}"
            )));
        }
        None
    }
}

/// What is to be called before the guest's entry, if there is anything.
pub(super) async fn start<T: Send>(
    mut store: impl AsContextMut<Data = T>,
    instance: &Instance,
) -> Result<()> {
    match instance.get_typed_func::<(), ()>(&mut store, START) {
        Ok(start) => start.call_async(&mut store, ()).await,
        // It has none.
        Err(_) => Ok(()),
    }
}

fn left(mut store: impl AsContextMut, counter: &Global) -> i64 {
    counter.get(&mut store).i64().unwrap_or(0)
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
