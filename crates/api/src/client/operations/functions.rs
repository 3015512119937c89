use std::time::Duration;

use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::functions::{
    DeployFunction, Function, FunctionLog, FunctionVersion, RollBackFunction, RouteFunction,
};
use crate::{Client, ClientError, Page};

/// How long a component may take to be compiled before its deployment is answered.
const COMPILING: Duration = Duration::from_secs(300);

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

    /// `functions.remove`: removes a function with all its versions.
    pub async fn functions_remove(&self, name: &str) -> Result<(), ClientError> {
        let path = Path::new("/functions").segment(name);
        self.whole(Call::new("functions.remove", Method::DELETE, path)).await.map(drop)
    }
}
