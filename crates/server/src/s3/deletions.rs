//! Deleting objects and versions.

use casemate_objects::{Before, Deleted, Version};
use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::buckets::caller;
use super::error::refuse;
use super::metadata::{bucket, key, version, version_text};
use crate::app::AppState;

/// Most keys of one request to delete, the limit of S3.
const KEYS_MAX: usize = 1_000;

pub(super) async fn delete_object(
    state: &AppState,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<DeleteObjectOutput> {
    let input = &request.input;
    if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        return Err(s3_error!(NotImplemented, "a deletion takes If-Match only"));
    }
    let before = super::objects::before(input.if_match.as_ref(), None)?;
    let deleted =
        delete(state, &request, (&input.bucket, &input.key), input.version_id.as_deref(), &before).await?;
    Ok(DeleteObjectOutput {
        delete_marker: deleted.marker,
        version_id: deleted.version,
        ..Default::default()
    })
}

pub(super) async fn delete_objects(
    state: &AppState,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let (quiet, bucket_text) = (request.input.delete.quiet == Some(true), request.input.bucket.clone());
    if request.input.delete.objects.len() > KEYS_MAX {
        return Err(s3_error!(MalformedXML, "at most 1000 keys can be deleted at once"));
    }
    state.control.show_bucket(caller(&request), &bucket(&bucket_text)?).await.map_err(refuse)?;
    let (mut gone, mut errors) = (Vec::new(), Vec::new());
    for object in &request.input.delete.objects {
        match delete(
            state,
            &request,
            (&bucket_text, &object.key),
            object.version_id.as_deref(),
            &before(object),
        )
        .await
        {
            Ok(deleted) => gone.push(DeletedObject {
                delete_marker: deleted.marker,
                delete_marker_version_id: deleted.version.filter(|_| deleted.marker == Some(true)),
                key: Some(object.key.clone()),
                version_id: object.version_id.clone(),
            }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key.clone()),
                message: error.message().map(str::to_owned),
                version_id: object.version_id.clone(),
            }),
        }
    }
    Ok(DeleteObjectsOutput {
        deleted: (!quiet).then_some(gone),
        errors: (!errors.is_empty()).then_some(errors),
        ..Default::default()
    })
}

/// What must be there before a key of a list is deleted.
fn before(object: &ObjectIdentifier) -> Before {
    object.e_tag.as_ref().map_or(Before::Anything, |tag| Before::Tagged(tag.value().to_owned()))
}

/// What S3 says of a deletion.
struct Gone {
    marker: Option<bool>,
    version: Option<String>,
}

/// Deletes an object or a version. That there was nothing is no error in S3.
async fn delete<T>(
    state: &AppState,
    request: &S3Request<T>,
    (bucket_text, key_text): (&str, &str),
    version_text_given: Option<&str>,
    before: &Before,
) -> S3Result<Gone> {
    let (bucket, key) = (bucket(bucket_text)?, key(key_text)?);
    match version(version_text_given)? {
        Version::Latest => {
            let deleted = state
                .control
                .delete_object(caller(request), (&bucket, &key), before)
                .await
                .map_err(refuse)?;
            if deleted == Deleted::Absent {
                state.control.show_bucket(caller(request), &bucket).await.map_err(refuse)?;
            }
            Ok(match deleted {
                Deleted::Absent | Deleted::Unfit | Deleted::Removed(_) => {
                    Gone { marker: None, version: None }
                }
                Deleted::Marked { version, .. } => {
                    Gone { marker: Some(true), version: Some(version_text(version)) }
                }
            })
        }
        Version::Given(version) => {
            let deleted = state.control.delete_version(caller(request), (&bucket, &key), version).await;
            let marker = deleted.map_err(refuse)?.is_some_and(|gone| gone.object.is_none());
            Ok(Gone { marker: marker.then_some(true), version: Some(version_text(version)) })
        }
    }
}
