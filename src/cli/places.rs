//! Where a node keeps what commands read: said by the folder, or by the node's own configuration.

use std::path::{Path, PathBuf};

use crate::config::problem::BadConfiguration;
use crate::config::{self, Config};

/// Where records are.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Folder {
    /// Folder of records.
    #[arg(long, value_name = "DIR")]
    pub records: Option<PathBuf>,
    /// Configuration of a node, which names its folder of records.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Folder {
    /// The folder; one that is named by itself comes first.
    pub(super) fn path(&self) -> Result<PathBuf, BadConfiguration> {
        match (&self.records, &self.config) {
            (Some(records), _) => Ok(records.clone()),
            (None, Some(config)) => Ok(places(config)?.records),
            (None, None) => {
                Err(BadConfiguration("name --records DIR, or --config FILE".to_owned()))
            }
        }
    }
}

/// The configuration of a node, for who only reads what it names.
pub(super) fn places(path: &Path) -> Result<Config, BadConfiguration> {
    config::places(path).map_err(|problems| BadConfiguration::of_node(&problems))
}
