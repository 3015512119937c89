use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

use super::channel::{Channel, ChannelError};
use super::handler::Input;
use crate::serving::OutboundError;
use crate::wire::exchange::{FETCH_BYTES_MAX, FETCHES_MAX, Fetch, Fetched, RequestHead};
use crate::wire::frame::{Kind, REPLY_BYTES_MAX};

/// How much a guest writes into a body at once.
const CHUNK_BYTES: usize = 64 << 10;

type Response = http::Response<WasiBody>;
type Rest = Box<dyn Future<Output = Result<()>> + Send>;

/// What one guest asks others for. The node sends it, if the guest may ask at all.
pub(super) struct Fetches(Arc<Shared>);

struct Shared {
    channel: Channel,
    state: Mutex<State>,
    /// Held by whoever waits for the node: answers come in any order, and only one can read.
    reader: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    sent: u32,
    received: u32,
    answers: HashMap<u32, Result<Response>>,
}

impl Fetches {
    pub(super) fn new(channel: Channel) -> Self {
        Self(Arc::new(Shared { channel, state: Mutex::default(), reader: Arc::default() }))
    }

    /// Whether the node will still say something.
    pub(super) fn waits(&self) -> bool {
        let state = self.0.state();
        state.received < state.sent
    }
}

impl WasiHttpHooks for Fetches {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response, Rest)>> + Send> {
        let shared = Arc::clone(&self.0);
        let within = options.and_then(|options| options.first_byte_timeout);
        Box::new(async move {
            let fetching = shared.fetch(request);
            let answer = match within {
                Some(within) => tokio::time::timeout(within, fetching)
                    .await
                    .map_err(|_| Error::ConnectionReadTimeout)??,
                None => fetching.await?,
            };
            Ok((answer, Box::new(async { Ok(()) }) as Rest))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(self: Arc<Self>, request: http::Request<WasiBody>) -> Result<Response> {
        let (parts, mut body) = request.into_parts();
        let mut content = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if content.len() + data.len() > FETCH_BYTES_MAX {
                return Err(Error::HttpRequestBodySize(Some(FETCH_BYTES_MAX as u64)));
            }
            content.extend_from_slice(&data);
        }
        let head = RequestHead::of(&http::Request::from_parts(parts, ()));
        let id = self.send(head, &content)?;
        self.wait_for(id).await
    }

    /// Sends one request. Nothing comes in between its frames: they are sent at one stretch.
    fn send(&self, head: RequestHead, content: &[u8]) -> Result<u32> {
        let mut state = self.state();
        if state.sent == FETCHES_MAX {
            return Err(Error::ConnectionLimitReached);
        }
        let id = state.sent;
        let fetch = serde_json::to_vec(&Fetch { id, head }).map_err(broken)?;
        if fetch.len() > REPLY_BYTES_MAX {
            return Err(Error::HttpRequestHeaderSectionSize(u32::try_from(fetch.len()).ok()));
        }
        for piece in content.chunks(REPLY_BYTES_MAX) {
            self.channel.send(Kind::FetchBody, piece).map_err(broken)?;
        }
        self.channel.send(Kind::Fetch, &fetch).map_err(broken)?;
        state.sent += 1;
        Ok(id)
    }

    async fn wait_for(self: Arc<Self>, id: u32) -> Result<Response> {
        loop {
            let turn = Arc::clone(&self.reader).lock_owned().await;
            if let Some(answer) = self.state().answers.remove(&id) {
                return answer;
            }
            let shared = Arc::clone(&self);
            let reading = tokio::task::spawn_blocking(move || {
                // Held until an answer is there, also if nobody waits for it any more.
                let _turn = turn;
                shared.receive()
            });
            reading.await.map_err(broken)?.map_err(broken)?;
        }
    }

    fn receive(&self) -> std::result::Result<(), ChannelError> {
        let mut request = self.channel.receive()?.ok_or(ChannelError::Torn)?;
        if request.kind != Kind::Fetched {
            return Err(ChannelError::OutOfTurn(request.kind));
        }
        let fetched: Fetched = request.json()?;
        let body = if fetched.body_bytes > 0 { Some(request.take_descriptor()?) } else { None };
        let answer = fetched.answer.map_err(of_outbound).and_then(|head| {
            let body = Input::new(body).boxed_unsync();
            head.with_body(body).ok_or(Error::HttpProtocolError)
        });
        let mut state = self.state();
        state.received += 1;
        state.answers.insert(fetched.id, answer);
        Ok(())
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::InternalError(Some(error.to_string()))
}

fn of_outbound(error: OutboundError) -> Error {
    match error {
        OutboundError::Denied => Error::HttpRequestDenied,
        OutboundError::Prohibited => Error::DestinationIpProhibited,
        OutboundError::Unresolved => Error::DnsError { rcode: None, info_code: None },
        OutboundError::Unreachable => Error::DestinationUnavailable,
        OutboundError::NotTrusted => Error::TlsCertificateError,
        OutboundError::TimedOut => Error::ConnectionTimeout,
        OutboundError::TooLarge => Error::HttpResponseBodySize(None),
        OutboundError::Broken => Error::HttpProtocolError,
    }
}
