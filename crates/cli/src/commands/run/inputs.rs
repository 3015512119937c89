use std::path::Path;

use casemate_api::Client;
use casemate_api::objects::ObjectRef;
use casemate_api::tasks::{ContentSource, OutputRef, TaskInput};
use casemate_model::{Digest, TaskId};

use crate::address::{Address, Content};
use crate::commands::cp::media_type_of;
use crate::output::Output;
use crate::report::CliError;
use crate::stdin::{STDIN, read_stdin};
use crate::transfer;

/// Where modules of `casemate run` are kept, each under its digest.
const MODULES: &str = "modules";

/// Where its inputs are kept.
const INPUTS: &str = "inputs";

/// Most bytes of a module; the node has its own limit.
const MODULE_BYTES_MAX: u64 = 512 << 20;

/// Most bytes that are taken from standard input. They are read ahead, because an input is named by its digest.
const STDIN_BYTES_MAX: u64 = 256 << 20;

/// Most bytes of a local input file; larger ones are stored with `casemate cp`.
const INPUT_BYTES_MAX: u64 = 512 << 20;

pub(super) async fn store_module(client: &Client, path: &str, output: Output) -> Result<String, CliError> {
    let bytes = casemate_fs::read_config_file(Path::new(path), MODULE_BYTES_MAX)?;
    let digest =
        transfer::upload_by_digest(client, MODULES, bytes, (path, ".wasm", "application/wasm"), output)
            .await?;
    Ok(digest.to_string())
}

pub(super) async fn file(
    client: &Client,
    path: &str,
    text: &str,
    output: Output,
) -> Result<TaskInput, CliError> {
    Ok(TaskInput { path: path.to_owned(), source: source(client, text, output).await? })
}

/// Finds content that a command line names: a file is stored first.
pub(super) async fn source(client: &Client, text: &str, output: Output) -> Result<ContentSource, CliError> {
    if text.starts_with("sha256:") || Address::is_meant_by(text) {
        return stored(text);
    }
    if let Some(output) = output_of(text) {
        return Ok(ContentSource::Output(output));
    }
    let (bytes, label) = if text == "-" {
        (read_stdin(STDIN_BYTES_MAX)?, STDIN)
    } else {
        (casemate_fs::read_config_file(Path::new(text), INPUT_BYTES_MAX)?, text)
    };
    let digest: Digest =
        transfer::upload_by_digest(client, INPUTS, bytes, (label, "", media_type_of(text)), output).await?;
    Ok(ContentSource::Digest(digest.to_string()))
}

/// What another task leaves: `tsk_…`, or `tsk_…:PATH`. A file of such a name is written `./tsk_…`.
fn output_of(text: &str) -> Option<OutputRef> {
    let (task, file) = text.split_once(':').map_or((text, None), |(task, file)| (task, Some(file)));
    let task: TaskId = task.parse().ok()?;
    Some(OutputRef { task: task.to_string(), file: file.map(ToOwned::to_owned) })
}

fn stored(text: &str) -> Result<ContentSource, CliError> {
    match text.parse::<Content>()? {
        Content::Digest(digest) => Ok(ContentSource::Digest(digest.to_string())),
        Content::Object(address) => {
            let ObjectRef { bucket, key } = address.object()?;
            Ok(ContentSource::Object(ObjectRef { bucket, key }))
        }
    }
}
