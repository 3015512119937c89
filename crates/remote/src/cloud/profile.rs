use std::collections::BTreeMap;

use secrecy::SecretString;

use super::S3Settings;
use crate::BucketError;

/// Everything that may say where a bucket of S3 is and who asks, as the tools of Amazon take it. The face reads it;
/// this crate reads neither environment nor files.
#[derive(Clone, Default)]
pub struct AwsSources {
    /// What the command line says, which comes first.
    pub flags: AwsFlags,
    /// The variables of the environment whose names begin with `AWS_`.
    pub environment: BTreeMap<String, String>,
    /// The text of `~/.aws/config`, or of the file that `AWS_CONFIG_FILE` names.
    pub config: String,
    /// The text of `~/.aws/credentials`, or of the file that `AWS_SHARED_CREDENTIALS_FILE` names.
    pub credentials: String,
}

/// What the command line may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsFlags {
    /// Another server than Amazon's.
    pub endpoint_url: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The profile of the files. Its key then counts before that of the environment.
    pub profile: Option<String>,
}

/// Why the sources do not say what is needed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsSourcesError {
    /// A profile that no file has.
    #[error("there is no profile `{profile}` in the AWS configuration; `default` is the one without a name")]
    NoProfile {
        /// The profile asked for.
        profile: String,
    },
    /// A profile whose key has to be fetched in a way that is not supported.
    #[error(
        "the profile `{profile}` gets its key by `{setting}`, which is not supported; put a key into the \
         environment, for example with `aws configure export-credentials`"
    )]
    Unsupported {
        /// The profile.
        profile: String,
        /// The setting.
        setting: &'static str,
    },
    /// A number of attempts that is none.
    #[error("`AWS_MAX_ATTEMPTS` or `max_attempts` is `{value}`, expected a whole number from 1")]
    BadAttempts {
        /// What it was set to.
        value: String,
    },
    /// One half of a key.
    #[error("`{present}` is set, and `{missing}` is not")]
    HalfKey {
        /// What is there.
        present: &'static str,
        /// What is not.
        missing: &'static str,
    },
}

impl AwsSources {
    /// What the sources say of `bucket`: flags before environment before files.
    pub fn settings(&self, bucket: &str) -> Result<S3Settings, BucketError> {
        self.resolve(bucket).map_err(|error| BucketError::Settings(error.into()))
    }

    fn resolve(&self, bucket: &str) -> Result<S3Settings, AwsSourcesError> {
        let profile = self.profile()?;
        let mut settings = S3Settings::new(bucket);
        settings.endpoint_url = self.flags.endpoint_url.clone().or_else(|| self.endpoint(&profile));
        let region = self.flags.region.clone().or_else(|| self.variable("AWS_REGION"));
        let region = region.or_else(|| self.variable("AWS_DEFAULT_REGION"));
        settings.region = region.or_else(|| profile.get("region"));
        let key = match (&self.flags.profile, self.key_of_environment()?) {
            (None, Some(key)) => Some(key),
            (Some(_), _) | (None, None) => profile.key()?,
        };
        if let Some((id, secret, token)) = key {
            (settings.access_key_id, settings.secret_access_key) = (Some(id), Some(secret));
            settings.session_token = token;
        }
        if let Some(attempts) = self.variable("AWS_MAX_ATTEMPTS").or_else(|| profile.get("max_attempts")) {
            let attempts: usize =
                attempts.parse().ok().filter(|attempts| *attempts > 0).ok_or_else(|| {
                    AwsSourcesError::BadAttempts { value: attempts.chars().take(40).collect() }
                })?;
            settings.retry.tries_max = attempts - 1;
        }
        let machine = MACHINE_VARIABLES.iter();
        let machine = machine.filter_map(|name| Some(((*name).to_owned(), self.variable(name)?)));
        settings.machine = machine.collect();
        Ok(settings)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn key_of_environment(&self) -> Result<Option<Key>, AwsSourcesError> {
        let names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
        let token = self.variable("AWS_SESSION_TOKEN");
        whole_key(names, (self.variable(names.0), self.variable(names.1)), token)
    }

    fn endpoint(&self, profile: &Profile) -> Option<String> {
        if self.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value == "true") {
            return None;
        }
        let variable = self.variable("AWS_ENDPOINT_URL_S3").or_else(|| self.variable("AWS_ENDPOINT_URL"));
        variable.or_else(|| profile.service_endpoint.clone()).or_else(|| profile.get("endpoint_url"))
    }

    fn profile(&self) -> Result<Profile, AwsSourcesError> {
        let asked = self.flags.profile.clone().or_else(|| self.variable("AWS_PROFILE"));
        let name = asked.clone().unwrap_or_else(|| DEFAULT.to_owned());
        let (config, credentials) = (sections(&self.config), sections(&self.credentials));
        let in_config = if name == DEFAULT { DEFAULT.to_owned() } else { format!("profile {name}") };
        let found = [config.get(&in_config), credentials.get(&name)];
        if asked.is_some() && found.iter().all(Option::is_none) {
            return Err(AwsSourcesError::NoProfile { profile: name });
        }
        // The file of credentials is read last, so that its keys count.
        let values: Section =
            found.into_iter().flatten().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        let services =
            values.get("services").and_then(|services| config.get(&format!("services {services}")));
        let service_endpoint = services.and_then(|services| services.get("s3.endpoint_url")).cloned();
        Ok(Profile { name, values, service_endpoint })
    }
}

type Section = BTreeMap<String, String>;
type Key = (String, SecretString, Option<SecretString>);

struct Profile {
    name: String,
    values: Section,
    service_endpoint: Option<String>,
}

impl Profile {
    fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn key(&self) -> Result<Option<Key>, AwsSourcesError> {
        let names = ("aws_access_key_id", "aws_secret_access_key");
        let key = whole_key(names, (self.get(names.0), self.get(names.1)), self.get("aws_session_token"))?;
        let elsewhere = UNSUPPORTED_SETTINGS.iter().find(|setting| self.values.contains_key(**setting));
        match (&key, elsewhere) {
            (None, Some(setting)) | (Some(_), Some(setting @ &"role_arn")) => {
                Err(AwsSourcesError::Unsupported { profile: self.name.clone(), setting })
            }
            (Some(_), Some(_)) | (_, None) => Ok(key),
        }
    }
}

fn whole_key(
    names: (&'static str, &'static str),
    halves: (Option<String>, Option<String>),
    token: Option<String>,
) -> Result<Option<Key>, AwsSourcesError> {
    match halves {
        (Some(id), Some(secret)) => Ok(Some((id, secret.into(), token.map(Into::into)))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(AwsSourcesError::HalfKey { present: names.0, missing: names.1 }),
        (None, Some(_)) => Err(AwsSourcesError::HalfKey { present: names.1, missing: names.0 }),
    }
}

/// The sections of a file of Amazon's tools. What is indented beneath `s3 =` becomes `s3.…`.
fn sections(text: &str) -> BTreeMap<String, Section> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let (mut section, mut above) = (String::new(), String::new());
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.entry(section.clone()).or_default();
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        let name = if is_nested && !above.is_empty() {
            format!("{above}.{name}")
        } else {
            above.clone_from(&name);
            name
        };
        sections.entry(section.clone()).or_default().insert(name, value);
    }
    sections
}

const DEFAULT: &str = "default";

/// Ways to a key that need a conversation of their own.
const UNSUPPORTED_SETTINGS: [&str; 4] = ["role_arn", "sso_session", "sso_start_url", "credential_process"];

/// What Amazon's own machines, containers and clusters set for those who run there.
const MACHINE_VARIABLES: [&str; 6] = [
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
];

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
[default]
region = eu-central-1
[profile minio]
region=eu-west-1
endpoint_url = http://127.0.0.1:9000
s3 =
    endpoint_url = nested and not for us
[profile served]
services = local
[services local]
s3 =
  endpoint_url = http://127.0.0.1:9001
[profile sso]
sso_session = work
";
    const CREDENTIALS: &str = "\
# a comment
[default]
aws_access_key_id = ID
aws_secret_access_key = SECRET
[minio]
aws_access_key_id = MINIO
aws_secret_access_key = S
aws_session_token = T
";

    fn sources(environment: &[(&str, &str)], profile: Option<&str>) -> AwsSources {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let flags = AwsFlags { profile: profile.map(str::to_owned), ..AwsFlags::default() };
        AwsSources { flags, environment, config: CONFIG.to_owned(), credentials: CREDENTIALS.to_owned() }
    }

    /// Endpoint, region and id of the key.
    fn seen(environment: &[(&str, &str)], profile: Option<&str>) -> [Option<String>; 3] {
        let settings = sources(environment, profile).resolve("bucket").unwrap();
        [settings.endpoint_url, settings.region, settings.access_key_id]
    }

    fn values(values: [&str; 3]) -> [Option<String>; 3] {
        values.map(|value| Some(value.to_owned()).filter(|value| !value.is_empty()))
    }

    #[test]
    fn flags_come_before_environment_before_files() {
        let key = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "S")];
        let minio = values(["http://127.0.0.1:9000", "eu-west-1", "MINIO"]);
        assert_eq!(seen(&[], None), values(["", "eu-central-1", "ID"]));
        assert_eq!(seen(&key, None), values(["", "eu-central-1", "ENV"]));
        assert_eq!(seen(&[], Some("minio")), minio);
        assert_eq!(seen(&[("AWS_PROFILE", "minio")], None), minio);
        assert_eq!(seen(&key, Some("minio")), minio);
        let there = [("AWS_ENDPOINT_URL", "http://there"), ("AWS_REGION", "here")];
        assert_eq!(seen(&there, Some("minio")), values(["http://there", "here", "MINIO"]));
        assert_eq!(seen(&[], Some("served")), values(["http://127.0.0.1:9001", "", ""]));
        let ignored = [("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
        assert_eq!(seen(&ignored, Some("minio")), values(["", "eu-west-1", "MINIO"]));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |sources: AwsSources| sources.resolve("bucket").map(|_| ()).unwrap_err();
        let none = AwsSourcesError::NoProfile { profile: "none".to_owned() };
        assert_eq!(error(sources(&[], Some("none"))), none);
        let sso = AwsSourcesError::Unsupported { profile: "sso".to_owned(), setting: "sso_session" };
        assert_eq!(error(sources(&[], Some("sso"))), sso);
        let half =
            AwsSourcesError::HalfKey { present: "AWS_ACCESS_KEY_ID", missing: "AWS_SECRET_ACCESS_KEY" };
        assert_eq!(error(sources(&[("AWS_ACCESS_KEY_ID", "ID")], None)), half);
    }
}
