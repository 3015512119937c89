use http::{HeaderName, Method, header};

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::{Call, header_value};
use crate::objects::{
    CreateShare, DIGEST_HEADER, FolderEntry, Graph, Object, ObjectInfo, ObjectRef, ObjectVersion, Share,
    Verification,
};
use crate::{Client, ClientError, Download, Page, Upload};

impl Client {
    /// `objects.list`: the objects of a bucket whose keys start with `prefix`.
    pub async fn objects_list(
        &self,
        bucket: &str,
        prefix: &str,
        page: &PageRequest,
    ) -> Result<Page<Object>, ClientError> {
        let path = Path::new("/buckets").segment(bucket).then("/objects");
        let path = path.maybe("prefix", Some(prefix).filter(|prefix| !prefix.is_empty()));
        self.json(Call::new("objects.list", Method::GET, page.apply(path))).await
    }

    /// `objects.list`: the folders and objects of a folder.
    pub async fn objects_folder(
        &self,
        bucket: &str,
        prefix: &str,
        page: &PageRequest,
    ) -> Result<Page<FolderEntry>, ClientError> {
        let path = Path::new("/buckets").segment(bucket).then("/folder").query("prefix", prefix);
        self.json(Call::new("objects.list", Method::GET, page.apply(path))).await
    }

    /// `objects.list`: versions of the objects whose keys start with `prefix`, the newest of each first.
    pub async fn objects_versions(
        &self,
        bucket: &str,
        prefix: &str,
        page: &PageRequest,
    ) -> Result<Page<ObjectVersion>, ClientError> {
        let path = Path::new("/buckets").segment(bucket).then("/versions").query("prefix", prefix);
        self.json(Call::new("objects.list", Method::GET, page.apply(path))).await
    }

    /// `objects.list`: what of a prefix is stored as a difference to what.
    pub async fn objects_graph(&self, bucket: &str, prefix: &str) -> Result<Graph, ClientError> {
        let path = Path::new("/buckets").segment(bucket).then("/graph").query("prefix", prefix);
        self.json(Call::new("objects.list", Method::GET, path)).await
    }

    /// `objects.put`: stores an object; when this returns, it is durable. If `digest` is given, other content is
    /// refused.
    pub async fn objects_put(
        &self,
        object: &ObjectRef,
        media_type: &str,
        digest: Option<&str>,
        upload: Upload,
    ) -> Result<Object, ClientError> {
        let mut call = Call::new("objects.put", Method::PUT, path_of("/objects", object))
            .header(header::CONTENT_TYPE, header_value("media type", media_type)?);
        if let Some(digest) = digest {
            call = call.header(HeaderName::from_static(DIGEST_HEADER), header_value("digest", digest)?);
        }
        self.upload(call, upload).await
    }

    /// `objects.get`: downloads an object's content, or that of a version.
    pub async fn objects_get(
        &self,
        object: &ObjectRef,
        version: Option<&str>,
    ) -> Result<Download, ClientError> {
        let path = path_of("/objects", object).maybe("version", version);
        let call = Call::new("objects.get", Method::GET, path);
        let (parts, body) = self.send(call).await?.into_parts();
        Ok(Download::new(self.address(), &parts.headers, body))
    }

    /// `objects.stat`: an object, or a version of it, without its content.
    pub async fn objects_stat(
        &self,
        object: &ObjectRef,
        version: Option<&str>,
    ) -> Result<ObjectInfo, ClientError> {
        let path = path_of("/object-info", object).maybe("version", version);
        self.json(Call::new("objects.stat", Method::GET, path)).await
    }

    /// `objects.put`: makes an older version of an object the newest again.
    pub async fn objects_restore(&self, object: &ObjectRef, version: &str) -> Result<Object, ClientError> {
        let path = path_of("/object-restore", object).query("version", version);
        self.create(Call::new("objects.put", Method::POST, path)).await
    }

    /// `shares.create`: makes a link that opens a version of an object to whoever holds it.
    pub async fn shares_create(&self, share: &CreateShare) -> Result<Share, ClientError> {
        self.create(Call::new("shares.create", Method::POST, Path::new("/shares")).json(share)).await
    }

    /// `objects.verify`: reads an object's content again and says whether it is what was put.
    pub async fn objects_verify(
        &self,
        object: &ObjectRef,
        version: Option<&str>,
    ) -> Result<Verification, ClientError> {
        let path = path_of("/object-verify", object).maybe("version", version);
        self.json(Call::new("objects.verify", Method::POST, path)).await
    }

    /// `objects.delete`: deletes an object, or a version of it for good.
    pub async fn objects_delete(&self, object: &ObjectRef, version: Option<&str>) -> Result<(), ClientError> {
        let path = path_of("/objects", object).maybe("version", version);
        self.whole(Call::new("objects.delete", Method::DELETE, path)).await.map(drop)
    }
}

fn path_of(fixed: &str, object: &ObjectRef) -> Path {
    Path::new(fixed).segment(&object.bucket).rest(&object.key)
}
