//! Requests to functions: `/fn/NAME/…` on the node's own address, and `http://NAME.localhost/…`.
//!
//! Below `/fn/` a function shares its origin with the console. So it is shown no cookies, sets none, and what it answers is
//! put into a browser's sandbox, where it is of no origin at all. At its own host it is a site of its own.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use casemate_api::ProblemCode;
use casemate_control::{BodyMemory, Call, Caller, ControlError, FunctionError, OF_CONNECTION};
use casemate_fs::SealedBytes;
use casemate_functions::FunctionName;
use casemate_identity::AccessTokens;
use casemate_model::RequestId;
use futures_util::future::BoxFuture;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{HeaderMap, StatusCode, Version, request};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

use crate::app::AppState;
use crate::caller::recognise;
use crate::client_address::ClientAddress;
use crate::listen::Peer;
use crate::own_api::Own;
use crate::problem::Problem;
use crate::routes::flowing;

/// Where functions are on the node's own address.
const PREFIX: &str = "/fn/";
/// The domain below which each is at a host of its own.
const DOMAIN: &str = ".localhost";

/// What a page of a function may do where it shares the console's address: run, and send forms, but as nobody.
const SHARED_POLICY: HeaderValue = HeaderValue::from_static("sandbox allow-scripts allow-forms");

/// What only the node says of who asks.
const FORWARDED: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-prefix"),
];
/// The same in other words, which some believe.
const FORWARDED_TOO: [HeaderName; 3] =
    [header::FORWARDED, HeaderName::from_static("x-forwarded-port"), HeaderName::from_static("x-real-ip")];
/// What an answer may say about its whole origin, which below `/fn/` is not the function's.
const OF_ORIGIN: [HeaderName; 13] = [
    header::SET_COOKIE,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("set-cookie2"),
    HeaderName::from_static("accept-ch"),
    HeaderName::from_static("critical-ch"),
    header::STRICT_TRANSPORT_SECURITY,
    header::ALT_SVC,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
    HeaderName::from_static("service-worker-allowed"),
    HeaderName::from_static("origin-agent-cluster"),
];
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// How every secret of the node begins.
const KEY_PREFIX: &str = "casemate_";

/// A request that named its function in the host.
#[derive(Clone, Copy, Debug)]
struct OfHost;

/// Marks an answer as a function's, which the headers of API and console are not for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfFunction;

/// The routes behind which functions are; a request whose host names one goes there, too.
#[derive(Clone)]
pub(crate) struct ByHost(pub(crate) Router);

impl Service<Request> for ByHost {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Err(problem) = check_host(&request) {
            return Box::pin(async { Ok(problem.into_response()) });
        }
        if let Some(uri) = function_of_host(&request).and_then(|name| below(&name, request.uri())) {
            // What the request's line says of the host stands before the header, and only the header is left.
            let authority =
                request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
            if let Some(Ok(host)) = authority {
                request.headers_mut().insert(header::HOST, host);
            }
            *request.uri_mut() = uri;
            request.extensions_mut().insert(OfHost);
        }
        Box::pin(self.0.clone().oneshot(request))
    }
}

/// Refuses a request of which two could think differently for whom it is (RFC 9112, section 3.2).
fn check_host(request: &Request) -> Result<(), Problem> {
    let bad = |text: &str| Err(Problem::parameter_text("host", text.to_owned()));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => bad("is missing"),
        (None, _) => Ok(()),
        (Some(_), Some(_)) => bad("must be given once"),
        (Some(host), None) => match host.to_str().map(str::parse::<Authority>) {
            Ok(Ok(authority)) if !authority.as_str().contains('@') => Ok(()),
            _ => bad("must be a host, and a port if it is not the usual one"),
        },
    }
}

fn function_of_host(request: &Request) -> Option<FunctionName> {
    let host = host_of(request.uri(), request.headers())?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.to_ascii_lowercase().strip_suffix(DOMAIN)?.parse().ok()
}

fn host_of<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(header::HOST)?.to_str().ok(),
    }
}

fn below(name: &FunctionName, uri: &Uri) -> Option<Uri> {
    let rest = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    Uri::try_from(format!("{PREFIX}{name}{rest}")).ok()
}

/// Has a function answer a request.
pub(crate) async fn answer(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let own_site = parts.extensions.get::<OfHost>().is_some();
    if !own_site {
        refuse_code_of_console(&parts.headers)?;
    }
    let (name, path) = split(&parts.uri)?;
    let call = state.control.find_call(&name).await?;
    if !call.is_public() {
        let caller = caller(&state, &mut parts).await?;
        call.allow(&caller).await.map_err(Problem::of_caller)?;
        parts.headers.remove(header::AUTHORIZATION);
    }
    // Which version answers is left to chance, and who deployed it is not who asks: no guest sees what opens the node.
    parts.headers.remove(API_KEY);
    if is_credential_of_node(&state, &parts.headers).await {
        parts.headers.remove(header::AUTHORIZATION);
    }
    let id = request_id(&parts);
    let request = forwarded(&state, parts, (&name, path), own_site)?;
    let bytes_max = body.size_hint().exact().unwrap_or(Call::BODY_BYTES_MAX);
    let own = Arc::new(Own(state.clone()));
    let called = call.run((id, own), request, bytes_max, |memory| seal(body, memory)).await?;
    let (mut head, ()) = called.head.into_parts();
    head.extensions.insert(OfFunction);
    if !own_site {
        for name in OF_ORIGIN {
            head.headers.remove(name);
        }
        head.headers.append(header::CONTENT_SECURITY_POLICY, SHARED_POLICY);
    }
    // These have no body, whatever the guest says; what it says of a length would be taken for the next answer's.
    if matches!(head.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
        head.headers.remove(header::CONTENT_LENGTH);
        return Ok(Response::from_parts(head, Body::empty()));
    }
    Ok(Response::from_parts(head, Body::from_stream(called.body)))
}

/// Refuses what would act as the console: scripts that go on working for a whole address, and code for the console's own
/// pages, which never ask a function for any. Pages of functions are of no origin, so what they load is from another site.
fn refuse_code_of_console(headers: &HeaderMap) -> Result<(), Problem> {
    let is = |name: &HeaderName, values: &[&str]| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| values.contains(&value))
    };
    let code = [
        "script",
        "style",
        "worker",
        "sharedworker",
        "serviceworker",
        "audioworklet",
        "paintworklet",
        "manifest",
    ];
    let own = is(&FETCH_SITE, &["same-origin"]) && is(&FETCH_DEST, &code);
    if own || headers.contains_key(SERVICE_WORKER) {
        return Err(Problem::new(
            ProblemCode::Denied,
            "functions give no code to the pages of a shared address",
        ));
    }
    Ok(())
}

/// Whether `Authorization` holds a key or an access token of the node. Tokens of others look like the node's own, so those
/// are verified.
async fn is_credential_of_node(state: &AppState, headers: &HeaderMap) -> bool {
    for value in headers.get_all(header::AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let Some((scheme, token)) = text.split_once(' ') else { continue };
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") {
            continue;
        }
        let own = AccessTokens::looks_like_one(token)
            && state.control.authenticator().by_access_token(token, state.control.now()).await.is_ok();
        if own || token.starts_with(KEY_PREFIX) {
            return true;
        }
    }
    false
}

/// The function's name, and what follows it.
fn split(uri: &Uri) -> Result<(FunctionName, String), Problem> {
    let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
    let rest = path.strip_prefix(PREFIX).ok_or_else(Problem::route_not_found)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let name: FunctionName = name.parse().map_err(|_| Problem::route_not_found())?;
    Ok((name, if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }))
}

/// Who asks, by a key. Cookies do not count: any page may have a browser send them.
async fn caller(state: &AppState, parts: &mut request::Parts) -> Result<Caller, Problem> {
    let ClientAddress(address) = *parts.extensions.get().expect("the layer of client addresses is outside");
    let (throttle, now) = (state.control.throttle(), state.control.now());
    let network = ClientAddress(address).network();
    if let Some(network) = network
        && throttle.may_present(network, now).is_err()
    {
        return Err(Problem::new(ProblemCode::RateLimited, "too many bad credentials were presented"));
    }
    parts.headers.remove(header::COOKIE);
    match recognise(parts, state).await {
        Ok(principal) => Ok(Caller::new(principal, request_id(parts), address)),
        Err(problem) => {
            if let Some(network) = network.filter(|_| problem.code() == ProblemCode::Unauthenticated) {
                throttle.presented_badly(network, now);
            }
            Err(problem)
        }
    }
}

fn request_id(parts: &request::Parts) -> RequestId {
    *parts.extensions.get().expect("the request id layer is outermost")
}

/// The request as the function sees it: below its own root, and with what the node knows of who asks.
fn forwarded(
    state: &AppState,
    parts: request::Parts,
    (name, path): (&FunctionName, String),
    own_site: bool,
) -> Result<http::Request<()>, Problem> {
    let ClientAddress(address) = *parts.extensions.get().expect("the layer of client addresses is outside");
    let local = matches!(parts.extensions.get(), Some(Peer::Local(_)));
    let scheme = if state.encrypted && !local { "https" } else { "http" };
    let host = host_of(&parts.uri, &parts.headers).unwrap_or("localhost").to_owned();
    let mut headers = parts.headers;
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(',').filter_map(|name| name.trim().parse().ok()))
        .collect();
    for name in named.into_iter().chain(OF_CONNECTION).chain(FORWARDED).chain(FORWARDED_TOO) {
        headers.remove(name);
    }
    if !own_site {
        headers.remove(header::COOKIE);
    }
    let mut set = |name: &HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    let [of_client, of_host, of_scheme, of_prefix] = &FORWARDED;
    if let Some(address) = address {
        set(of_client, address.to_string());
    }
    set(of_host, host.clone());
    set(of_scheme, scheme.to_owned());
    if !own_site {
        set(of_prefix, format!("{PREFIX}{name}"));
    }
    let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(path).build();
    let uri = uri.map_err(|error| Problem::parameter_text("host", error.to_string()))?;
    let mut request = http::Request::new(());
    *request.method_mut() = parts.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Reads a body into memory that can be handed to a worker.
async fn seal(body: Body, mut memory: BodyMemory) -> Result<(Option<SealedBytes>, BodyMemory), ControlError> {
    let too_large = || FunctionError::BodyTooLarge { bytes_max: Call::BODY_BYTES_MAX };
    if body.is_end_stream() {
        return Ok((None, memory));
    }
    if body.size_hint().lower() > Call::BODY_BYTES_MAX {
        return Err(too_large().into());
    }
    // Who holds a place in the line and sends nothing loses it.
    let mut body = Body::from_stream(flowing(body));
    let mut builder = SealedBytes::builder().map_err(|_| FunctionError::Memory)?;
    while let Some(frame) = body.frame().await {
        let broken =
            |error: axum::Error| casemate_objects::ObjectsError::UploadBroken { source: error.into() };
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if builder.len() + data.len() as u64 > Call::BODY_BYTES_MAX {
            return Err(too_large().into());
        }
        memory.grow(data.len() as u64)?;
        builder.write_all(&data).map_err(|_| FunctionError::Memory)?;
    }
    Ok((Some(builder.seal().map_err(|_| FunctionError::Memory)?), memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_the_path_or_by_the_host() {
        let of_path = |path: &str| {
            let split = split(&path.parse().unwrap());
            split.map(|(name, rest)| (name.to_string(), rest)).ok()
        };
        let of = |name: &str, rest: &str| Some((name.to_owned(), rest.to_owned()));
        assert_eq!(of_path("/fn/edge"), of("edge", "/"));
        assert_eq!(of_path("/fn/edge/"), of("edge", "/"));
        assert_eq!(of_path("/fn/edge?a=b"), of("edge", "/?a=b"));
        assert_eq!(of_path("/fn/edge//a/../b?c"), of("edge", "//a/../b?c"));
        assert_eq!(of_path("/fn/"), None);
        assert_eq!(of_path("/fn/E/"), None);
        let hosts = |hosts: &[&str]| {
            let request = hosts
                .iter()
                .fold(Request::builder().uri("/"), |request, host| request.header(header::HOST, *host));
            check_host(&request.body(Body::empty()).unwrap()).is_ok()
        };
        assert!(hosts(&["localhost:7373"]) && hosts(&["[::1]:80"]));
        for refused in
            [&[][..], &[""], &["localhost", "edge.localhost"], &["a@edge.localhost"], &["a b"], &["a/b"]]
        {
            assert!(!hosts(refused), "{refused:?}");
        }
        let of_host = |host: &str| {
            let request =
                Request::builder().uri("/a?b").header(header::HOST, host).body(Body::empty()).unwrap();
            let name = function_of_host(&request)?;
            below(&name, request.uri()).map(|uri| uri.to_string())
        };
        assert_eq!(of_host("edge.localhost:7373").as_deref(), Some("/fn/edge/a?b"));
        assert_eq!(of_host("Edge.LOCALHOST").as_deref(), Some("/fn/edge/a?b"));
        for host in
            ["localhost", "a.b.localhost", "edge.example.org", ".localhost", "edge.localhost.", "127.0.0.1"]
        {
            assert_eq!(of_host(host), None, "{host}");
        }
    }
}
