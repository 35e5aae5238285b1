//! Tools that `deploy/tools` brought.

use std::path::{Path, PathBuf};

/// Where a tool is, or why its test is left out. Under `CI=true` nothing is left out.
///
/// A place that begins with `tools:` lies among what was brought; a bare name is looked for on the
/// `PATH` and where Debian keeps what only root runs, as `deploy/tools` looks for it.
pub fn tool(name: &str, places: &[&str]) -> Option<PathBuf> {
    let brought = std::env::var_os("HELAN_TOOLS").map(PathBuf::from);
    let found = places.iter().find_map(|place| match place.strip_prefix("tools:") {
        Some(inside) => brought.as_ref().map(|tools| tools.join(inside)).filter(|p| p.exists()),
        None if place.contains('/') => Some(PathBuf::from(place)).filter(|path| path.exists()),
        None => on_path(place),
    });
    if found.is_none() {
        let missing = format!("{name} is missing; `make test` brings it");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
        eprintln!("left out: {missing}");
    }
    found
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
