//! What it costs to stop a guest: the same core module in the same engine, with nothing that could stop it, with the deadline that every
//! run has, with the engine's fuel beside it as the default profile has it, and in canonical form as det-1 has it.
//!
//! The work is counted in the guest, so that all run the same; rounds take turns, and ratios of one round are compared.

use std::time::Instant;

use wasmtime::{Config, Engine, Linker, Module, Store, Val};

const ROUNDS: usize = 7;

/// Sieves numbers, hashes them, and calls a small function for each: loops, memory, calls and branches.
const WORK: &str = r#"(module
    (memory (export "memory") 16)
    (func $mix (param $a i32) (param $b i32) (result i32)
        (i32.mul (i32.xor (i32.rotl (local.get $a) (i32.const 13)) (local.get $b)) (i32.const 0x9E3779B1)))
    (func (export "_start") (local $n i32) (local $m i32) (local $hash i32) (local $round i32)
        (loop $rounds
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000000))
            (local.set $n (i32.const 2))
            (loop $numbers
                (if (i32.eqz (i32.load8_u (local.get $n))) (then
                    (local.set $hash (call $mix (local.get $hash) (local.get $n)))
                    (local.set $m (i32.add (local.get $n) (local.get $n)))
                    (loop $multiples
                        (if (i32.lt_u (local.get $m) (i32.const 1000000)) (then
                            (i32.store8 (local.get $m) (i32.const 1))
                            (local.set $m (i32.add (local.get $m) (local.get $n)))
                            (br $multiples))))))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $numbers (i32.lt_u (local.get $n) (i32.const 1000000))))
            (local.set $round (i32.add (local.get $round) (i32.const 1)))
            (br_if $rounds (i32.lt_u (local.get $round) (i32.const 20))))
        (i32.store (i32.const 0) (local.get $hash))))"#;

struct Way {
    name: &'static str,
    fuel: bool,
    epoch: bool,
    canonical: bool,
}

const WAYS: [Way; 5] = [
    Way { name: "nothing", fuel: false, epoch: false, canonical: false },
    Way { name: "epochs", fuel: false, epoch: true, canonical: false },
    Way { name: "fuel", fuel: true, epoch: false, canonical: false },
    Way { name: "fuel and epochs (the default profile)", fuel: true, epoch: true, canonical: false },
    Way { name: "canonical form, fuel and epochs (det-1)", fuel: true, epoch: true, canonical: true },
];

struct Prepared {
    engine: Engine,
    module: Module,
}

fn main() -> wasmtime::Result<()> {
    let plain = wat::parse_str(WORK)?;
    let counted = casemate_canonical::canonicalize(&plain).expect("a canonical form");
    let mut prepared = Vec::new();
    for way in &WAYS {
        let mut config = Config::new();
        config.consume_fuel(way.fuel).epoch_interruption(way.epoch);
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, if way.canonical { &counted } else { &plain })?;
        prepared.push(Prepared { engine, module });
    }
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let times: wasmtime::Result<Vec<f64>> =
            WAYS.iter().zip(&prepared).map(|(way, prepared)| time(way, prepared)).collect();
        rounds.push(times?);
    }
    for (column, way) in WAYS.iter().enumerate() {
        let ratio = median(rounds.iter().map(|row| row[column] / row[0]).collect());
        let seconds = median(rounds.iter().map(|row| row[column]).collect());
        println!("guest bounded by {}: {:.0} ms, {ratio:.3} of unbounded", way.name, seconds * 1e3);
    }
    Ok(())
}

fn time(way: &Way, Prepared { engine, module }: &Prepared) -> wasmtime::Result<f64> {
    let mut store = Store::new(engine, ());
    if way.fuel {
        store.set_fuel(u64::MAX >> 1)?;
    }
    if way.epoch {
        store.set_epoch_deadline(1);
    }
    let instance = Linker::new(engine).instantiate(&mut store, module)?;
    if way.canonical {
        for counter in [casemate_canonical::FUEL, casemate_canonical::STACK] {
            let global = instance.get_global(&mut store, counter).expect("a counter");
            global.set(&mut store, Val::I64(i64::MAX))?;
        }
    }
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let began = Instant::now();
    start.call(&mut store, ())?;
    Ok(began.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
