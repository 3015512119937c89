//! DeltaGlider's verbs on a bucket of S3, for the interoperability test:
//! `dg --bucket NAME [--endpoint-url URL] put FILE KEY | get KEY FILE | ls | rm KEY | verify KEY | stats | purge`.
//!
//! Credentials come from the environment.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "an example is its own face")]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;

use casemate_fs::SealedBytes;
use casemate_model::{Clock, Timestamp};
use casemate_remote::deltaglider::{DeltaGlider, LogicalKey, PutOptions, Settings, StatsMode, Vcdiff};
use casemate_remote::{CloudBucket, S3Settings};

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(0);
        Timestamp::from_millis(millis).unwrap_or(Timestamp::EPOCH)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: VecDeque<String> = std::env::args().skip(1).collect();
    let mut settings = S3Settings::new("");
    settings.access_key_id = std::env::var("AWS_ACCESS_KEY_ID").ok();
    settings.secret_access_key = std::env::var("AWS_SECRET_ACCESS_KEY").ok().map(Into::into);
    let mut options = PutOptions::default();
    while let Some(flag) = arguments.front().filter(|text| text.starts_with("--")).cloned() {
        arguments.pop_front();
        let mut value = || arguments.pop_front().ok_or("a value is missing");
        match flag.as_str() {
            "--bucket" => settings.bucket = value()?,
            "--endpoint-url" => settings.endpoint_url = Some(value()?),
            "--max-ratio" => options.max_ratio = value()?.parse()?,
            "--no-delta" => options.no_delta = true,
            other => return Err(format!("what is {other}?").into()),
        }
    }
    let bucket = Arc::new(CloudBucket::s3(&settings)?);
    if arguments == ["conformance"] {
        casemate_remote::test_support::check_bucket(bucket).await;
        return Ok(());
    }
    let engine = DeltaGlider::new(bucket, Arc::new(Vcdiff), Arc::new(SystemClock), Settings::default());
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&engine, &settings.bucket, &options, &words).await
}

async fn run(
    engine: &DeltaGlider,
    bucket: &str,
    options: &PutOptions,
    words: &[&str],
) -> Result<(), Box<dyn Error>> {
    match words {
        ["put", file, key] => {
            let bytes = SealedBytes::from_bytes(&std::fs::read(file)?)?;
            println!("{:?}", engine.put(&LogicalKey::parse(key)?, bytes, options).await?);
        }
        ["get", key, file] => {
            let restored = engine.get(&LogicalKey::parse(key)?).await?;
            std::fs::write(file, restored.bytes.as_slice()?)?;
        }
        ["rescue", key, file] => {
            let restored = engine.rescue(&LogicalKey::parse(key)?).await?;
            std::fs::write(file, restored.bytes.as_slice()?)?;
        }
        ["ls"] => {
            for object in engine.list("").await?.objects {
                println!("{} {}", object.size_bytes, object.key);
            }
        }
        ["rm", key] => println!("{:?}", engine.delete(&LogicalKey::parse(key)?).await?),
        ["verify", key] => println!("{:?}", engine.verify(&LogicalKey::parse(key)?).await?),
        ["stats"] => println!("{:?}", engine.stats(bucket, StatsMode::Detailed).await?),
        ["purge"] => println!("{:?}", engine.purge().await?),
        other => return Err(format!("what is {other:?}?").into()),
    }
    Ok(())
}
