//! DNS records of names have one spelling, and any message of DNS is answered, or not, without a panic.
#![no_main]

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use casemate_dns::{Dns, DnsSettings, Look, Reply, Transport, View, Zone};
use casemate_model::test_support::ManualClock;
use casemate_model::{DnsRecords, Name, StoreError};
use libfuzzer_sys::fuzz_target;

/// A registry in which every name says the same.
struct Same(Arc<DnsRecords>);

#[async_trait]
impl View for Same {
    async fn look(&self, _: &Name) -> Result<Look, StoreError> {
        Ok(Look { says: Some(Arc::clone(&self.0)), has_below: false })
    }

    async fn page(&self, _: Option<&Name>, _: u32) -> Result<(Vec<(Name, DnsRecords)>, Option<Name>), StoreError> {
        Ok((Vec::new(), None))
    }

    async fn serial(&self) -> Result<u32, StoreError> {
        Ok(1)
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(records) = text.parse::<DnsRecords>()
    {
        assert_eq!(records.to_string().parse::<DnsRecords>().as_ref(), Ok(&records));
    }
    let says: DnsRecords = "A 192.0.2.1\nTXT words".parse().expect("these are records");
    let zone = Zone::new("names.example", &["ns1.names.example=192.0.2.53".to_owned()]).expect("this is a zone");
    let settings = DnsSettings { zone, signer: None, transfer_key: None, answers: None };
    let dns = Dns::new(settings, Arc::new(Same(Arc::new(says))), Arc::new(ManualClock::new()));
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    for transport in [Transport::Udp, Transport::Stream, Transport::Http] {
        let mut reply = pin!(dns.reply(bytes, from, transport));
        // Nothing that it asks for has to be waited for.
        match reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Reply::Message(message)) => assert!(message.len() >= 12),
            Poll::Ready(Reply::Silence | Reply::Transfer(_)) | Poll::Pending => {}
        }
    }
});
