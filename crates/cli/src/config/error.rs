use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration")]
    File(#[source] casemate_fs::FsError),
    /// A file is not text.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A key is unknown or has a value of the wrong type; the source says which, and where it was written.
    #[error("{}", shape(_0))]
    Shape(Box<figment::Error>),
    /// A value cannot be what its key stands for.
    #[error("the configuration key `{key}` cannot be `{value}`: use {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What was written.
        value: String,
        /// What would do.
        expected: String,
    },
    /// The section `cache`.
    #[error(transparent)]
    Cache(casemate_cache::SettingsError),
}

/// What is wrong with a key, and where it was written.
fn shape(error: &figment::Error) -> String {
    use figment::error::Kind;
    let key = error.path.join(".");
    let place = match error.metadata.as_ref().map(|metadata| metadata.name.as_ref()) {
        Some(name) if name.contains("environment") => "the environment",
        Some(name) if name.contains("TOML") => "the configuration file",
        _ => "the flags",
    };
    match &error.kind {
        Kind::UnknownField(found, expected) => {
            format!("{place}: there is no configuration key `{found}`; the keys are {}", expected.join(", "))
        }
        Kind::InvalidType(found, expected) => format!("{place}: `{key}` cannot be {found}: use {expected}"),
        Kind::InvalidValue(found, expected) => format!("{place}: `{key}` cannot be {found}: use {expected}"),
        other => {
            // A mistake in TOML is told with the line it is in and a mark below it; where and what is enough for one line.
            let text = other.to_string();
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            let (first, last) = (lines.next().unwrap_or_default(), lines.next_back());
            format!("{place}: {first}{}", last.map(|what| format!(": {what}")).unwrap_or_default())
        }
    }
}
