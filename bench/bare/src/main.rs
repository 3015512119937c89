//! An axum server with one route that answers a small JSON object. It prints its address.

use axum::{Json, Router, routing::get};
use serde_json::json;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // About as large as the answer that it is compared with.
    let answer = json!({
        "principal": "key:key_01kg9ys7kv040g2081040g2081",
        "project": "default",
        "role": "viewer",
        "scopes": ["names:read"],
    });
    let router = Router::new().route("/api/v1/session", get(async move || Json(answer.clone())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await
}
