use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use casemate_api::{BaseUrl, Client, Trust};
use casemate_cache::Place;
use clap::Args;
use secrecy::SecretString;

use crate::cache::{CacheOptions, ProcessCache};
use crate::location;
use crate::output::Output;
use crate::report::CliError;
use crate::signed_in::SignedIn;
use crate::wire;

/// Most bytes of a file that holds an API key.
const KEY_FILE_BYTES_MAX: u64 = 4 << 10;

/// Most bytes of a file of authorities. Those of whole systems have a quarter of it.
const CA_FILE_BYTES_MAX: u64 = 1 << 20;

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Print data as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The node's data directory, in which its private socket is.
    #[arg(long, global = true, value_name = "DIR", env = "CASEMATE_DATA_DIR", hide_env_values = true)]
    data_dir: Option<PathBuf>,
    /// The node's private socket, if it is elsewhere.
    #[arg(long, global = true, value_name = "PATH", env = "CASEMATE_SOCKET", hide_env_values = true)]
    socket: Option<PathBuf>,
    /// A node to reach over the network instead: https://HOST:PORT. Needs an API key, or `casemate login USER` before.
    #[arg(
        long,
        visible_alias = "server",
        global = true,
        value_name = "URL",
        env = "CASEMATE_URL",
        hide_env_values = true,
        conflicts_with = "socket"
    )]
    url: Option<String>,
    /// A file with the certificates of the authorities that a node's is believed from, in PEM, instead of this machine's.
    #[arg(long, global = true, value_name = "FILE", env = "CASEMATE_CA_FILE", hide_env_values = true)]
    ca_file: Option<PathBuf>,
    /// A file with an API key. The key itself may be in CASEMATE_API_KEY.
    #[arg(long, global = true, value_name = "FILE", env = "CASEMATE_API_KEY_FILE", hide_env_values = true)]
    api_key_file: Option<PathBuf>,
    /// The key itself. Only from the environment: what is on a command line, every user of the machine can see.
    #[arg(skip = KeyFromEnvironment::read())]
    api_key: KeyFromEnvironment,
    /// The project to act in. Only over the socket: a key belongs to one project.
    #[arg(long, global = true, value_name = "NAME", env = "CASEMATE_PROJECT", hide_env_values = true)]
    project: Option<String>,
    /// Send the API key unencrypted to another machine.
    #[arg(long, global = true)]
    insecure: bool,
}

#[derive(Debug, Clone, Default)]
struct KeyFromEnvironment(Option<SecretString>);

impl KeyFromEnvironment {
    #[expect(
        clippy::disallowed_methods,
        reason = "a secret has no place among the arguments that clap reads"
    )]
    fn read() -> Self {
        Self(std::env::var("CASEMATE_API_KEY").ok().filter(|key| !key.is_empty()).map(SecretString::from))
    }
}

/// What commands work with.
pub(crate) struct Context {
    global: Global,
    /// Where data and talk go.
    pub(crate) output: Output,
    /// Of references of buckets elsewhere, if the command uses any.
    cache: OnceLock<Arc<ProcessCache>>,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let output = Output::new(global.json);
        Self { global, output, cache: OnceLock::new() }
    }

    /// The one cache of this process; none if none is wanted.
    pub(crate) fn cache(&self, options: &CacheOptions) -> Result<Option<Arc<ProcessCache>>, CliError> {
        let config = options.resolve()?;
        if config.place == Place::Nowhere {
            return Ok(None);
        }
        Ok(Some(Arc::clone(self.cache.get_or_init(|| ProcessCache::new(config, self.output)))))
    }

    /// Takes away what ends with the process.
    pub(crate) fn close(&self) {
        if let Some(cache) = self.cache.get() {
            cache.close();
        }
    }

    /// The data directory that was named, if one was.
    pub(crate) fn data_directory_given(&self) -> Option<&Path> {
        self.global.data_dir.as_deref()
    }

    /// The node's data directory.
    pub(crate) fn data_directory(&self) -> Result<PathBuf, CliError> {
        match &self.global.data_dir {
            Some(directory) => Ok(directory.clone()),
            None => location::default_data_directory(),
        }
    }

    /// A client of the node that the options name. Nothing is connected yet.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let key = self.api_key()?;
        match &self.global.url {
            Some(url) => self.remote(url, key),
            None => self.local(key),
        }
    }

    /// A client of the node that works in `directory`, as the local user.
    pub(crate) fn client_in(directory: &Path) -> Client {
        client_on(directory.join(wire::SOCKET))
    }

    fn local(&self, key: Option<SecretString>) -> Result<Client, CliError> {
        let path = match &self.global.socket {
            Some(path) => path.clone(),
            None => self.data_directory()?.join(wire::SOCKET),
        };
        let mut client = client_on(path);
        if let Some(project) = &self.global.project {
            client = client.with_project(project);
        }
        Ok(match key {
            Some(key) => client.with_api_key(key),
            None => client,
        })
    }

    fn remote(&self, url: &str, key: Option<SecretString>) -> Result<Client, CliError> {
        let url = BaseUrl::parse(url)?;
        if self.global.project.is_some() {
            return Err(CliError::ProjectOverNetwork);
        }
        if key.is_some() && !url.is_encrypted() && !url.is_loopback() && !self.global.insecure {
            return Err(CliError::KeyInClear { url: url.as_str().to_owned() });
        }
        let trust = self.trust(&url)?;
        let place = SignedIn::at(url.as_str())?;
        let may_travel = url.is_encrypted() || url.is_loopback();
        let client = Client::remote(url, trust, key.clone());
        if key.is_some() || !may_travel || !place.exists()? {
            return Ok(client);
        }
        Ok(place.join(client.clone(), client))
    }

    /// A client without any credential of a server to join. A join token never travels unencrypted, and what certifies the
    /// server from then on is believed because of how it came.
    pub(crate) fn stranger(&self, url: &BaseUrl) -> Result<Client, CliError> {
        if !url.is_encrypted() && !url.is_loopback() && !self.global.insecure {
            return Err(CliError::KeyInClear { url: url.as_str().to_owned() });
        }
        Ok(Client::remote(url.clone(), self.trust(url)?, None))
    }

    /// A client without any credential of the node to sign in to, and the place of the session with it. Passwords and tokens
    /// never travel unencrypted.
    pub(crate) fn client_to_sign_in(&self) -> Result<(Client, SignedIn), CliError> {
        let url = self.global.url.as_deref().ok_or(CliError::SignInWhere)?;
        let url = BaseUrl::parse(url)?;
        if !url.is_encrypted() && !url.is_loopback() {
            return Err(CliError::PasswordInClear { url: url.as_str().to_owned() });
        }
        let (trust, place) = (self.trust(&url)?, SignedIn::at(url.as_str())?);
        Ok((Client::remote(url, trust, None), place))
    }

    /// The project that was named, if one was.
    pub(crate) fn project(&self) -> Option<&str> {
        self.global.project.as_deref()
    }

    /// Who is believed about the node at `url`.
    fn trust(&self, url: &BaseUrl) -> Result<Trust, CliError> {
        if !url.is_encrypted() {
            return Ok(Trust::in_authorities([]));
        }
        let Some(path) = &self.global.ca_file else {
            // What cannot be read of the machine's list is left out; a node that needs it is not believed then.
            return Ok(Trust::in_authorities(rustls_native_certs::load_native_certs().certs));
        };
        let pem = casemate_fs::read_config_file(path, CA_FILE_BYTES_MAX)?;
        Trust::in_pem(&pem).map_err(|source| CliError::Authorities { path: path.clone(), source })
    }

    fn api_key(&self) -> Result<Option<SecretString>, CliError> {
        let Some(path) = &self.global.api_key_file else {
            return Ok(self.global.api_key.0.clone());
        };
        let bytes = casemate_fs::read_config_file(path, KEY_FILE_BYTES_MAX)?;
        let text = String::from_utf8(bytes).map_err(|_| CliError::NotText { path: path.clone() })?;
        Ok(Some(SecretString::from(text.trim().to_owned())))
    }
}

fn client_on(socket: PathBuf) -> Client {
    let address = socket.display().to_string();
    Client::unix(address, Arc::new(move || casemate_fs::connect_private(&socket).map_err(Into::into)))
}
