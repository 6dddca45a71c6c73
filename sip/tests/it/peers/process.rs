//! A program that is told by lines what to do, and says by lines what happens.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
};

use super::LIMIT;

/// The program, which ends with this, and so does whatever it started.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    said: Arc<Mutex<Vec<String>>>,
    news: watch::Receiver<usize>,
    /// How much of it was looked at.
    read: usize,
}

impl Process {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} is needed, see scripts/test: {error}"));
        let (told, news) = watch::channel(0);
        let said = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::new(told);
        listen(child.stdout.take().unwrap(), said.clone(), told.clone());
        listen(child.stderr.take().unwrap(), said.clone(), told);
        let stdin = child.stdin.take().unwrap();
        Self { name, child, stdin, said, news, read: 0 }
    }

    pub(crate) async fn tell(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Waits for a line with these words, after those that were waited for before.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        let found = async {
            loop {
                {
                    let said = self.said.lock().unwrap();
                    let found = said[self.read..].iter().position(|line| line.contains(words));
                    if let Some(at) = found {
                        self.read += at + 1;
                        return said[self.read - 1].clone();
                    }
                }
                if self.news.changed().await.is_err() {
                    break;
                }
            }
            panic!("{} ended and never said {words:?}: {:#?}", self.name, self.said.lock().unwrap());
        };
        let line = tokio::time::timeout(LIMIT, found).await.ok();
        line.unwrap_or_else(|| panic!("{} does not say {words:?}: {:#?}", self.name, self.said.lock().unwrap()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = self.child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

fn listen(
    from: impl AsyncRead + Unpin + Send + 'static,
    said: Arc<Mutex<Vec<String>>>,
    told: Arc<watch::Sender<usize>>,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            said.lock().unwrap().push(line);
            told.send_modify(|count| *count += 1);
        }
    });
}
