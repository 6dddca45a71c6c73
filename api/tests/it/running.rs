//! A served house for the tests.

use std::path::Path;

use reqwest::{Client, Method, RequestBuilder};
use songda_api::{
    config::Config,
    house::House,
    seed,
    serve::{self, Stop},
};
use tokio::sync::oneshot;

pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) house: House,
    pub(crate) machine_key: String,
    stop: Stop,
    folder: Option<tempfile::TempDir>,
}

impl Running {
    /// Where its data lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.drain.cancel();
    }
}

/// The sections that every configuration has, with free ports on this machine.
pub(crate) fn sections(folder: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    format!(
        "demo = true\n[server]\nlisten = \"127.0.0.1:0\"\n[data]\nfolder = \"{}\"\nfree_floor = 0\n\
         [telephony]\nsip_listen = \"127.0.0.1:0\"\nphone_realm = \"phones.court.test\"\nweb_listen = \"127.0.0.1:0\"\nprompts = \"{}\"\n\
         [asr]\nmodel = \"{}\"\nsha256 = \"{}\"\n",
        folder.display(),
        root.join("agent-console/calls/prompts").display(),
        root.join("asr/fixtures/ggml-songda-test-zh.bin").display(),
        "0".repeat(64),
    )
}

pub(crate) fn config(folder: &Path) -> Config {
    Config::parse(&sections(folder), "test").unwrap()
}

pub(crate) async fn running() -> Running {
    songda_store::http::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let house = House::open(&config).await.unwrap();
    let machine_key = seed::demo(&house, "127.0.0.1:9".parse().unwrap()).await.unwrap();
    serve_house(config, house, folder, machine_key).await
}

/// The same data, opened again.
pub(crate) async fn reopened(folder: tempfile::TempDir) -> Running {
    let config = config(folder.path());
    let house = House::open(&config).await.unwrap();
    serve_house(config, house, folder, String::new()).await
}

async fn serve_house(config: Config, house: House, folder: tempfile::TempDir, machine_key: String) -> Running {
    let stop = Stop::default();
    let (bound, address) = oneshot::channel();
    let (served, until) = (house.clone(), stop.clone());
    tokio::spawn(async move {
        let path = Path::new("songda.toml");
        serve::serve(&config, path, served, until, |address| bound.send(address).unwrap()).await.unwrap();
    });
    Running { url: format!("http://{}", address.await.unwrap()), house, machine_key, stop, folder: Some(folder) }
}

impl Running {
    /// Stops the house and gives its data back.
    pub(crate) async fn stop(mut self) -> tempfile::TempDir {
        self.stop.drain.cancel();
        while self.house.db.ping().await.is_ok() {
            tokio::task::yield_now().await;
        }
        self.folder.take().unwrap()
    }

    /// Signs in; answers the cookie.
    pub(crate) async fn cookie(&self, login: &str) -> String {
        let body = serde_json::json!({ "login": login, "password": seed::DEMO_PASSWORD });
        let answer = Client::new().post(format!("{}/api/v1/session", self.url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{login}");
        let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) fn ask(&self, method: &str, path: &str, cookie: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Client::new().request(method, format!("{}{path}", self.url)).header("cookie", cookie)
    }
}
