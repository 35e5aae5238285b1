//! Small interfaces that stand in for systems which departments already run: one that answers JSON,
//! one with CSV files, a slow one, and one that has drifted from its description.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// The description of an interface that no catalog entry was written for yet: the one that README
/// publishes.
const STATIONS: &str = include_str!("stations.openapi.json");

/// What the stand-ins hold.
const DATA: &str = include_str!("departments.json");

/// How slow the slow one is.
const SLOW: Duration = Duration::from_millis(1500);

/// The data of one interface.
#[derive(Debug, Deserialize)]
struct Table {
    columns: Vec<String>,
    filters: BTreeMap<String, String>,
    rows: Vec<Map<String, Value>>,
}

type Tables = Arc<BTreeMap<String, Table>>;

/// Starts one stand-in on this address; it ends with the runtime.
pub(super) async fn start(address: SocketAddr, slow: bool) -> anyhow::Result<()> {
    let tables: Tables = Arc::new(serde_json::from_str(DATA)?);
    let listener = TcpListener::bind(address).await?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let tables = Arc::clone(&tables);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let tables = Arc::clone(&tables);
                    async move {
                        if slow {
                            tokio::time::sleep(SLOW).await;
                        }
                        Ok::<_, Infallible>(answer(&tables, &request))
                    }
                });
                // A gateway that closes its connection ends this; there is nothing to tell anybody.
                drop(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    Ok(())
}

fn answer(tables: &BTreeMap<String, Table>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().trim_matches('/');
    if let Some(table) = path.strip_suffix(".csv").and_then(|name| tables.get(name)) {
        return respond(StatusCode::OK, "text/csv", csv(table));
    }
    if path == "stations/openapi.json" {
        return respond(StatusCode::OK, "application/json", STATIONS.to_owned());
    }
    match tables.get(path) {
        None => respond(StatusCode::NOT_FOUND, "application/json", "{}".to_owned()),
        Some(table) => {
            let query = parameters(request.uri().query().unwrap_or(""));
            respond(StatusCode::OK, "application/json", rows(table, &query))
        }
    }
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("legacy/1.0"));
    response
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn rows(table: &Table, query: &BTreeMap<String, String>) -> String {
    let fits = |row: &&Map<String, Value>| {
        query.iter().all(|(name, wanted)| {
            table
                .filters
                .get(name)
                .is_none_or(|column| row.get(column).is_some_and(|value| plain(value) == *wanted))
        })
    };
    let rows: Vec<_> = table.rows.iter().filter(fits).collect();
    json!({"total": rows.len(), "rows": rows}).to_string()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn csv(table: &Table) -> String {
    let mut text = table.columns.join(",");
    for row in &table.rows {
        text.push_str("\r\n");
        let cells =
            table.columns.iter().map(|column| row.get(column).map(plain).unwrap_or_default());
        text.push_str(&cells.collect::<Vec<_>>().join(","));
    }
    text.push_str("\r\n");
    text
}
