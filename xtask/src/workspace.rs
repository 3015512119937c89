use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::error::XtaskError;

/// Where the workspace is, and how its tools are started.
pub(crate) struct Workspace {
    pub(crate) metadata: Metadata,
}

impl Workspace {
    /// The workspace that cargo runs this program for. Clones that share a target directory may share the program
    /// too, so where it was built says nothing.
    pub(crate) fn find() -> Result<Self, XtaskError> {
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = PathBuf::from(package).join("../Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .other_options(["--offline".to_owned()])
            .exec()?;
        Ok(Self { metadata })
    }

    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// The target directory, wherever `CARGO_TARGET_DIR` or cargo's configuration put it.
    pub(crate) fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// Where the built guests are.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target().join("guests")
    }

    /// A command that runs at the root of the workspace.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).stdin(Stdio::null());
        command
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments);
        command
    }
}

/// Runs a command to its end; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), XtaskError> {
    let status = command.status().map_err(|source| start_error(command, source))?;
    if status.success() {
        return Ok(());
    }
    Err(XtaskError::Command { command: spelled(command), status })
}

/// Tells whether a command can be started and ends well, without showing its output.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What a command writes to standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<Vec<u8>, XtaskError> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|source| start_error(command, source))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(XtaskError::Command { command: spelled(command), status: output.status })
}

fn start_error(command: &Command, source: std::io::Error) -> XtaskError {
    XtaskError::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn spelled(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
