use axum::extract::{FromRequestParts, Request};
use casemate_control::{Caller, LOOPBACK};
use casemate_identity::{AccessTokens, IdentityError, Rejected};
use casemate_model::{Principal, Project, RequestId};
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};

use crate::app::AppState;
use crate::client_address::ClientAddress;
use crate::listen::Peer;
use crate::problem::Problem;

/// The cookie that holds a console session.
pub(crate) const SESSION_COOKIE: &str = "casemate_session";

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const PROJECT: HeaderName = HeaderName::from_static("x-casemate-project");
const CSRF: HeaderName = HeaderName::from_static("x-casemate-csrf");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who sends a request. A credential that is presented must be good: a bad one is refused even where none is needed,
/// so that nobody acts as somebody else than they think.
pub(crate) struct From(pub(crate) Caller);

impl FromRequestParts<AppState> for From {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        // Whoever carries the request out once has asked already.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(Self(caller.clone()));
        }
        let request = *parts.extensions.get::<RequestId>().expect("the request id layer is outermost");
        let principal = match parts.extensions.get::<Recognised>() {
            Some(Recognised(recognised)) => recognised.clone()?,
            None => recognise(parts, state).await?,
        };
        let ClientAddress(address) =
            *parts.extensions.get().expect("the layer of client addresses is outside");
        Ok(Self(Caller::new(principal, request, address)))
    }
}

/// Who sends a request by which somebody comes in. What the browser still has of a former session says nothing of who that
/// is, and must not keep them out.
pub(crate) struct Newcomer(pub(crate) Caller);

impl FromRequestParts<AppState> for Newcomer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        parts.headers.remove(header::COOKIE);
        parts.extensions.remove::<Recognised>();
        let From(caller) = From::from_request_parts(parts, state).await?;
        Ok(Self(caller))
    }
}

/// Who sends a request, where the limits had to know before the route; an extension of such requests.
#[derive(Clone)]
pub(crate) struct Recognised(pub(crate) Result<Principal, Problem>);

/// Whether a request from outside comes with a credential, good or bad.
pub(crate) fn presents_credential(request: &Request) -> bool {
    let headers = request.headers();
    let certified = matches!(request.extensions().get(), Some(Peer::Certified(..)));
    certified || api_key(headers).is_some() || session_cookie(headers).is_some()
}

/// Verifies what a request presents.
pub(crate) async fn recognise(parts: &Parts, state: &AppState) -> Result<Principal, Problem> {
    let peer = *parts.extensions.get::<Peer>().expect("each connection is labelled with its peer");
    let ClientAddress(address) = *parts.extensions.get().expect("the layer of client addresses is outside");
    let (authenticator, now) = (state.control.authenticator(), state.control.now());
    let certified = match peer {
        Peer::Certified(address, certificate) => {
            Some(authenticator.by_certificate(certificate, address.ip(), now).await.map_err(refuse)?)
        }
        Peer::Local(_) | Peer::Remote(_) => None,
    };
    if let Some(key) = api_key(&parts.headers) {
        let found = if AccessTokens::looks_like_one(key) {
            authenticator.by_access_token(key, now).await
        } else {
            authenticator.by_key(key, address.unwrap_or(LOOPBACK), now).await
        };
        let found = found.map_err(refuse)?;
        // A key that was stolen is of no use on another's connection.
        let fits = certified.is_none_or(|certified| certified.kind == found.kind);
        return if fits { Ok(found) } else { Err(Problem::rejected(Rejected)) };
    }
    if let Some(certified) = certified {
        return Ok(certified);
    }
    if let Peer::Local(uid) = peer {
        let project = local_project(&parts.headers)?;
        // The socket lies in a private directory; whoever else got here is not let in by that alone.
        let own = uid == state.own_uid || uid == 0;
        return if own { Ok(Principal::local_user(uid, project)) } else { Ok(Principal::anonymous()) };
    }
    if let Some(cookie) = session_cookie(&parts.headers) {
        check_same_origin(&parts.headers, parts.method.is_safe())?;
        return authenticator.by_session(cookie, address.unwrap_or(LOOPBACK), now).await.map_err(refuse);
    }
    Ok(Principal::anonymous())
}

fn refuse(error: IdentityError) -> Problem {
    match error {
        IdentityError::Rejected(rejected) => Problem::rejected(rejected),
        IdentityError::Store(error) => Problem::store(&error),
    }
}

/// The key of `X-API-Key`, or the key or access token of `Authorization: Bearer`.
fn api_key(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get(API_KEY) {
        // Text that is no text is no key; it must still be refused rather than ignored.
        return Some(key.to_str().unwrap_or_default());
    }
    let bearer = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    Some(bearer.strip_prefix("Bearer ").unwrap_or_default())
}

/// The project that a local caller chose; the default one otherwise.
fn local_project(headers: &HeaderMap) -> Result<Project, Problem> {
    match headers.get(PROJECT) {
        None => Ok(Project::default_project()),
        Some(project) => {
            let project = project.to_str().unwrap_or_default().parse::<Project>();
            project.map_err(|error| Problem::parameter("x-casemate-project", &error))
        }
    }
}

/// The session's token from the cookies. Two cookies of the name are one too many: somebody else set one of them.
fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let mut found = None;
    for cookies in headers.get_all(header::COOKIE) {
        for cookie in cookies.to_str().unwrap_or_default().split(';') {
            if let Some((name, value)) = cookie.trim().split_once('=')
                && name == SESSION_COOKIE
            {
                if found.is_some() {
                    return Some("");
                }
                found = Some(value);
            }
        }
    }
    found
}

/// What rides on a cookie must come from our own pages. Where the browser says where a request comes from, it must say
/// here; for a change there must also be a header that cannot be set across origins without a permission that we never
/// give.
fn check_same_origin(headers: &HeaderMap, safe: bool) -> Result<(), Problem> {
    let marked = headers.get(CSRF).is_some_and(|value| value == "1");
    // Who follows a link to here, or types the address, comes from elsewhere or nowhere, and only reads.
    let site = headers.get(FETCH_SITE).is_none_or(|site| safe || site == "same-origin");
    let origin = headers.get(header::ORIGIN).is_none_or(|origin| {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let origin = origin.to_str().unwrap_or_default();
        origin.split_once("://").is_some_and(|(_, origin_host)| origin_host == host)
    });
    if (marked || safe) && site && origin { Ok(()) } else { Err(Problem::cross_origin()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    #[test]
    fn a_key_is_found_in_either_header() {
        assert_eq!(api_key(&headers(&[("x-api-key", "k")])), Some("k"));
        assert_eq!(api_key(&headers(&[("authorization", "Bearer k")])), Some("k"));
        assert_eq!(api_key(&headers(&[("authorization", "Basic k")])), Some(""), "refused, not ignored");
        assert_eq!(api_key(&headers(&[])), None);
    }

    #[test]
    fn one_session_cookie_is_taken_two_are_refused() {
        assert_eq!(session_cookie(&headers(&[("cookie", "a=b; casemate_session=t; c=d")])), Some("t"));
        assert_eq!(
            session_cookie(&headers(&[("cookie", "casemate_session=t; casemate_session=u")])),
            Some("")
        );
        assert_eq!(session_cookie(&headers(&[("cookie", "x_casemate_session=t")])), None);
    }

    fn accepted(pairs: &[(&'static str, &'static str)]) -> bool {
        check_same_origin(&headers(pairs), false).is_ok()
    }

    #[test]
    fn a_cookie_reads_nothing_for_pages_of_other_origins() {
        let reads = |pairs| check_same_origin(&headers(pairs), true).is_ok();
        assert!(reads(&[("host", "a:1")]) && reads(&[("host", "a:1"), ("sec-fetch-site", "none")]));
        assert!(reads(&[("host", "a:1"), ("origin", "https://a:1")]));
        assert!(!reads(&[("host", "a:1"), ("origin", "https://b.a:1")]));
        assert!(!reads(&[("host", "a:1"), ("origin", "null")]));
    }

    #[test]
    fn a_cookie_changes_something_only_from_our_own_pages() {
        let own = [
            ("x-casemate-csrf", "1"),
            ("origin", "http://a:1"),
            ("host", "a:1"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert!(accepted(&own));
        for (index, bad) in ["0", "http://evil", "b:1", "cross-site"].into_iter().enumerate() {
            let mut pairs = own;
            pairs[index].1 = bad;
            assert!(!accepted(&pairs), "{bad}");
        }
        assert!(!accepted(&own[1..]), "without the mark");
    }
}
