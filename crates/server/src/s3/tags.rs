//! Tags of objects, and the only access list they have.

use casemate_objects::Attributes;
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::buckets::{caller, owners_grant, refuse_grants, refuse_policy};
use super::error::refuse;
use super::metadata::{bucket, key, owner, tag_set, tags, version, version_text};
use super::objects::stat;
use crate::app::AppState;

pub(super) async fn get_object_tagging(
    state: &AppState,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<GetObjectTaggingOutput> {
    let input = &request.input;
    let record = stat(state, &request, (&input.bucket, &input.key), input.version_id.as_deref()).await?;
    let version_id = record.version.map(|version| version_text(Some(version)));
    Ok(GetObjectTaggingOutput { tag_set: tag_set(record.attributes.tags), version_id })
}

pub(super) async fn put_object_tagging(
    state: &AppState,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<PutObjectTaggingOutput> {
    let input = &request.input;
    let tags = tags(input.tagging.tag_set.clone(), Attributes::TAGS_MAX)?;
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let version = version(input.version_id.as_deref())?;
    let tagged = state.control.tag_object(caller(&request), (&bucket, &key), version, tags).await;
    let record = tagged.map_err(refuse)?;
    Ok(PutObjectTaggingOutput { version_id: record.version.map(|version| version_text(Some(version))) })
}

pub(super) async fn delete_object_tagging(
    state: &AppState,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<DeleteObjectTaggingOutput> {
    let input = &request.input;
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let version = version(input.version_id.as_deref())?;
    let untagged =
        state.control.tag_object(caller(&request), (&bucket, &key), version, Default::default()).await;
    let record = untagged.map_err(refuse)?;
    Ok(DeleteObjectTaggingOutput { version_id: record.version.map(|version| version_text(Some(version))) })
}

pub(super) async fn get_object_acl(
    state: &AppState,
    request: S3Request<GetObjectAclInput>,
) -> S3Result<GetObjectAclOutput> {
    let input = &request.input;
    let record = stat(state, &request, (&input.bucket, &input.key), input.version_id.as_deref()).await?;
    let (grants, owner) = (Some(owners_grant(&record.project)), Some(owner(&record.project)));
    Ok(GetObjectAclOutput { grants, owner, ..Default::default() })
}

pub(super) async fn put_object_acl(
    state: &AppState,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<PutObjectAclOutput> {
    let input = &request.input;
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let version = version(input.version_id.as_deref())?;
    // It may only say what is the case, but it is a change all the same.
    state.control.find_object_to_tag(caller(&request), (&bucket, &key), version).await.map_err(refuse)?;
    refuse_grants(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    refuse_policy(input.access_control_policy.as_ref(), caller(&request))?;
    Ok(PutObjectAclOutput::default())
}
