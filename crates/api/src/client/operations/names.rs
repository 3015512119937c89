use http::{HeaderValue, Method, header};

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::names::{ClaimName, Name, NameCheck, NameVersion, UpdateName};
use crate::{Client, ClientError, Page};

impl Client {
    /// `names.claim`: claims a name that nobody holds.
    pub async fn names_claim(&self, claim: &ClaimName) -> Result<Name, ClientError> {
        self.create(Call::new("names.claim", Method::POST, Path::new("/names")).json(claim)).await
    }

    /// `names.list`: the project's names that start with `prefix`.
    pub async fn names_list(&self, prefix: &str, page: &PageRequest) -> Result<Page<Name>, ClientError> {
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let path = page.apply(Path::new("/names").maybe("prefix", prefix));
        self.json(Call::new("names.list", Method::GET, path)).await
    }

    /// `names.show`: what a name means.
    pub async fn names_show(&self, name: &str) -> Result<Name, ClientError> {
        self.json(Call::new("names.show", Method::GET, Path::new("/names").segment(name))).await
    }

    /// `names.update`: points a name at other content, if it is still at version `sequence`.
    pub async fn names_update(
        &self,
        name: &str,
        update: &UpdateName,
        sequence: u64,
    ) -> Result<Name, ClientError> {
        let tag = HeaderValue::try_from(format!("\"{sequence}\"")).expect("digits and quotes");
        let call = Call::new("names.update", Method::PUT, Path::new("/names").segment(name));
        self.json(call.json(update).header(header::IF_MATCH, tag)).await
    }

    /// `names.release`: gives a name up.
    pub async fn names_release(&self, name: &str) -> Result<(), ClientError> {
        let call = Call::new("names.release", Method::DELETE, Path::new("/names").segment(name));
        self.whole(call).await.map(drop)
    }

    /// `names.check`: whether a name can be claimed.
    pub async fn names_check(&self, name: &str) -> Result<NameCheck, ClientError> {
        let path = Path::new("/names").segment(name).then("/check");
        self.json(Call::new("names.check", Method::GET, path)).await
    }

    /// `names.history`: every version of a name, newest first.
    pub async fn names_history(
        &self,
        name: &str,
        page: &PageRequest,
    ) -> Result<Page<NameVersion>, ClientError> {
        let path = page.apply(Path::new("/names").segment(name).then("/history"));
        self.json(Call::new("names.history", Method::GET, path)).await
    }
}
