use casemate_model::{LimitKind, Outcome, TrapKind};
use wasmtime::{Error, Trap};
use wasmtime_wasi::I32Exit;

use super::meter::Meter;

/// How the engine begins its message about too many instances, memories or tables, for which it has no type.
const TOO_MANY_OBJECTS: &str = "resource limit exceeded";

/// Says how a guest ended from what its call returned. A limit stands before everything else: what follows from
/// reaching one (a closed stream, a trap) is not the reason.
pub(super) fn of_error(error: &Error, meter: &Meter) -> Outcome {
    if let Some(kind) = meter.reached() {
        return Outcome::LimitReached(kind);
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return Outcome::Exited(code.cast_unsigned());
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return of_trap(*trap);
    }
    let text = format!("{error:#}");
    if text.contains(TOO_MANY_OBJECTS) {
        return Outcome::LimitReached(LimitKind::Instances);
    }
    Outcome::EngineFailed(text)
}

/// Places each trap. `Trap` may grow, so the last arm is for traps that are not known here.
fn of_trap(trap: Trap) -> Outcome {
    match trap {
        Trap::StackOverflow => Outcome::LimitReached(LimitKind::Stack),
        Trap::OutOfFuel => Outcome::LimitReached(LimitKind::Fuel),
        Trap::Interrupt => Outcome::LimitReached(LimitKind::Wall),
        Trap::AllocationTooLarge => Outcome::LimitReached(LimitKind::Memory),
        Trap::UnreachableCodeReached => Outcome::Trapped(TrapKind::Unreachable),
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned => Outcome::Trapped(TrapKind::MemoryOutOfBounds),
        Trap::TableOutOfBounds => Outcome::Trapped(TrapKind::TableOutOfBounds),
        Trap::IndirectCallToNull | Trap::BadSignature => Outcome::Trapped(TrapKind::BadIndirectCall),
        Trap::IntegerDivisionByZero => Outcome::Trapped(TrapKind::DivisionByZero),
        Trap::IntegerOverflow => Outcome::Trapped(TrapKind::IntegerOverflow),
        Trap::BadConversionToInteger => Outcome::Trapped(TrapKind::BadConversion),
        _ => Outcome::Trapped(TrapKind::Other),
    }
}
