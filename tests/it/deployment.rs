//! What `deploy/` holds can be used: the image has everything the build needs, the unit and the
//! configuration say what the program does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// What the first stage of the image copies out of the project.
fn copied() -> Vec<PathBuf> {
    let text = read("deploy/Containerfile");
    text.lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"))
        .flat_map(|line| {
            let names: Vec<&str> = line.split_whitespace().collect();
            names[..names.len() - 1].iter().map(PathBuf::from).collect::<Vec<_>>()
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Files that the program includes when it is built.
fn included(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            included(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for macro_name in ["include_str!(\"", "include_bytes!(\"", "include!(\""] {
                for rest in text.split(macro_name).skip(1) {
                    let name = rest.split('"').next().unwrap();
                    found.push(path.parent().unwrap().join(name).canonicalize().unwrap());
                }
            }
        }
    }
}

#[test]
fn the_image_is_built_from_everything_the_build_needs() {
    let copied = copied();
    let mut files = Vec::new();
    included(&root().join("src"), &mut files);
    assert!(files.iter().any(|file| file.ends_with("facts.cedarschema")), "{files:?}");
    for file in files {
        let inside = file.strip_prefix(root().canonicalize().unwrap()).unwrap().to_owned();
        let there = copied.iter().any(|part| inside.starts_with(part));
        assert!(there, "{} is included and not copied into the image", inside.display());
    }

    // With these files and no others, Cargo finds every target that it is told of.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for part in &copied {
        copy(&root().join(part), &folder.path().join(part));
    }
    // Asked for a program that does not exist, Cargo reads everything, compiles nothing, and names those
    // that do.
    let built = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--locked", "--bin", "none"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(said.contains("no bin target named `none`") && said.contains("    helan\n"), "{said}");
}

#[test]
fn nothing_in_the_unit_keeps_a_node_from_starting_with_its_last_good_copy() {
    let unit = read("deploy/helan.service");

    assert!(!unit.lines().any(|line| line.starts_with("ExecStartPre")), "{unit}");
    assert!(
        unit.contains("\nExecStart=/usr/local/bin/helan serve --config /etc/helan/helan.yaml\n")
    );
    assert!(unit.contains("\nRestartPreventExitStatus=64 78\n"), "a bad configuration would loop");
}

#[test]
fn the_configuration_to_start_from_has_only_known_keys_and_lacks_only_its_files() {
    let problems = helan::config::read(&root().join("deploy/helan.yaml")).unwrap_err();

    for problem in &problems {
        assert!(problem.message.contains("cannot be read: No such file"), "{problem}");
    }
    assert_eq!(problems.len(), 4, "certificate, key, authorities, revocation list: {problems:?}");
}
