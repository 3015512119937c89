//! Stores the first file whole and the others as differences to it, reads all of them back, and prints bytes, speed and
//! the peak of memory:
//! `series [--level N] [--policy size|balanced|speed] FILE…`
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement for people: it reads files and the clock, and prints"
)]

use std::time::{Duration, Instant};

use casemate_delta::native::{self, Options};
use casemate_delta::through::Opened;
use casemate_delta::{Limits, Policy};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let (options, files) = arguments()?;
    let mut totals = Totals::default();
    let mut base: Option<Opened> = None;
    for file in &files {
        let content = std::fs::read(file)?;
        forget_peak();
        let (start, spent) = (Instant::now(), processor_time());
        let packed = native::pack(&content, base.as_ref(), &options)?;
        let put = (start.elapsed(), processor_time() - spent);
        let put_peak = peak_megabytes();
        forget_peak();
        let (start, spent) = (Instant::now(), processor_time());
        let mut read = Vec::with_capacity(content.len());
        native::unpack(&packed.bytes, base.as_ref(), &options.limits, &mut read)?;
        let get = (start.elapsed(), processor_time() - spent);
        if read != content {
            return Err("what was read is not what was stored".into());
        }
        let form = (
            if packed.through { "through" } else { "whole" },
            if packed.on_base { "difference" } else { "alone" },
        );
        totals.add(content.len(), packed.bytes.len(), put, get);
        println!(
            "{:>10} {:>9}  put {:>6.1} MB/s {put_peak:>4} MB  get {:>6.1} MB/s {:>4} MB  {} {}  {}",
            content.len(),
            packed.bytes.len(),
            rate(content.len(), put.0),
            rate(content.len(), get.0),
            peak_megabytes(),
            form.0,
            form.1,
            file.rsplit('/').next().unwrap_or(file)
        );
        if base.is_none() {
            base = Opened::new([1; 32], content, &Limits::default());
        }
    }
    println!(
        "{:>10} {:>9}  put {:>6.1} MB/s  get {:>6.1} MB/s",
        totals.content,
        totals.stored,
        rate(totals.content, totals.put.0),
        rate(totals.content, totals.get.0)
    );
    let cores = (rate(totals.content, totals.put.1), rate(totals.content, totals.get.1));
    println!("{:>20}  put {:>6.1} MB/s  get {:>6.1} MB/s  for each core", "", cores.0, cores.1);
    Ok(())
}

fn arguments() -> Result<(Options, Vec<String>), Failure> {
    let mut options = Options::default();
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--level" => options.level = arguments.next().ok_or("--level wants a number")?.parse()?,
            "--policy" => {
                options.policy = match arguments.next().as_deref() {
                    Some("size") => Policy::Size,
                    Some("balanced") => Policy::Balanced,
                    Some("speed") => Policy::Speed,
                    _ => return Err("--policy wants size, balanced or speed".into()),
                }
            }
            _ => files.push(argument),
        }
    }
    Ok((options, files))
}

#[derive(Default)]
struct Totals {
    content: usize,
    stored: usize,
    put: (Duration, Duration),
    get: (Duration, Duration),
}

impl Totals {
    fn add(&mut self, content: usize, stored: usize, put: (Duration, Duration), get: (Duration, Duration)) {
        self.content += content;
        self.stored += stored;
        self.put = (self.put.0 + put.0, self.put.1 + put.1);
        self.get = (self.get.0 + get.0, self.get.1 + get.1);
    }
}

fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

/// Time that the process has computed, on all cores; to a hundredth of a second.
fn processor_time() -> Duration {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = status.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Lets the peak of memory begin anew.
fn forget_peak() {
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

/// The most memory that this process has had since its peak was forgotten.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1000
}
