//! `helan records rebuild`: the roll-ups anew, from the records.

use std::io::Write;
use std::path::PathBuf;

use super::progress::Progress;
use super::{Folder, RecordsError, finish};
use crate::cli::places::places;
use crate::config::problem::BadConfiguration;
use crate::supervision;

/// Builds the roll-ups (`supervision.sqlite` in the state folder) anew from the records; the figures are
/// the same as those of a node that was never disturbed.
#[derive(Clone, Debug, clap::Args)]
pub struct RebuildArgs {
    /// Where records are.
    #[command(flatten)]
    pub folder: Folder,
    /// Folder of state, where roll-ups are; the one that the configuration names if absent.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

impl RebuildArgs {
    fn state(&self) -> Result<PathBuf, BadConfiguration> {
        match (&self.state, &self.folder.config) {
            (Some(state), _) => Ok(state.clone()),
            (None, Some(config)) => Ok(places(config)?.state),
            (None, None) => Err(BadConfiguration(
                "name --state DIR, where roll-ups are to be, or --config FILE".to_owned(),
            )),
        }
    }
}

/// Builds, and says how far it came.
pub(super) fn rebuild(args: &RebuildArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    let (records, state) = (args.folder.path()?, args.state()?);
    let mut progress = Progress::start();
    let built =
        supervision::rebuild(&records, &state, |records, time| progress.come_to(records, time))?;
    drop(progress);
    writeln!(
        out,
        "the roll-ups in {} are those of the records up to number {}, of {}",
        state.display(),
        built.place.seq,
        built.place.time
    )?;
    finish(built.damaged.iter().map(ToString::to_string).collect())
}
