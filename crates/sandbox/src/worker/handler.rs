use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use casemate_model::{LimitKind, Outcome};
use http::uri::Scheme;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::{Error, Store, format_err};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme as GuestScheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error as HttpError, WasiHttpView};

use super::engines::HandlerState;
use super::meter::Stream;
use super::run::{Session, Times};
use crate::wire::exchange::{RequestHead, ResponseHead};
use crate::wire::frame::{Kind, REPLY_BYTES_MAX};

/// How much of a body is read at once.
const CHUNK_BYTES: usize = 64 << 10;

type Response = http::Response<HyperOutgoingBody>;

impl Session<'_> {
    /// Has a component answer the request. It ended well if it gave a whole answer.
    pub(super) async fn handler(
        &self,
        pre: &ProxyPre<HandlerState>,
        store: &mut Store<HandlerState>,
    ) -> (Outcome, Times) {
        let mut times = Times::start();
        let ended = tokio::time::timeout_at(self.deadline.into(), self.answer(pre, store, &mut times)).await;
        let outcome = match ended {
            Ok(Ok(whole)) => self.outcome(Ok(()), Outcome::Exited(u32::from(!whole))),
            Ok(Err(error)) => self.outcome(Err(error), Outcome::Exited(1)),
            Err(_) => Outcome::LimitReached(LimitKind::Wall),
        };
        (outcome, times)
    }

    /// Calls the guest and passes on what it answers meanwhile; says whether the answer is whole.
    async fn answer(
        &self,
        pre: &ProxyPre<HandlerState>,
        store: &mut Store<HandlerState>,
        times: &mut Times,
    ) -> wasmtime::Result<bool> {
        let (sender, receiver) = oneshot::channel();
        let (scheme, request) = self.request()?;
        let request = store.data_mut().http().new_incoming_request(scheme, request)?;
        let outparam = store.data_mut().http().new_response_outparam(sender)?;
        let call = async {
            let proxy = pre.instantiate_async(&mut *store).await?;
            times.instantiated();
            proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, outparam).await
        };
        let pass = self.pass(receiver);
        let (mut call, mut pass) = (std::pin::pin!(call), std::pin::pin!(pass));
        tokio::select! {
            biased;
            called = &mut call => called?,
            // An answer that is over, or cannot be passed on, does not end the guest by itself.
            passed = &mut pass => {
                let passed = passed?;
                return call.await.map(|()| passed);
            }
        }
        // All that the guest has written is there; what is not finished now will never be.
        let now = std::future::poll_fn(|context| Poll::Ready(pass.as_mut().poll(context)));
        match now.await {
            Poll::Ready(passed) => passed,
            Poll::Pending => Ok(false),
        }
    }

    fn request(&self) -> wasmtime::Result<(GuestScheme, http::Request<Input>)> {
        let head: RequestHead = self.run.serving.clone().ok_or_else(|| format_err!("no request came"))?;
        let body = Input { bytes: self.body.as_ref().map(|fd| fd.try_clone()).transpose()?, position: 0 };
        let request = head.with_body(body).ok_or_else(|| format_err!("the request is none"))?;
        let secure = request.uri().scheme() == Some(&Scheme::HTTPS);
        Ok((if secure { GuestScheme::Https } else { GuestScheme::Http }, request))
    }

    /// Passes the answer on as it comes; says whether it is whole.
    async fn pass(&self, answer: oneshot::Receiver<Result<Response, ErrorCode>>) -> wasmtime::Result<bool> {
        // Dropped unset, or an error on purpose.
        let Ok(Ok(answer)) = answer.await else { return Ok(false) };
        let head = ResponseHead::of(&answer);
        // What is no answer is none, and no reason to give up the worker.
        if !head.is_answer() {
            return Ok(false);
        }
        let head = serde_json::to_vec(&head)?;
        if head.len() > REPLY_BYTES_MAX {
            return Err(Error::new(self.meter.reach(LimitKind::Output)));
        }
        self.channel.send(Kind::Head, &head)?;
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Ok(false) };
            let Ok(data) = frame.into_data() else { continue };
            let granted = self.meter.take(Stream::Stdout, data.len() as u64);
            let data = data.slice(..usize::try_from(granted)?);
            for piece in data.chunks(REPLY_BYTES_MAX) {
                self.channel.send(Kind::Body, piece)?;
            }
            if let Some(kind) = self.meter.reached() {
                return Err(Error::new(self.meter.reach(kind)));
            }
        }
        Ok(true)
    }
}

/// A body that the node has handed over whole.
pub(super) struct Input {
    bytes: Option<OwnedFd>,
    position: u64,
}

impl Input {
    pub(super) fn new(bytes: Option<OwnedFd>) -> Self {
        Self { bytes, position: 0 }
    }
}

impl Body for Input {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let Some(bytes) = &self.bytes else { return Poll::Ready(None) };
        let read = match read_some(bytes.as_fd(), self.position) {
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(HttpError::InternalError(Some(error.to_string()))))),
        };
        if read.is_empty() {
            self.bytes = None;
            return Poll::Ready(None);
        }
        self.position += read.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(read))))
    }
}

fn read_some(bytes: BorrowedFd<'_>, position: u64) -> rustix::io::Result<Bytes> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let count = rustix::io::pread(bytes, &mut buffer, position)?;
    buffer.truncate(count);
    Ok(buffer.into())
}
