//! The job that makes a report.
//!
//! A saved outcome writes it, and so does a transcript that became ready. While it fails
//! the task stays open and an alarm stands (R3.2e).

use songda_store::{
    Said, alarms,
    jobs::{Job, PATIENCE},
};

use crate::reports::Printer;

/// Kind of the job.
pub const JOB: &str = "report";
/// Kind of the alarm; its object is the task.
pub const ALARM: &str = "report.failed";

/// Runs one job, for [`songda_store::jobs::work`]: an error asks for another try. The
/// first failure raises the alarm, each twelfth renews it, a success clears it.
pub async fn run(printer: &Printer, job: Job) -> Result<(), String> {
    let id = |name: &str| job.payload.get(name).and_then(serde_json::Value::as_str);
    let (Some(task), Some(attempt)) = (id("task"), id("attempt")) else {
        return Err("the job names no task and attempt".to_owned());
    };
    let tries = job.attempts + 1;
    let result = match printer.render(task, attempt).await {
        Ok(made) => {
            if let Some(report) = made {
                tracing::info!(task, report = %report.id, version = report.version, "report made");
            }
            alarms::clear(&printer.db, &printer.clock, ALARM, task).await
        }
        Err(error) => {
            let error = error.to_string();
            if tries == 1 || tries % PATIENCE == 0 {
                let said =
                    Said::new("report.failed", "a report of service could not be made, {tries} times so far: {why}");
                let said = said.with("tries", tries).with("why", error.as_str());
                if let Err(unraised) = alarms::raise(&printer.db, &printer.clock, ALARM, task, &said).await {
                    tracing::error!(task, error = %unraised, "an alarm could not be raised");
                }
            }
            return Err(error);
        }
    };
    result.map_err(|error| error.to_string())
}
