//! Users, roles and sessions as the API spells them.

use casemate_api::users as wire;
use casemate_control::{RoleDetails, UserDetails};
use casemate_identity::{InvitationRecord, Member, PublicTokenKey, SessionRecord, UserRecord};
use casemate_model::SessionId;

pub(crate) fn user(record: &UserRecord) -> wire::User {
    wire::User {
        id: record.id.to_string(),
        name: record.name.to_string(),
        kind: record.kind.as_str().to_owned(),
        has_password: record.password.is_some(),
        created: record.created.to_string(),
        blocked: record.blocked.map(|time| time.to_string()),
    }
}

pub(crate) fn user_details(details: &UserDetails) -> wire::UserDetails {
    let role = |member: &Member| wire::ProjectRole {
        project: member.project.to_string(),
        role: member.role.to_string(),
    };
    wire::UserDetails { user: user(&details.user), roles: details.members.iter().map(role).collect() }
}

pub(crate) fn member(record: &UserRecord, member: &Member) -> wire::Member {
    wire::Member { user: user(record), role: member.role.to_string(), since: member.created.to_string() }
}

pub(crate) fn role(details: &RoleDetails) -> wire::Role {
    wire::Role {
        role: details.role.to_string(),
        scopes: details.scopes.iter().map(|grant| grant.to_string()).collect(),
        built_in: details.built_in,
    }
}

pub(crate) fn invitation(record: &InvitationRecord) -> wire::Invitation {
    wire::Invitation {
        id: record.id.to_string(),
        role: record.role.to_string(),
        created: record.created.to_string(),
        expires: record.expires.to_string(),
    }
}

pub(crate) fn session(record: &SessionRecord, in_use: Option<SessionId>) -> wire::Session {
    wire::Session {
        id: record.id.to_string(),
        project: record.project.to_string(),
        client: record.client.clone(),
        current: in_use == Some(record.id),
        created: record.created.to_string(),
        expires: record.expires.to_string(),
    }
}

pub(crate) fn token_key(key: PublicTokenKey) -> wire::TokenKey {
    wire::TokenKey {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        alg: "EdDSA".to_owned(),
        usage: "sig".to_owned(),
        kid: key.id,
        x: key.x,
    }
}
