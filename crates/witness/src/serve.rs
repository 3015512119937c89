//! The HTTP face of a witness.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casemate_ledger::{AddCheckpoint, WitnessRefusal};
use casemate_limits::Places;
use casemate_model::client_network;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{Witness, WitnessError};

/// Connections at once, and of one network; further ones are closed.
const CONNECTIONS_MAX: usize = 256;
const CONNECTIONS_OF_NETWORK_MAX: usize = 64;
/// How long a request's headers, and all of one request, may take.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepting pauses when there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The only address that there is.
const ADD_CHECKPOINT: &str = "/add-checkpoint";

/// Answers until `stop`.
pub async fn serve(witness: Arc<Witness>, listener: TcpListener, stop: CancellationToken) {
    let places = Places::new(CONNECTIONS_OF_NETWORK_MAX, CONNECTIONS_MAX);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let Some(place) = places.enter(client_network(from.ip())) else { continue };
                let (witness, stop) = (Arc::clone(&witness), stop.clone());
                tokio::spawn(async move {
                    // Whoever breaks off is heard no more; there is nobody to tell.
                    let _ = stop.run_until_cancelled(connection(witness, stream)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(witness: Arc<Witness>, stream: TcpStream) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let witness = Arc::clone(&witness);
        async move {
            let answered = tokio::time::timeout(REQUEST_TIMEOUT, answer(witness, request)).await;
            let late = || said(StatusCode::REQUEST_TIMEOUT, "the request took too long\n");
            Ok::<_, Infallible>(answered.unwrap_or_else(|_| late()))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(witness: Arc<Witness>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != ADD_CHECKPOINT {
        return said(StatusCode::NOT_FOUND, "there is /add-checkpoint and nothing else\n");
    }
    if request.method() != Method::POST {
        return said(StatusCode::METHOD_NOT_ALLOWED, "it takes POST\n");
    }
    let body = match Limited::new(request.into_body(), AddCheckpoint::BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return said(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long, or broke off\n"),
    };
    let judged = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await;
    match judged {
        Ok(Ok(cosignature)) => said(StatusCode::OK, &format!("{cosignature}\n")),
        Ok(Err(error)) => refused(&error),
        Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "the witness has failed\n"),
    }
}

fn refused(error: &WitnessError) -> Response<Full<Bytes>> {
    let status = match error {
        WitnessError::UnknownLog => StatusCode::NOT_FOUND,
        WitnessError::Refused(WitnessRefusal::Conflict { size }) => {
            let mut response = said(StatusCode::CONFLICT, &format!("{size}\n"));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/x.tlog.size"));
            return response;
        }
        WitnessError::Refused(WitnessRefusal::Malformed) => StatusCode::BAD_REQUEST,
        WitnessError::Refused(WitnessRefusal::Checkpoint(_)) => StatusCode::FORBIDDEN,
        WitnessError::Refused(WitnessRefusal::Inconsistent) => StatusCode::UNPROCESSABLE_ENTITY,
        WitnessError::Directory(_) | WitnessError::Damaged { .. } => {
            tracing::error!(error = error as &dyn std::error::Error, "a checkpoint could not be cosigned");
            return said(StatusCode::INTERNAL_SERVER_ERROR, "the witness cannot use its directory\n");
        }
    };
    said(status, &format!("{error}\n"))
}

fn said(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
