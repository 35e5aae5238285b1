//! The same records, read by code that others wrote: the Go project's own note and tlog packages.

use std::fs;
use std::process::Command;

use super::*;
use crate::support::tools::tool;

/// Opens the checkpoint with the key, reads every leaf hash through tiles that it verifies against the
/// root, and proves and checks the records whose numbers and leaves come in on standard input.
const PROGRAM: &str = r#"
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct{ folder string }

func (t tiles) Height() int                         { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte)     {}
func (t tiles) ReadTiles(ask []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range ask {
		// Go's own paths begin with the height, tlog-tiles' do not.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func must(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
}

func main() {
	folder, key := os.Args[1], os.Args[2]
	text, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	must(err)
	verifier, err := note.NewVerifier(key)
	must(err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	reader := tlog.TileHashReader(tree, tiles{folder})
	whole, err := tlog.TreeHash(size, reader)
	must(err)
	if whole != tree.Hash {
		must(fmt.Errorf("the tiles make another root"))
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	count := 0
	for in.Scan() {
		number, leaf, _ := strings.Cut(in.Text(), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		must(err)
		proof, err := tlog.ProveRecord(size, n-1, reader)
		must(err)
		must(tlog.CheckRecord(proof, size, tree.Hash, n-1, tlog.RecordHash([]byte(leaf))))
		count++
	}
	must(in.Err())
	fmt.Printf("%s %d %d\n", lines[0], size, count)
}
"#;

#[test]
fn gos_own_packages_verify_checkpoint_tiles_and_every_record() {
    let Some(go) = tool("go", &["go"]) else { return };
    if tool("golang.org/x/mod", &["/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog/tlog.go"])
        .is_none()
    {
        return;
    }
    let (folder, _) = grown(1_500);
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("main.go"), PROGRAM).unwrap();
    let built = work.path().join("outside");
    let status = Command::new(go)
        .args(["build", "-o"])
        .arg(&built)
        .arg("main.go")
        .current_dir(work.path())
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", work.path().join("cache"))
        .env("GOFLAGS", "")
        .status();
    assert!(status.unwrap().success());
    let mut input = String::new();
    for path in segments(folder.path()) {
        for line in fs::read_to_string(path).unwrap().lines() {
            let number = line[16..].split(',').next().unwrap();
            input.push_str(&format!("{number} {}\n", &line[9..]));
        }
    }
    let asked = input.lines().count();
    fs::write(work.path().join("input"), input).unwrap();

    let output = Command::new(built)
        .arg(folder.path().join("tree"))
        .arg(signer(7).verifier().to_string())
        .stdin(fs::File::open(work.path().join("input")).unwrap())
        .output()
        .unwrap();

    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("{ORIGIN} {asked} {asked}\n"));
    assert!(asked > 3_000);
}
