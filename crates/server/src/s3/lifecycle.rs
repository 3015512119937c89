//! Lifecycle rules as S3 writes them. What a rule cannot say here is refused in words, never taken and ignored.

use casemate_objects::{BucketSettings, LifecycleRule as Rule, OlderVersions};
use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::buckets::{caller, show};
use super::error::refuse;
use super::metadata::bucket;
use crate::app::AppState;

pub(super) async fn get_bucket_lifecycle_configuration(
    state: &AppState,
    request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<GetBucketLifecycleConfigurationOutput> {
    let record = show(state, caller(&request), &request.input.bucket).await?;
    if record.settings.lifecycle.is_empty() {
        return Err(s3_error!(NoSuchLifecycleConfiguration, "the bucket has no lifecycle rules"));
    }
    let rules = record.settings.lifecycle.into_iter().map(said).collect();
    Ok(GetBucketLifecycleConfigurationOutput { rules: Some(rules), ..Default::default() })
}

pub(super) async fn put_bucket_lifecycle_configuration(
    state: &AppState,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<PutBucketLifecycleConfigurationOutput> {
    let name = bucket(&request.input.bucket)?;
    let Some(configuration) = request.input.lifecycle_configuration.clone() else {
        return Err(s3_error!(MalformedXML, "there are no rules in it"));
    };
    let rules = configuration.rules.into_iter().enumerate();
    let rules = rules.map(|(index, rule)| understood(rule, index)).collect::<S3Result<Vec<_>>>()?;
    let change = move |settings: &mut BucketSettings| settings.lifecycle.clone_from(&rules);
    let what = "lifecycle rules set";
    state.control.configure_bucket(caller(&request), &name, what, change).await.map_err(refuse)?;
    Ok(PutBucketLifecycleConfigurationOutput::default())
}

pub(super) async fn delete_bucket_lifecycle(
    state: &AppState,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<DeleteBucketLifecycleOutput> {
    let name = bucket(&request.input.bucket)?;
    let change = |settings: &mut BucketSettings| settings.lifecycle.clear();
    let what = "lifecycle rules removed";
    state.control.configure_bucket(caller(&request), &name, what, change).await.map_err(refuse)?;
    Ok(DeleteBucketLifecycleOutput::default())
}

/// A rule of ours as S3 says it.
fn said(rule: Rule) -> LifecycleRule {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let expiration = (rule.expire_days.is_some() || rule.lone_marks).then(|| LifecycleExpiration {
        days: rule.expire_days.map(number),
        expired_object_delete_marker: rule.lone_marks.then_some(true),
        ..LifecycleExpiration::default()
    });
    let status = if rule.enabled { ExpirationStatus::ENABLED } else { ExpirationStatus::DISABLED };
    LifecycleRule {
        abort_incomplete_multipart_upload: rule
            .abort_uploads_days
            .map(|days| AbortIncompleteMultipartUpload { days_after_initiation: Some(number(days)) }),
        expiration,
        filter: Some(LifecycleRuleFilter { prefix: Some(rule.prefix), ..LifecycleRuleFilter::default() }),
        id: Some(rule.id),
        noncurrent_version_expiration: rule.older_versions.map(|older| NoncurrentVersionExpiration {
            newer_noncurrent_versions: (older.keep > 0).then(|| number(older.keep)),
            noncurrent_days: (older.days > 0).then(|| number(older.days)),
        }),
        noncurrent_version_transitions: None,
        prefix: None,
        status: ExpirationStatus::from_static(status),
        transitions: None,
    }
}

/// A rule of S3 as ours.
fn understood(rule: LifecycleRule, index: usize) -> S3Result<Rule> {
    let transitions = rule.transitions.is_some() || rule.noncurrent_version_transitions.is_some();
    if transitions {
        return Err(s3_error!(NotImplemented, "this node has no storage classes to move objects to"));
    }
    let expiration = rule.expiration.unwrap_or_default();
    if expiration.date.is_some() {
        return Err(s3_error!(NotImplemented, "objects expire by their age in days, not on a date"));
    }
    let enabled = match rule.status.as_str() {
        ExpirationStatus::ENABLED => true,
        ExpirationStatus::DISABLED => false,
        _ => return Err(s3_error!(MalformedXML, "the status of a rule is Enabled or Disabled")),
    };
    let older = rule.noncurrent_version_expiration;
    if older
        .as_ref()
        .is_some_and(|older| older.noncurrent_days.is_none() && older.newer_noncurrent_versions.is_none())
    {
        return Err(s3_error!(MalformedXML, "a rule for older versions says after how many days"));
    }
    let older_versions = older.map(|older| -> S3Result<OlderVersions> {
        Ok(OlderVersions {
            days: older.noncurrent_days.map(days).transpose()?.unwrap_or(0),
            keep: older.newer_noncurrent_versions.map(days).transpose()?.unwrap_or(0),
        })
    });
    let abort = rule.abort_incomplete_multipart_upload.and_then(|abort| abort.days_after_initiation);
    Ok(Rule {
        // S3 makes up an id as well where none is given.
        id: rule.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("rule-{}", index + 1)),
        prefix: prefix(rule.prefix, rule.filter)?,
        enabled,
        expire_days: expiration.days.map(days).transpose()?,
        older_versions: older_versions.transpose()?,
        lone_marks: expiration.expired_object_delete_marker == Some(true),
        abort_uploads_days: abort.map(days).transpose()?,
    })
}

/// The prefix, wherever it stands. Objects are not chosen by anything else.
fn prefix(old: Option<String>, filter: Option<LifecycleRuleFilter>) -> S3Result<String> {
    let filter = filter.unwrap_or_default();
    let and = filter.and.unwrap_or_default();
    let sizes = [
        filter.object_size_greater_than,
        filter.object_size_less_than,
        and.object_size_greater_than,
        and.object_size_less_than,
    ];
    if filter.tag.is_some()
        || and.tags.is_some_and(|tags| !tags.is_empty())
        || sizes.iter().any(Option::is_some)
    {
        return Err(s3_error!(
            NotImplemented,
            "a rule chooses objects by their prefix, not by tags or sizes"
        ));
    }
    let mut places = [filter.prefix, and.prefix, old].into_iter().flatten();
    let prefix = places.next().unwrap_or_default();
    if places.next().is_some() {
        return Err(s3_error!(MalformedXML, "a rule has one prefix"));
    }
    Ok(prefix)
}

fn days(number: i32) -> S3Result<u32> {
    let number = u32::try_from(number).ok().filter(|number| *number > 0);
    number.ok_or_else(|| s3_error!(InvalidArgument, "numbers in a lifecycle rule are positive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_said_comes_back_as_it_was() {
        let rule = Rule {
            id: "nightly".to_owned(),
            prefix: "nightly/".to_owned(),
            enabled: true,
            expire_days: Some(30),
            older_versions: Some(OlderVersions { days: 7, keep: 3 }),
            lone_marks: true,
            abort_uploads_days: Some(2),
        };
        assert_eq!(understood(said(rule.clone()), 0).unwrap(), rule);
        let other = Rule { enabled: false, expire_days: None, lone_marks: false, ..rule };
        assert_eq!(understood(said(other.clone()), 0).unwrap(), other);
    }

    #[test]
    fn what_cannot_be_done_is_refused_in_words() {
        let rule = || said(Rule { id: "r".to_owned(), expire_days: Some(1), ..Rule::default() });
        let filter = |filter| LifecycleRule { filter: Some(filter), ..rule() };
        let refused = [
            LifecycleRule { transitions: Some(Vec::new()), ..rule() },
            LifecycleRule {
                expiration: Some(LifecycleExpiration { days: Some(-1), ..Default::default() }),
                ..rule()
            },
            filter(LifecycleRuleFilter { object_size_less_than: Some(9), ..Default::default() }),
            filter(LifecycleRuleFilter {
                tag: Some(Tag { key: Some("a".to_owned()), value: Some("b".to_owned()) }),
                ..Default::default()
            }),
        ];
        for rule in refused {
            let error = understood(rule, 0).unwrap_err();
            assert!(error.message().is_some_and(|message| message.len() > 20), "{error:?}");
        }
    }
}
