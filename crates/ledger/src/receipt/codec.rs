//! The bytes of receipts, in the order of `docs/formats/receipt.md`.

use casemate_model::{Digest, Outcome, RunLimits, Usage};

use super::{Level, Receipt};
use crate::canonical::{DecodeError, EncodeError, Kind, Reader, Writer, first_unsorted};

pub(super) fn encode(receipt: &Receipt) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new(&KIND);
    writer.display(&receipt.task);
    writer.display(&receipt.run);
    writer.display(&receipt.project);
    for digest in [&receipt.module, &receipt.invocation, &receipt.input, &receipt.output, &receipt.log] {
        writer.digest(digest);
    }
    write_files(&mut writer, "input files", &receipt.input_files)?;
    write_files(&mut writer, "output files", &receipt.output_files)?;
    writer.text("outcome", receipt.outcome.kind(), Receipt::BUILD_BYTES_MAX)?;
    writer.text("reason", &receipt.outcome.detail(), Receipt::REASON_BYTES_MAX)?;
    write_usage(&mut writer, &receipt.usage);
    for (_, limit) in receipt.limits.fields() {
        writer.u64(limit);
    }
    writer.text("engine", &receipt.engine, Receipt::BUILD_BYTES_MAX)?;
    writer.text("profile", &receipt.profile, Receipt::BUILD_BYTES_MAX)?;
    writer.display(&receipt.worker);
    writer.u32(receipt.attempt);
    writer.time(receipt.started);
    writer.time(receipt.ended);
    write_level(&mut writer, receipt.level);
    Ok(writer.finish())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Receipt, DecodeError> {
    let mut reader = Reader::new(&KIND, bytes)?;
    let (task, run, project) = (reader.display("task")?, reader.display("run")?, reader.display("project")?);
    let module = reader.digest("module")?;
    let invocation = reader.digest("invocation")?;
    let input = reader.digest("input")?;
    let output = reader.digest("output")?;
    let log = reader.digest("log")?;
    let receipt = Receipt {
        task,
        run,
        project,
        module,
        invocation,
        input,
        output,
        log,
        input_files: read_files(&mut reader, "input files")?,
        output_files: read_files(&mut reader, "output files")?,
        outcome: read_outcome(&mut reader)?,
        usage: read_usage(&mut reader)?,
        limits: read_limits(&mut reader)?,
        engine: reader.text("engine", Receipt::BUILD_BYTES_MAX)?.to_owned(),
        profile: reader.text("profile", Receipt::BUILD_BYTES_MAX)?.to_owned(),
        worker: reader.display("worker")?,
        attempt: reader.u32("attempt")?,
        started: reader.time("started")?,
        ended: reader.time("ended")?,
        level: read_level(&mut reader)?,
    };
    reader.finish()?;
    Ok(receipt)
}

/// Frames a receipt's bytes and its signature.
pub(super) fn join(body: &[u8], signature: &[u8; 64]) -> Vec<u8> {
    let mut writer = Writer::new(&SIGNED_KIND);
    writer.u32(u32::try_from(body.len()).expect("a receipt's counts and caps keep it below 4 GiB"));
    writer.raw(body);
    writer.raw(signature);
    writer.finish()
}

pub(super) fn split(bytes: &[u8]) -> Result<(&[u8], [u8; 64]), DecodeError> {
    let mut reader = Reader::new(&SIGNED_KIND, bytes)?;
    let length = reader.u32("receipt")?;
    let body = reader.raw("receipt", usize::try_from(length).unwrap_or(usize::MAX))?;
    let signature = reader.array("signature")?;
    reader.finish()?;
    Ok((body, signature))
}

fn write_files(
    writer: &mut Writer,
    field: &'static str,
    files: &[(String, Digest)],
) -> Result<(), EncodeError> {
    writer.count(field, files.len(), Receipt::FILES_MAX)?;
    if let Some(path) = first_unsorted(files.iter().map(|(path, _)| path.as_str())) {
        return Err(EncodeError::NotSorted { field, key: path.to_owned() });
    }
    for (path, digest) in files {
        writer.text(field, path, Receipt::PATH_BYTES_MAX)?;
        writer.digest(digest);
    }
    Ok(())
}

fn read_files(reader: &mut Reader<'_>, field: &'static str) -> Result<Vec<(String, Digest)>, DecodeError> {
    let count = reader.count(field, Receipt::FILES_MAX)?;
    let mut files = Vec::new();
    for _ in 0..count {
        let path = reader.text(field, Receipt::PATH_BYTES_MAX)?.to_owned();
        files.push((path, reader.digest(field)?));
    }
    if first_unsorted(files.iter().map(|(path, _)| path.as_str())).is_some() {
        return Err(DecodeError::Value { field });
    }
    Ok(files)
}

fn read_outcome(reader: &mut Reader<'_>) -> Result<Outcome, DecodeError> {
    let kind = reader.text("outcome", Receipt::BUILD_BYTES_MAX)?;
    let detail = reader.text("reason", Receipt::REASON_BYTES_MAX)?;
    let outcome = Outcome::from_parts(kind, detail);
    // `+1` is a number to the parser, yet nobody writes it.
    outcome.filter(|outcome| outcome.detail() == detail).ok_or(DecodeError::Value { field: "outcome" })
}

fn write_usage(writer: &mut Writer, usage: &Usage) {
    let Usage {
        wall_ms,
        queue_ms,
        compile_ms,
        fuel,
        memory_bytes_peak,
        table_elements_peak,
        output_bytes,
        log_bytes,
    } = *usage;
    let figures = [
        wall_ms,
        queue_ms,
        compile_ms,
        fuel,
        memory_bytes_peak,
        table_elements_peak,
        output_bytes,
        log_bytes,
    ];
    for figure in figures {
        writer.u64(figure);
    }
}

fn read_usage(reader: &mut Reader<'_>) -> Result<Usage, DecodeError> {
    Ok(Usage {
        wall_ms: reader.u64("usage")?,
        queue_ms: reader.u64("usage")?,
        compile_ms: reader.u64("usage")?,
        fuel: reader.u64("usage")?,
        memory_bytes_peak: reader.u64("usage")?,
        table_elements_peak: reader.u64("usage")?,
        output_bytes: reader.u64("usage")?,
        log_bytes: reader.u64("usage")?,
    })
}

/// In the order of [`RunLimits::fields`], which a test holds this to.
fn read_limits(reader: &mut Reader<'_>) -> Result<RunLimits, DecodeError> {
    Ok(RunLimits {
        wall_ms: reader.u64("limits")?,
        fuel: reader.u64("limits")?,
        memory_bytes: reader.u64("limits")?,
        table_elements: reader.u64("limits")?,
        instances: reader.u64("limits")?.try_into().map_err(|_| DecodeError::Value { field: "limits" })?,
        stack_bytes: reader.u64("limits")?,
        output_bytes: reader.u64("limits")?,
        log_bytes: reader.u64("limits")?,
        compile_ms: reader.u64("limits")?,
        compile_memory_bytes: reader.u64("limits")?,
    })
}

fn write_level(writer: &mut Writer, level: Level) {
    let (number, agreed, nodes) = match level {
        Level::Reported => (0, 0, 0),
        Level::Signed => (1, 0, 0),
        Level::ReExecuted => (2, 0, 0),
        Level::Replicated { agreed, nodes } => (3, agreed, nodes),
        Level::Proved => (4, 0, 0),
    };
    for byte in [number, agreed, nodes] {
        writer.u8(byte);
    }
}

fn read_level(reader: &mut Reader<'_>) -> Result<Level, DecodeError> {
    let [number, agreed, nodes] = reader.array("level")?;
    match (number, agreed, nodes) {
        (0, 0, 0) => Ok(Level::Reported),
        (1, 0, 0) => Ok(Level::Signed),
        (2, 0, 0) => Ok(Level::ReExecuted),
        (3, agreed, nodes) => Ok(Level::Replicated { agreed, nodes }),
        (4, 0, 0) => Ok(Level::Proved),
        _ => Err(DecodeError::Value { field: "level" }),
    }
}

const KIND: Kind = Kind { noun: "receipt", magic: *b"CMRC", version: 1, bytes_max: Receipt::BYTES_MAX };

/// Magic, version, length and signature around the receipt.
const SIGNED_KIND: Kind =
    Kind { noun: "signed receipt", magic: *b"CMSR", version: 1, bytes_max: Receipt::BYTES_MAX + 73 };

/// Two full lists of files and 64 KiB for everything else stay below the cap, so `encode` need not check it.
const _: () =
    assert!(2 * Receipt::FILES_MAX * (2 + Receipt::PATH_BYTES_MAX + 32) + (64 << 10) <= Receipt::BYTES_MAX);
