//! What an agent writes down about a call.

use serde_json::Value;

use super::{Agent, http};

impl Agent {
    fn call_url(&self, call: &str, what: &str) -> String {
        format!("{}/api/v1/calls/{call}/{what}", self.url)
    }

    /// Saves an outcome; answers status and body.
    pub async fn save(&mut self, choice: Value) -> (u16, Value) {
        let call = self.call["call_id"].as_str().unwrap().to_owned();
        self.save_for(&call, choice).await
    }

    /// Saves the outcome of a call that is over since long.
    pub async fn save_for(&mut self, call: &str, choice: Value) -> (u16, Value) {
        let answer = http()
            .post(self.call_url(call, "outcome"))
            .header("cookie", &self.cookie)
            .json(&choice)
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        self.seen.push(text.clone());
        (status, serde_json::from_str(&text).unwrap())
    }

    /// Keeps what is filled in so far.
    pub async fn save_draft(&mut self, form: Value) -> u16 {
        let url = self.call_url(self.call["call_id"].as_str().unwrap(), "draft");
        let answer = http().put(url).header("cookie", &self.cookie).json(&form).send().await.unwrap();
        let status = answer.status().as_u16();
        self.seen.push(answer.text().await.unwrap());
        status
    }

    /// What is filled in so far.
    pub async fn draft(&mut self) -> Value {
        let url = self.call_url(self.call["call_id"].as_str().unwrap(), "draft");
        self.read(url).await
    }

    /// The calls whose outcome is still to be saved (待补录).
    pub async fn owed(&mut self) -> Value {
        let url = format!("{}/api/v1/desk/owed", self.url);
        self.read(url).await
    }

    pub(super) async fn read(&mut self, url: String) -> Value {
        let answer = http().get(url).header("cookie", &self.cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        self.seen.push(text.clone());
        serde_json::from_str(&text).unwrap()
    }
}
