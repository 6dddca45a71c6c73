//! A served house for the tests.

use std::path::Path;

use reqwest::{Client, Method, RequestBuilder};
use songda_api::{config::Config, house::House, seed, serve};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) house: House,
    pub(crate) machine_key: String,
    cancel: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

pub(crate) fn config(folder: &Path) -> Config {
    let text = format!(
        "demo = true\n[server]\nlisten = \"127.0.0.1:0\"\n[data]\nfolder = \"{}\"\nfree_floor = 0\n",
        folder.display()
    );
    Config::parse(&text, "test").unwrap()
}

pub(crate) async fn running() -> Running {
    songda_store::http::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let house = House::open(&config).await.unwrap();
    let machine_key = seed::demo(&house).await.unwrap();
    let cancel = CancellationToken::new();
    let (bound, address) = oneshot::channel();
    let (served, until) = (house.clone(), cancel.clone());
    tokio::spawn(
        async move { serve::serve(&config, served, until, |address| bound.send(address).unwrap()).await.unwrap() },
    );
    Running { url: format!("http://{}", address.await.unwrap()), house, machine_key, cancel, _folder: folder }
}

impl Running {
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
