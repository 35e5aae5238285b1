//! How an entry is fetched from the department: the interface as it is, what its parameters mean, and
//! whether its answers may be kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ItemName, Mode, UpstreamId};

/// How a payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One JSON text (RFC 8259).
    #[default]
    Json,
    /// One JSON text a line.
    Ndjson,
    /// Comma-separated values with a header row (RFC 4180), UTF-8.
    Csv,
    /// Bytes that are not looked into; every item must be granted.
    File,
}

/// How an entry is fetched from the department.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The department's upstream.
    pub upstream: UpstreamId,
    /// The interface description (OpenAPI 3, YAML or JSON) beside this file.
    pub description: PathBuf,
    /// Path at the department that stands for `/{organization}/{entry}`; paths of the description
    /// are looked up under it.
    #[serde(default)]
    pub base: String,
    /// How calls count: `api` unless the bytes are a file, a page or a batch.
    #[serde(default = "default_mode")]
    pub mode: Mode,
    /// How answers are written.
    #[serde(default)]
    pub format: Format,
    /// Path to the array of rows, such as `data.rows[]`; empty if the answer is one row.
    #[serde(default)]
    pub rows: Option<String>,
    /// Paths around the rows that pass as they are, such as `total` or `page.next`.
    #[serde(default)]
    pub envelope: Vec<String>,
    /// What the parameters of the description mean. One that is not named here only pages or formats;
    /// it must then be listed with that use.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// What the members of a JSON request body mean.
    #[serde(default)]
    pub body: Option<Body>,
    /// Media types of request bodies that select nothing and pass as they come, such as `image/png`.
    /// Any other body that is not JSON is refused, and so are these under a grant with a scope.
    #[serde(default)]
    pub opaque: Vec<String>,
    /// Response headers that pass besides the usual ones.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Largest answer in bytes.
    #[serde(default = "default_largest")]
    pub largest: u64,
}

fn default_mode() -> Mode {
    Mode::Api
}

fn default_largest() -> u64 {
    1 << 30
}

/// What a request body may hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Largest body in bytes that is read to be checked.
    #[serde(default = "default_body")]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub largest: u32,
    /// Members by their path, such as `filter.id_no`; any other member is refused.
    pub members: BTreeMap<String, Parameter>,
}

fn default_body() -> u32 {
    64 * 1024
}

/// What a parameter or body member means.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What it does.
    #[serde(rename = "use")]
    pub usage: ParameterUse,
    /// The item it works on, if it selects or filters by one.
    #[serde(default)]
    pub item: Option<ItemName>,
    /// Whether its value is the data subject, kept in records as a keyed hash.
    #[serde(default)]
    pub subject: bool,
    /// Whether its value lists item names, separated by commas, each of which must be granted
    /// (`-name` and `name:desc` in a sort).
    #[serde(default)]
    pub names: bool,
    /// The value sent, if its use is `fixed`.
    #[serde(default)]
    pub value: Option<String>,
}

/// What a parameter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterUse {
    /// Picks rows by the value of an item.
    Filter,
    /// Names items to return.
    Select,
    /// Orders rows by items.
    Sort,
    /// Pages through rows.
    Page,
    /// Chooses how the answer is written.
    Format,
    /// Always sent with a value of the gateway's and never taken from a caller.
    Fixed,
}

/// Whether and how answers are kept. Declares that they do not depend on who asks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Must be true: the answer is the same for every consumer.
    pub shared: bool,
    /// Seconds an answer is fresh when the department does not say.
    #[serde(default)]
    pub seconds: Option<u32>,
    /// Largest answer in bytes that is kept.
    #[serde(default = "default_kept")]
    pub largest: u32,
}

fn default_kept() -> u32 {
    1 << 20
}
