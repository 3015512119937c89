use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::{Call, header_value};
use crate::functions::{
    DeployFunction, Function, FunctionLog, FunctionValue, FunctionVersion, RollBackFunction, RouteFunction,
};
use crate::{Client, ClientError, Page, Upload};

/// How long a component may take to be compiled before its deployment is answered.
const COMPILING: Duration = Duration::from_secs(300);

/// What must be there for a value to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueBefore {
    /// Anything or nothing.
    Anything,
    /// Nothing.
    Nothing,
    /// The value of this revision.
    Revision(u64),
}

impl ValueBefore {
    fn apply(self, call: Call) -> Result<Call, ClientError> {
        let header: Option<(HeaderName, HeaderValue)> = match self {
            Self::Anything => None,
            Self::Nothing => Some((header::IF_NONE_MATCH, HeaderValue::from_static("*"))),
            Self::Revision(revision) => {
                Some((header::IF_MATCH, header_value("a revision", &format!("\"{revision}\""))?))
            }
        };
        Ok(match header {
            Some((name, value)) => call.header(name, value),
            None => call,
        })
    }
}

fn value_path(name: &str, key: &str) -> Path {
    Path::new("/functions").segment(name).then("/values").segment(key)
}

impl Client {
    /// `functions.deploy`: deploys a version of a function.
    pub async fn functions_deploy(
        &self,
        name: &str,
        wanted: &DeployFunction,
    ) -> Result<Function, ClientError> {
        let path = Path::new("/functions").segment(name).then("/versions");
        self.create(Call::new("functions.deploy", Method::POST, path).json(wanted).patient(COMPILING)).await
    }

    /// `functions.list`: the project's functions.
    pub async fn functions_list(&self, page: &PageRequest) -> Result<Page<Function>, ClientError> {
        self.json(Call::new("functions.list", Method::GET, page.apply(Path::new("/functions")))).await
    }

    /// `functions.show`: a function.
    pub async fn functions_show(&self, name: &str) -> Result<Function, ClientError> {
        self.json(Call::new("functions.show", Method::GET, Path::new("/functions").segment(name))).await
    }

    /// `functions.versions`: versions of a function, newest first.
    pub async fn functions_versions(
        &self,
        name: &str,
        page: &PageRequest,
    ) -> Result<Page<FunctionVersion>, ClientError> {
        let path = page.apply(Path::new("/functions").segment(name).then("/versions"));
        self.json(Call::new("functions.versions", Method::GET, path)).await
    }

    /// `functions.log`: what a function has logged after a line.
    pub async fn functions_log(
        &self,
        name: &str,
        after: u64,
        limit: u32,
    ) -> Result<FunctionLog, ClientError> {
        let path = Path::new("/functions").segment(name).then("/log");
        let path = path.query("after", &after.to_string()).query("limit", &limit.to_string());
        self.json(Call::new("functions.log", Method::GET, path)).await
    }

    /// `functions.route`: chooses which versions answer.
    pub async fn functions_route(&self, name: &str, route: &RouteFunction) -> Result<Function, ClientError> {
        let path = Path::new("/functions").segment(name).then("/route");
        self.json(Call::new("functions.route", Method::PUT, path).json(route)).await
    }

    /// Has one version answer all requests.
    pub async fn functions_roll_back(
        &self,
        name: &str,
        to: &RollBackFunction,
    ) -> Result<Function, ClientError> {
        let path = Path::new("/functions").segment(name).then("/rollback");
        self.json(Call::new("functions.route", Method::POST, path).json(to)).await
    }

    /// `functions.list_values`: values that a function keeps, those whose keys begin with `prefix`.
    pub async fn functions_list_values(
        &self,
        name: &str,
        prefix: &str,
        page: &PageRequest,
    ) -> Result<Page<FunctionValue>, ClientError> {
        let path = Path::new("/functions").segment(name).then("/values");
        let path = page.apply(path.maybe("prefix", Some(prefix).filter(|prefix| !prefix.is_empty())));
        self.json(Call::new("functions.list_values", Method::GET, path)).await
    }

    /// `functions.read_value`: a value that a function keeps.
    pub async fn functions_read_value(&self, name: &str, key: &str) -> Result<Bytes, ClientError> {
        self.whole(Call::new("functions.read_value", Method::GET, value_path(name, key))).await
    }

    /// `functions.set_value`: sets a value that a function keeps, only if `before` is what is there.
    pub async fn functions_set_value(
        &self,
        (name, key): (&str, &str),
        value: Bytes,
        before: ValueBefore,
    ) -> Result<FunctionValue, ClientError> {
        let call = before.apply(Call::new("functions.set_value", Method::PUT, value_path(name, key)))?;
        self.upload(call, Upload::bytes(value)).await
    }

    /// `functions.remove_value`: removes a value that a function keeps.
    pub async fn functions_remove_value(&self, name: &str, key: &str) -> Result<(), ClientError> {
        self.whole(Call::new("functions.remove_value", Method::DELETE, value_path(name, key))).await.map(drop)
    }

    /// `functions.remove`: removes a function with all its versions.
    pub async fn functions_remove(&self, name: &str) -> Result<(), ClientError> {
        let path = Path::new("/functions").segment(name);
        self.whole(Call::new("functions.remove", Method::DELETE, path)).await.map(drop)
    }
}
