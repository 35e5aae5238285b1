//! Finds the files of a policy folder that are read.

use std::fs::{self, DirEntry, Metadata};
use std::path::{Path, PathBuf};

use super::layout::{Role, is_entered, role};
use crate::config::problem::{Problem, Severity};
use crate::policy::pace::give_way;

/// The files that are read, by their path under `root`, and what is wrong with the others.
pub(super) fn files(root: &Path) -> (Vec<(PathBuf, Metadata)>, Vec<Problem>) {
    let mut walk =
        Walk { root, inside: fs::canonicalize(root).ok(), files: Vec::new(), problems: Vec::new() };
    walk.enter(Path::new(""));
    walk.files.sort_by(|(a, _), (b, _)| {
        give_way();
        a.cmp(b)
    });
    (walk.files, walk.problems)
}

struct Walk<'r> {
    root: &'r Path,
    inside: Option<PathBuf>,
    files: Vec<(PathBuf, Metadata)>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn enter(&mut self, relative: &Path) {
        let folder = self.root.join(relative);
        let listed = fs::read_dir(&folder).and_then(|entries| {
            entries.inspect(|_| give_way()).collect::<Result<Vec<DirEntry>, _>>()
        });
        match listed {
            Ok(entries) => {
                for entry in entries {
                    self.meet(&relative.join(entry.file_name()), &entry);
                }
            }
            Err(error) => self.problems.push(Problem::of_file(
                &folder,
                format!("the folder cannot be read: {error}"),
                "create it, or make it readable for the user Helan runs as",
            )),
        }
    }

    fn meet(&mut self, relative: &Path, entry: &DirEntry) {
        give_way();
        let role = role(relative);
        if role == Role::Ignored {
            return;
        }
        let path = self.root.join(relative);
        let Ok(own) = entry.metadata() else { return };
        if own.is_symlink() && !self.leads_inside(&path) {
            self.problems.push(Problem::of_file(
                &path,
                "the link leads out of the policy folder, or nowhere",
                "put the file itself here",
            ));
            return;
        }
        let meta = if own.is_symlink() { fs::metadata(&path) } else { Ok(own) };
        let Ok(meta) = meta else { return };
        if meta.is_dir() {
            if is_entered(relative) {
                self.enter(relative);
            }
        } else if let Role::Stray(why) = role {
            let mut problem = Problem::of_file(
                &path,
                format!("the file is not read: {why}"),
                "move it where it belongs, or out of the folder",
            );
            problem.severity = Severity::Warning;
            self.problems.push(problem);
        } else if meta.is_file() {
            self.files.push((relative.to_owned(), meta));
        } else {
            let mend = "put a plain file here";
            self.problems.push(Problem::of_file(&path, "this is no plain file", mend));
        }
    }

    fn leads_inside(&self, link: &Path) -> bool {
        match (fs::canonicalize(link), &self.inside) {
            (Ok(target), Some(inside)) => target.starts_with(inside),
            (Ok(_) | Err(_), _) => false,
        }
    }
}
