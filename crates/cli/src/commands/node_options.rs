use std::path::PathBuf;

use casemate_fs::Dir;
use clap::Args;
use figment::Figment;
use figment::providers::Serialized;

use crate::config::{self, Config, Written};
use crate::context::Context;
use crate::location;
use crate::report::CliError;

/// How a node is configured, for the commands that are about a node of this machine.
#[derive(Debug, Args)]
pub(crate) struct NodeOptions {
    /// The configuration file (TOML). Variables `CASEMATE_…` and options win over it.
    #[arg(long, value_name = "FILE", env = "CASEMATE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl NodeOptions {
    /// What was written, in file, variables and options together.
    pub(crate) fn written(&self, context: &Context) -> Result<Written, CliError> {
        let mut flags = Figment::new();
        if let Some(directory) = context.data_directory_given() {
            let text =
                directory.to_str().ok_or_else(|| CliError::PathNotText { path: directory.to_owned() })?;
            flags = flags.merge(Serialized::default("data_dir", text));
        }
        if let Some(listen) = &self.listen {
            flags = flags.merge(Serialized::default("listen", listen));
        }
        Ok(config::read(self.config.as_deref(), flags)?)
    }

    /// What it means.
    pub(crate) fn config(&self, context: &Context) -> Result<Config, CliError> {
        Ok(config::resolve(&self.written(context)?, location::default_data_directory()?)?)
    }
}

/// Opens the data directory of a node that is to be looked at rather than started.
pub(crate) fn existing_directory(config: &Config) -> Result<Dir, CliError> {
    // Opening it as a private directory would make one; a mistyped path must not.
    casemate_fs::open_user_dir(&config.data_directory)?;
    Ok(Dir::open_private(&config.data_directory)?)
}
