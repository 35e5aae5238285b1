//! Tools that `deploy/tools` brought.

use std::path::PathBuf;

/// Where a tool is, or why its test is left out. Under `CI=true` nothing is left out.
pub fn tool(name: &str, places: &[&str]) -> Option<PathBuf> {
    let brought = std::env::var_os("HELAN_TOOLS").map(PathBuf::from);
    let found = places.iter().map(|place| match place.strip_prefix("tools:") {
        Some(inside) => brought.as_ref().map(|tools| tools.join(inside)),
        None => Some(PathBuf::from(place)),
    });
    let found = found.flatten().find(|path| path.exists());
    if found.is_none() {
        let missing = format!("{name} is missing; `make test` brings it");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
        eprintln!("left out: {missing}");
    }
    found
}
