//! Buckets that several nodes count in together, in Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casemate_limits::{Quota, Verdict};
use casemate_model::Timestamp;
use casemate_throttle::{SharedBuckets, SharedError};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, Script, TlsCertificates};
use secrecy::{ExposeSecret, SecretString};

use crate::transport::{Transport, is_loopback};

/// How long a connection, and an answer, may take. A request waits for it, so it is short; the breaker before it sees to
/// it that few requests wait in vain.
const WAIT_MAX: Duration = Duration::from_millis(250);

/// What keys begin with, for whoever shares the server with others.
const PREFIX: &str = "casemate:limit:";

/// The algorithm of `casemate_limits::Quota`, in one step that nothing comes between. Times are microseconds and below 2^53,
/// so that Lua's numbers hold them exactly. The clock is the server's, so that those of nodes need not agree; only
/// tests pass a time in. A key goes by itself, ten seconds after its bucket is full.
const TAKE: &str = r"
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[1]) * tonumber(ARGV[2])
local now = tonumber(ARGV[4])
if now < 0 then
    local time = redis.call('TIME')
    now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local arrival = tonumber(redis.call('GET', KEYS[1]) or '0')
local start = math.min(math.max(arrival, now), now + window)
local ahead = start + interval * tonumber(ARGV[3]) - now
local wait, used = -1, ahead
if ahead > window then
    wait, used = ahead - window, start - now
end
if used > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', now + used), 'PX', string.format('%.0f', math.ceil(used / 1000) + 10000))
end
return {used, wait}
";

/// Token buckets in a Redis server. One connection, on which requests do not wait for each other, and which is made anew
/// when it is lost.
pub struct RedisBuckets {
    connection: ConnectionManager,
    take: Arc<Script>,
}

/// The address of a Redis server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis cannot be used: it is like rediss://user:password@host:6379/0")]
pub struct RedisAddressError(#[source] RedisError);

/// How what is sent to the server at `url` is protected on its way. Encryption with whoever answers is not to be had.
pub fn redis_transport(url: &SecretString) -> Result<Transport, RedisAddressError> {
    let info = url.expose_secret().into_connection_info().map_err(RedisAddressError)?;
    match info.addr() {
        ConnectionAddr::Unix(_) => Ok(Transport::Local),
        ConnectionAddr::Tcp(host, _) if is_loopback(host) => Ok(Transport::Local),
        ConnectionAddr::Tcp(..) => Ok(Transport::Plain),
        ConnectionAddr::TcpTls { insecure: false, .. } => Ok(Transport::Verified),
        _ => {
            Err(RedisAddressError((ErrorKind::InvalidClientConfig, "its certificate must be checked").into()))
        }
    }
}

impl RedisBuckets {
    /// Prepares to use the server at `url`, which for `rediss` must show a certificate for its name: of an authority in
    /// `authorities` (PEM), or without them of one that the machine trusts. It is connected to when the first request comes,
    /// as a node without it serves too.
    pub fn open(url: &SecretString, authorities: Option<&[u8]>) -> Result<Self, RedisAddressError> {
        let verified = redis_transport(url)? == Transport::Verified;
        let client = match authorities.filter(|_| verified) {
            None => Client::open(url.expose_secret()),
            Some(authorities) => {
                let root_cert = Some(authorities.to_vec());
                Client::build_with_tls(url.expose_secret(), TlsCertificates { client_tls: None, root_cert })
            }
        };
        let client = client.map_err(RedisAddressError)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(WAIT_MAX))
            .set_response_timeout(Some(WAIT_MAX))
            .set_number_of_retries(1)
            .set_max_delay(WAIT_MAX);
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(RedisAddressError)?;
        Ok(Self { connection, take: Arc::new(Script::new(TAKE)) })
    }

    /// The same by a clock that is passed in, for tests.
    pub async fn take_at(
        &self,
        key: &str,
        quota: Quota,
        cost: u32,
        now: Option<Timestamp>,
    ) -> Result<Verdict, SharedError> {
        let now_us = now.map_or(-1, |now| i64::try_from(now.as_millis() * 1_000).unwrap_or(i64::MAX));
        let mut connection = self.connection.clone();
        let mut call = self.take.key(format!("{PREFIX}{key}"));
        call.arg(quota.interval_us()).arg(quota.burst).arg(cost).arg(now_us);
        let taking = tokio::time::timeout(WAIT_MAX, call.invoke_async::<(u64, i64)>(&mut connection));
        let taken = taking.await.map_err(|elapsed| SharedError(Box::new(elapsed)))?;
        let (used_us, wait_us) = taken.map_err(|error| SharedError(Box::new(error)))?;
        Ok(quota.verdict(used_us, u64::try_from(wait_us).ok()))
    }
}

#[async_trait]
impl SharedBuckets for RedisBuckets {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn take(&self, key: &str, quota: Quota, cost: u32) -> Result<Verdict, SharedError> {
        self.take_at(key, quota, cost, None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_redis_is_told_by_its_address() {
        let told = |url: &str| redis_transport(&SecretString::from(url.to_owned())).ok();
        for (url, expected) in [
            ("redis://127.0.0.1:6379/0", Some(Transport::Local)),
            ("redis://:p@localhost/0", Some(Transport::Local)),
            ("unix:///run/redis.sock", Some(Transport::Local)),
            ("redis://u:p@cache.example:6379/0", Some(Transport::Plain)),
            ("rediss://u:p@cache.example:6379/0", Some(Transport::Verified)),
            ("rediss://cache.example/#insecure", None),
            ("http://cache.example", None),
        ] {
            assert_eq!(told(url), expected, "{url}");
        }
    }
}
