//! Operations on buckets.

use casemate_control::Caller;
use casemate_model::BucketName;
use casemate_objects::{BucketRecord, BucketSettings, CorsRule, Versioning};
use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::error::refuse;
use super::metadata::{bucket, owner, tag_set, tags, time};
use crate::app::AppState;

/// Most buckets of an answer.
const BUCKETS_MAX: u32 = 1_000;

/// Most rules of other origins, the limit of S3.
const CORS_RULES_MAX: usize = 100;

pub(super) async fn list_buckets(
    state: &AppState,
    request: S3Request<ListBucketsInput>,
) -> S3Result<ListBucketsOutput> {
    let caller = caller(&request);
    let after: Option<BucketName> = request.input.continuation_token.as_deref().map(bucket).transpose()?;
    let limit = request.input.max_buckets.and_then(|limit| u32::try_from(limit).ok());
    let limit = limit.map_or(BUCKETS_MAX, |limit| limit.clamp(1, BUCKETS_MAX));
    let prefix = request.input.prefix.clone().unwrap_or_default();
    let rows = buckets_of(state, caller, (&prefix, after), limit + 1).await?;
    let more = rows.len() > limit as usize;
    let token = rows.get(limit as usize - 1).filter(|_| more).map(|row| row.bucket.to_string());
    let rows = rows.into_iter().take(limit as usize);
    let shown = rows.map(|row| Bucket {
        creation_date: Some(time(row.created)),
        name: Some(row.bucket.to_string()),
        ..Bucket::default()
    });
    Ok(ListBucketsOutput {
        buckets: Some(shown.collect()),
        continuation_token: token,
        owner: Some(owner(&caller.principal.project)),
        prefix: request.input.prefix.clone(),
    })
}

/// Buckets with a prefix, at most `limit`.
async fn buckets_of(
    state: &AppState,
    caller: &Caller,
    (prefix, mut after): (&str, Option<BucketName>),
    limit: u32,
) -> S3Result<Vec<BucketRecord>> {
    let mut found = Vec::new();
    loop {
        let rows = state.control.list_buckets(caller, after.as_ref(), BUCKETS_MAX).await.map_err(refuse)?;
        after = rows.last().map(|row| row.bucket.clone());
        let last = rows.len() < BUCKETS_MAX as usize;
        found.extend(rows.into_iter().filter(|row| row.bucket.as_str().starts_with(prefix)));
        if last || found.len() >= limit as usize {
            found.truncate(limit as usize);
            return Ok(found);
        }
    }
}

pub(super) async fn create_bucket(
    state: &AppState,
    request: S3Request<CreateBucketInput>,
) -> S3Result<CreateBucketOutput> {
    refuse_grants(request.input.acl.as_ref().map(BucketCannedACL::as_str))?;
    if request.input.object_lock_enabled_for_bucket == Some(true) {
        return Err(s3_error!(NotImplemented, "this node has no object lock"));
    }
    let name = bucket(&request.input.bucket)?;
    let made = state
        .control
        .create_bucket(caller(&request), &name, &BucketSettings::default())
        .await
        .map_err(refuse)?;
    if !made {
        return Err(s3_error!(BucketAlreadyOwnedByYou));
    }
    Ok(CreateBucketOutput { location: Some(format!("/{name}")) })
}

pub(super) async fn head_bucket(
    state: &AppState,
    request: S3Request<HeadBucketInput>,
) -> S3Result<HeadBucketOutput> {
    show(state, caller(&request), &request.input.bucket).await?;
    Ok(HeadBucketOutput {
        bucket_region: request.region.clone().map(|region| region.to_string()),
        ..Default::default()
    })
}

pub(super) async fn delete_bucket(
    state: &AppState,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<DeleteBucketOutput> {
    let name = bucket(&request.input.bucket)?;
    state.control.delete_bucket(caller(&request), &name).await.map_err(refuse)?;
    Ok(DeleteBucketOutput::default())
}

pub(super) async fn get_bucket_location(
    state: &AppState,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<GetBucketLocationOutput> {
    show(state, caller(&request), &request.input.bucket).await?;
    // Without a constraint it is the first region there was, which every client takes.
    Ok(GetBucketLocationOutput::default())
}

pub(super) async fn get_bucket_versioning(
    state: &AppState,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<GetBucketVersioningOutput> {
    let record = show(state, caller(&request), &request.input.bucket).await?;
    let status = match record.settings.versioning {
        Versioning::Off => None,
        Versioning::On => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
        Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
    };
    Ok(GetBucketVersioningOutput { status, ..Default::default() })
}

pub(super) async fn put_bucket_versioning(
    state: &AppState,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<PutBucketVersioningOutput> {
    let status = request.input.versioning_configuration.status.as_ref();
    let versioning = match status.map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => Versioning::On,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        _ => return Err(s3_error!(IllegalVersioningConfigurationException)),
    };
    let name = bucket(&request.input.bucket)?;
    let change = move |settings: &mut BucketSettings| settings.versioning = versioning;
    let what = if versioning == Versioning::On { "keeps versions" } else { "keeps no new versions" };
    state.control.configure_bucket(caller(&request), &name, what, change).await.map_err(refuse)?;
    Ok(PutBucketVersioningOutput::default())
}

pub(super) async fn get_bucket_tagging(
    state: &AppState,
    request: S3Request<GetBucketTaggingInput>,
) -> S3Result<GetBucketTaggingOutput> {
    let record = show(state, caller(&request), &request.input.bucket).await?;
    if record.settings.tags.is_empty() {
        return Err(s3_error!(NoSuchTagSet));
    }
    Ok(GetBucketTaggingOutput { tag_set: tag_set(record.settings.tags) })
}

pub(super) async fn put_bucket_tagging(
    state: &AppState,
    request: S3Request<PutBucketTaggingInput>,
) -> S3Result<PutBucketTaggingOutput> {
    let name = bucket(&request.input.bucket)?;
    let tags = tags(request.input.tagging.tag_set.clone(), BucketSettings::TAGS_MAX)?;
    let change = move |settings: &mut BucketSettings| settings.tags.clone_from(&tags);
    state.control.configure_bucket(caller(&request), &name, "tagged", change).await.map_err(refuse)?;
    Ok(PutBucketTaggingOutput::default())
}

pub(super) async fn delete_bucket_tagging(
    state: &AppState,
    request: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<DeleteBucketTaggingOutput> {
    let name = bucket(&request.input.bucket)?;
    let change = |settings: &mut BucketSettings| settings.tags.clear();
    state.control.configure_bucket(caller(&request), &name, "untagged", change).await.map_err(refuse)?;
    Ok(DeleteBucketTaggingOutput::default())
}

pub(super) async fn get_bucket_cors(
    state: &AppState,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<GetBucketCorsOutput> {
    let record = show(state, caller(&request), &request.input.bucket).await?;
    if record.settings.cors.is_empty() {
        return Err(s3_error!(NoSuchCORSConfiguration));
    }
    let rules = record.settings.cors.into_iter().map(|rule| CORSRule {
        allowed_headers: Some(rule.headers),
        allowed_methods: rule.methods,
        allowed_origins: rule.origins,
        expose_headers: Some(rule.exposed),
        id: rule.id,
        max_age_seconds: rule.age_seconds_max.and_then(|seconds| i32::try_from(seconds).ok()),
    });
    Ok(GetBucketCorsOutput { cors_rules: Some(rules.collect()) })
}

pub(super) async fn put_bucket_cors(
    state: &AppState,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<PutBucketCorsOutput> {
    let rules = request.input.cors_configuration.cors_rules.clone();
    if rules.len() > CORS_RULES_MAX {
        return Err(s3_error!(InvalidRequest, "a bucket has at most 100 rules of other origins"));
    }
    let cors = rules.into_iter().map(cors_rule).collect::<S3Result<Vec<_>>>()?;
    let name = bucket(&request.input.bucket)?;
    let change = move |settings: &mut BucketSettings| settings.cors.clone_from(&cors);
    state
        .control
        .configure_bucket(caller(&request), &name, "other origins set", change)
        .await
        .map_err(refuse)?;
    Ok(PutBucketCorsOutput::default())
}

/// Most origins, headers and exposed headers of one rule, and the longest of them.
const CORS_NAMES_MAX: usize = 64;
const CORS_NAME_BYTES_MAX: usize = 256;

fn cors_rule(rule: CORSRule) -> S3Result<CorsRule> {
    let known = ["GET", "PUT", "POST", "DELETE", "HEAD"];
    if rule.allowed_methods.iter().any(|method| !known.contains(&method.as_str())) {
        return Err(s3_error!(InvalidRequest, "a rule allows GET, PUT, POST, DELETE and HEAD only"));
    }
    if rule.allowed_origins.iter().any(|origin| origin.matches('*').count() > 1) {
        return Err(s3_error!(InvalidRequest, "an origin has one * at most"));
    }
    let lists =
        [rule.allowed_headers.as_deref(), rule.expose_headers.as_deref(), Some(&rule.allowed_origins)];
    let names = lists.into_iter().flatten();
    if names.clone().any(|list| list.len() > CORS_NAMES_MAX)
        || names.flatten().any(|name| name.len() > CORS_NAME_BYTES_MAX)
    {
        return Err(s3_error!(InvalidRequest, "a rule has at most 64 headers and origins of 256 bytes each"));
    }
    Ok(CorsRule {
        origins: rule.allowed_origins,
        methods: rule.allowed_methods,
        headers: rule.allowed_headers.unwrap_or_default(),
        exposed: rule.expose_headers.unwrap_or_default(),
        age_seconds_max: rule.max_age_seconds.and_then(|seconds| u32::try_from(seconds).ok()),
        id: rule.id,
    })
}

pub(super) async fn delete_bucket_cors(
    state: &AppState,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<DeleteBucketCorsOutput> {
    let name = bucket(&request.input.bucket)?;
    let change = |settings: &mut BucketSettings| settings.cors.clear();
    let what = "other origins removed";
    state.control.configure_bucket(caller(&request), &name, what, change).await.map_err(refuse)?;
    Ok(DeleteBucketCorsOutput::default())
}

pub(super) async fn get_bucket_acl(
    state: &AppState,
    request: S3Request<GetBucketAclInput>,
) -> S3Result<GetBucketAclOutput> {
    let record = show(state, caller(&request), &request.input.bucket).await?;
    Ok(GetBucketAclOutput {
        grants: Some(owners_grant(&record.project)),
        owner: Some(owner(&record.project)),
    })
}

pub(super) async fn put_bucket_acl(
    state: &AppState,
    request: S3Request<PutBucketAclInput>,
) -> S3Result<PutBucketAclOutput> {
    let name = bucket(&request.input.bucket)?;
    // It may only say what is the case, but it is a change all the same.
    state.control.show_bucket_to_configure(caller(&request), &name).await.map_err(refuse)?;
    refuse_grants(request.input.acl.as_ref().map(BucketCannedACL::as_str))?;
    refuse_policy(request.input.access_control_policy.as_ref(), caller(&request))?;
    Ok(PutBucketAclOutput::default())
}

/// Access is decided by keys and their scopes; the only list of grants there is says just that.
pub(super) fn refuse_grants(canned: Option<&str>) -> S3Result<()> {
    match canned {
        None | Some("private" | "bucket-owner-full-control" | "bucket-owner-read") => Ok(()),
        Some(_) => Err(s3_error!(
            AccessControlListNotSupported,
            "access is decided by keys and their scopes; only the canned list `private` can be set"
        )),
    }
}

/// The same for a list that is spelled out: it may only say what is the case.
pub(super) fn refuse_policy(policy: Option<&AccessControlPolicy>, caller: &Caller) -> S3Result<()> {
    let owner = caller.principal.project.to_string();
    let is_owner =
        |grant: &Grant| grant.grantee.as_ref().is_some_and(|grantee| grantee.id.as_ref() == Some(&owner));
    let grants = policy.and_then(|policy| policy.grants.as_ref());
    if grants.is_some_and(|grants| !grants.iter().all(is_owner)) {
        return refuse_grants(Some("grants"));
    }
    Ok(())
}

pub(super) fn owners_grant(project: &casemate_model::Project) -> Vec<Grant> {
    let grantee = Grantee {
        display_name: Some(project.to_string()),
        email_address: None,
        id: Some(project.to_string()),
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    vec![Grant {
        grantee: Some(grantee),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}

pub(super) async fn show(state: &AppState, caller: &Caller, name: &str) -> S3Result<BucketRecord> {
    state.control.show_bucket(caller, &bucket(name)?).await.map_err(refuse)
}

/// Who asks, as the access check found out.
pub(super) fn caller<T>(request: &S3Request<T>) -> &Caller {
    request.extensions.get().expect("the access check lets nobody through without it")
}
