//! Packs files in segments, each on the one before that is a base, reads all of them back, and prints bytes and speed:
//! `segments [--level N] FILE…`
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement for people: it reads files and the clock, and prints"
)]

use std::time::Instant;

use casemate_delta::segmented::{self, Base, ReadAt, SEGMENT_BYTES, Segmented, Sketch};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut level = 9;
    if arguments.first().is_some_and(|first| first == "--level") {
        level = arguments.get(1).ok_or("--level takes a number")?.parse()?;
        arguments.drain(..2);
    }
    let mut base: Option<(Vec<u8>, Sketch)> = None;
    let mut totals = (0, 0);
    for file in &arguments {
        let content = std::fs::read(file)?;
        let start = Instant::now();
        let sketch = Sketch::of(&content.as_slice())?;
        let sketched = start.elapsed().as_secs_f64();
        let slice = base.as_ref().map(|(content, _)| content.as_slice());
        let on = slice.as_ref().zip(base.as_ref());
        let on = on.map(|(content, (_, sketch))| Base { digest: &[1; 32], content, sketch });
        let (start, mut packed) = (Instant::now(), Vec::new());
        segmented::pack(&content.as_slice(), on, level, &mut packed)?;
        let put = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let form = Segmented::open(&packed.as_slice())?;
        let base_content = slice.as_ref().map(|slice| slice as &dyn ReadAt);
        for index in 0..form.length().div_ceil(SEGMENT_BYTES) {
            let segment = form.segment(index, &packed.as_slice(), base_content)?;
            let at = usize::try_from(index * SEGMENT_BYTES)?;
            if content[at..at + segment.len()] != segment {
                return Err("what was read is not what was packed".into());
            }
        }
        let get = start.elapsed().as_secs_f64();
        let megabytes = content.len() as f64 / 1e6;
        println!(
            "{:>10} {:>9}  sketch {:>5.0} put {:>5.0} get {:>5.0} MB/s  {file}",
            content.len(),
            packed.len(),
            megabytes / sketched,
            megabytes / put,
            megabytes / get
        );
        totals = (totals.0 + content.len(), totals.1 + packed.len());
        if base.is_none() {
            base = Some((content, sketch));
        }
    }
    println!("{:>10} {:>9}", totals.0, totals.1);
    Ok(())
}
