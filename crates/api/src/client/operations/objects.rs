use http::{HeaderName, Method, header};

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::{Call, header_value};
use crate::objects::{Bucket, DIGEST_HEADER, Object, ObjectInfo, ObjectRef};
use crate::{Client, ClientError, Download, Page, Upload};

impl Client {
    /// `buckets.list`: the buckets of the project.
    pub async fn buckets_list(&self, page: &PageRequest) -> Result<Page<Bucket>, ClientError> {
        self.json(Call::new("buckets.list", Method::GET, page.apply(Path::new("/buckets")))).await
    }

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

    /// `objects.get`: downloads an object's content.
    pub async fn objects_get(&self, object: &ObjectRef) -> Result<Download, ClientError> {
        let call = Call::new("objects.get", Method::GET, path_of("/objects", object));
        let (parts, body) = self.send(call).await?.into_parts();
        Ok(Download::new(self.address(), &parts.headers, body))
    }

    /// `objects.stat`: an object without its content.
    pub async fn objects_stat(&self, object: &ObjectRef) -> Result<ObjectInfo, ClientError> {
        self.json(Call::new("objects.stat", Method::GET, path_of("/object-info", object))).await
    }

    /// `objects.delete`: deletes an object.
    pub async fn objects_delete(&self, object: &ObjectRef) -> Result<(), ClientError> {
        self.whole(Call::new("objects.delete", Method::DELETE, path_of("/objects", object))).await.map(drop)
    }
}

fn path_of(fixed: &str, object: &ObjectRef) -> Path {
    Path::new(fixed).segment(&object.bucket).rest(&object.key)
}
